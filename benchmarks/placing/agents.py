"""Placement problems of generated agents, as the compiler poses them: all options of the cost model on a real fleet."""

from collections.abc import Mapping

from agentc.plan.placement import PlacementProblem


def compiled(
    nodes: int, seed: int, limits: Mapping[str, float], rate: float, *, fleet: str = "mixed-2026"
) -> PlacementProblem:
    """The agent of ``compile_large`` with ``limits`` in seconds at ``rate`` requests per second, on a fleet of the
    catalog: groups as one task."""
    from xdsl.parser import Parser

    from agentc.analyses.contraction import contract
    from agentc.analyses.placement_problem import pose
    from agentc.analyses.task_graph import task_graph
    from agentc.catalog import load_fleet
    from agentc.pipelines.runner import Compilation, context, run
    from agentc.pipelines.standard import Settings
    from benchmarks.compile_large import agent

    module = Parser(context(), agent(nodes, seed, limits=limits, rate=rate)).parse_module()
    for _ in run(Compilation(module, Settings(fleet)), "task"):
        pass
    posed = pose(task_graph(module), load_fleet(fleet))
    return contract(posed.problem, posed.graph).problem
