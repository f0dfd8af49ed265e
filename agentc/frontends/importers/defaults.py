"""Figures that stand in where another tool's file states none, each with its reason; every use is told as assumed.

Tokens, latencies, an SLA and a load that nobody states are left out of the definition, so that the defaults of the
YAML form (``agentc/frontends/defaults.py``) hold and the IR marks them.
"""

from typing import Final

MAX_TRIPS: Final = 10
"""Trips of a loop at most: what agent frameworks allow (ReAct agents of LangChain 15, NeMo Agent Toolkit 15, CrewAI 20,
Flowise 10), at the careful end."""

EXPECTED_TRIPS: Final = 2.0
"""Trips of a cycle in a graph: one that does the work, one that corrects it."""

TOOL_TRIPS: Final = 2.5
"""Model calls of an agent with tools: one or two that ask for a tool, and one that answers."""

HANDOFFS: Final = 2.0
"""Agents that take turns in a group: the first, and one that it hands over to."""

CAUGHT: Final = 0.05
"""How often a step fails and its handler runs."""

CONDITION: Final = 0.5
"""How often a task runs whose condition is a function of the user's."""

PARALLEL: Final = 4
"""Entries of a fan-out at a time where the source says that it runs in parallel, but not how far."""

TOOL_URL: Final = "http://localhost:8000/tools"
"""Where a tool is expected whose server the source does not name. The planner does not ask; `agentc run` does."""
