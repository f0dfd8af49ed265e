"""agentc's own dialects, one a file; upstream dialects are used as they are.

``DIALECTS`` names where each lives; nothing is imported until a dialect is asked for.
"""

if __name__ != "agentc.dialects":
    raise ImportError("import agentc.dialects: under a second name every class would exist twice")

DIALECTS: dict[str, str] = {
    "agent": "agentc.dialects.agent:Agent",
    "llm": "agentc.dialects.llm:Llm",
    "kv": "agentc.dialects.kv:Kv",
    "gate": "agentc.dialects.gate:Gate",
    "expert": "agentc.dialects.expert:Expert",
    "comm": "agentc.dialects.comm:Comm",
    "model": "agentc.dialects.model:Model",
    "tool": "agentc.dialects.tool:Tool",
    "memory": "agentc.dialects.memory:Memory",
    "compute": "agentc.dialects.compute:Compute",
    "place": "agentc.dialects.place:Place",
    "linalg_ext": "agentc.dialects.linalg_ext:LinalgExt",
    "vector_ext": "agentc.dialects.vector_ext:VectorExt",
}
"""Dialect name -> ``module:attribute``."""
