"""A kernel has no options where there is no code for it; one that is like it otherwise keeps its own."""

from itertools import combinations

import pytest

from agentc import catalog, cost
from agentc.plan.fleet import Fleet, Stock
from agentc.plan.formula import parse
from agentc.plan.graph import Load, NoCode, PlacementRule, Task, TaskGraph
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work

NAMES = ("h100-sxm", "mi300x", "gaudi3", "cpu-epyc-9655")
WORK = Work(flops={"fp32": parse("100 * n")}, bytes_read=parse("8 * n"))
FREE = PlacementRule()
LACKING = [lacking for size in range(4) for lacking in combinations(NAMES[:3], size)]


def kernel(name: str, *lacking: str, rule: PlacementRule = FREE) -> Task:
    without = tuple(NoCode(device, "no form", "CUDA", "k.py:3:1") for device in lacking)
    return Task(name, "compute.kernel", "a.yaml:1:1", WORK, {"n": Quantity(1e6)}, rule=rule, no_code=without)


def table(*tasks: Task) -> cost.OptionTable:
    fleet = Fleet("test", tuple(Stock(catalog.device(name), 8, 1.0) for name in NAMES))
    return cost.options(TaskGraph("test", tasks, (), (), Load(2.0)), fleet)


def devices(found: cost.OptionTable, task: str) -> set[str]:
    return {option.device for option in found.options[task]}


@pytest.mark.parametrize("lacking", LACKING, ids="+".join)
def test_options_are_those_with_code(lacking: tuple[str, ...]) -> None:
    found = table(kernel("free"), kernel("bound", *lacking))
    without = table(kernel("free"), kernel("bound", rule=PlacementRule(forbid=lacking)))
    assert devices(found, "bound") == devices(without, "bound") and not devices(found, "bound") & set(lacking)
    assert devices(found, "free") == devices(without, "free")
    whys = {row.device: row.why for row in found.rejected if row.task == "bound"}
    assert all(whys[device] == "the CUDA backend has no code for it: no form (k.py:3:1)" for device in lacking)


def test_the_users_own_word_is_told_first() -> None:
    found = table(kernel("bound", "gaudi3", rule=PlacementRule(forbid=("gaudi3",))))
    assert [row.why for row in found.rejected if row.device == "gaudi3"] == ["the definition forbids it"]
