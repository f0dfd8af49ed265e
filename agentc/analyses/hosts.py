"""One machine for everything: models and tools share hosts of a CPU class that has too few for pools of their own."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from agentc.plan.fleet import Fleet, Stock
from agentc.plan.graph import TaskGraph
from agentc.plan.models import ModelShape
from agentc.plan.placement import Option, PlacementProblem
from agentc.solve.baselines import restrict

Model: TypeAlias = tuple[ModelShape, str]
"""A model's shape and precision."""

Room: TypeAlias = Mapping[Model, float]
"""Bytes that each model may take on a shared host."""


def share_hosts(problem: PlacementProblem, graph: TaskGraph, fleet: Fleet) -> PlacementProblem:
    """``problem`` with one pool for all work on each scarce CPU class, if its models fit in memory beside each other.

    A class is scarce if it holds fewer devices than there are models that it could serve, and one more for the rest.
    Time adds up: a host that decodes for one model runs nothing else meanwhile.
    """
    shared = {stock.device.name: memory for stock in fleet.stocks if (memory := _room(problem, graph, stock))}
    if not shared:
        return problem
    large = _too_large(problem, graph, shared)
    problem = restrict(problem, lambda option: option.name not in large)
    rows: dict[int, tuple[Option, ...]] = {}
    for task in problem.tasks:
        if id(task.options) not in rows:
            rows[id(task.options)] = tuple(_on(option, shared) for option in task.options)
    used = {option.pool for row in rows.values() for option in row}
    tasks = tuple(replace(task, options=rows[id(task.options)]) for task in problem.tasks)
    return replace(problem, tasks=tasks, pools={name: pool for name, pool in problem.pools.items() if name in used})


def _on(option: Option, shared: Mapping[str, Room]) -> Option:
    here = option.device in shared and option.tp * option.pp * option.dp == 1 and option.pool is not None
    return replace(option, pool=_pool(option.device)) if here else option


def _pool(device: str) -> str:
    """The pool of tools on a device class."""
    return f"cpu/{device}"


def _models(graph: TaskGraph) -> dict[str, Model]:
    return {task.name: (task.model, task.precision) for task in graph.tasks if task.model is not None}


def _room(problem: PlacementProblem, graph: TaskGraph, stock: Stock) -> Room:
    """Bytes for each model on a class that is scarce: the least it needs and an even part of what is left.

    Empty for another class, and where the models do not fit beside each other.
    """
    device, models = stock.device, _models(graph)
    if device.kind != "cpu" or stock.count is None or _pool(device.name) not in problem.pools:
        return {}
    least: dict[Model, float] = {}
    for task in problem.tasks:
        here = [option.memory_bytes for option in task.options if option.device == device.name]
        if task.name in models and here:
            least[models[task.name]] = max(least.get(models[task.name], 0.0), min(here))
    spare = device.memory_bytes - sum(least.values())
    if stock.count > len(least) or spare < 0:
        return {}
    return {model: need + spare / len(least) for model, need in least.items()}


def _too_large(problem: PlacementProblem, graph: TaskGraph, shared: Mapping[str, Room]) -> set[str]:
    """The options that take more than the room of their model."""
    models = _models(graph)
    return {
        option.name
        for task in problem.tasks
        if task.name in models
        for option in task.options
        if option.memory_bytes > shared.get(option.device, {}).get(models[task.name], math.inf)
    }
