"""agentc's passes, one a file; ``PASSES`` names where each lives, and nothing is imported before it is asked for.

File, pass, class and test share one name: ``split-llm`` is ``split_llm.py``, ``SplitLlmPass``, ``split-llm.mlir``.
"""

PASSES: dict[str, str] = {}
"""Pass name -> ``module:attribute``."""
