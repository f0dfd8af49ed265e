"""agentc compiles AI agents for mixed hardware: YAML in, the cheapest placement that keeps the SLA and its code out."""

__version__ = "0.1.0"
