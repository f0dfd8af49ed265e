"""How long the slow requests take: percentiles of a plan's end-to-end time.

The mean is the plan's longest path. Around it vary the sizes of requests, by what is stated of them (a mean and a 95th
percentile make a lognormal figure); how often a step runs (a branch is taken or not, a loop ends after each trip with
the same chance); and the wait for a replica (exponential with the mean of M/D/c). The variances of the path's steps add
up, and the sum is taken to be lognormal, as sums of lognormal figures nearly are (Fenton, IRE Trans. CS-8(1), 1960).
"""

import math
from collections.abc import Iterable, Mapping

from agentc.analyses.study.answer import Answer
from agentc.cost.environment import environment
from agentc.plan.formula import Formula
from agentc.plan.graph import Task, step_of
from agentc.plan.placement import Assignment, PoolPlan
from agentc.plan.work import Work

NORMAL: Mapping[str, float] = {
    "p50": 0.0,
    "p90": 1.2815515655446004,
    "p95": 1.6448536269514722,
    "p99": 2.3263478740408408,
}
"""Percentile -> how many standard deviations of a normal figure it lies above the mean."""


def response_seconds(plan: Answer, percentile: str) -> float:
    """The end-to-end time that a share of requests stays within: ``p50``, ``p90``, ``p95``, ``p99`` or ``mean``."""
    mean = plan.summary.end_to_end_seconds or 0.0
    if percentile == "mean" or mean <= 0:
        return mean
    return lognormal(mean, variance(plan), percentile)


def lognormal(mean: float, spread: float, percentile: str) -> float:
    """The percentile of a lognormal figure with a mean and a variance."""
    squared = math.log1p(spread / mean**2)
    return mean * math.exp(NORMAL[percentile] * math.sqrt(squared) - squared / 2)


def variance(plan: Answer) -> float:
    """Of the end-to-end time, in square seconds: that of the steps on the longest path."""
    tasks = {task.name: task for task in plan.question.graph.tasks}
    pools = {pool.name: pool for pool in plan.summary.pools}
    total, repeated = 0.0, dict[float, float]()
    for name in plan.summary.critical_path:
        task, on = tasks[step_of(name)], plan.tasks[name]
        visits, seconds = task.visits / task.concurrency, on.seconds
        total += visits * ((seconds * _spread(task, on)) ** 2 + _wait(on, pools) ** 2)
        # Steps that run as often belong to one loop or branch, and are late together.
        repeated[task.visits] = repeated.get(task.visits, 0.0) + seconds / task.concurrency
    return total + sum(_count_variance(visits) * seconds**2 for visits, seconds in repeated.items())


def _count_variance(visits: float) -> float:
    """Of how often a step runs: a loop's trips are geometric, a branch is taken or not."""
    return visits * (visits - 1) if visits >= 1 else visits * (1 - visits)


def _wait(on: Assignment, pools: Mapping[str, PoolPlan]) -> float:
    """The mean wait for a replica of a task that is served alone; a batch takes who comes at its next step."""
    pool = pools.get(on.pool or "")
    if pool is None or on.batch > 1:
        return 0.0
    busy = min(pool.utilization, 0.99)
    return busy * on.seconds / (2 * (1 - busy) * pool.replicas)


def _spread(task: Task, on: Assignment) -> float:
    """The standard deviation of a step's time over its mean."""
    factor = _demand(task, on, "p95") / _demand(task, on, "mean") if _demand(task, on, "mean") > 0 else 1.0
    return deviation(factor)


def deviation(factor: float) -> float:
    """Standard deviation over mean of a lognormal figure whose 95th percentile is ``factor`` times the mean.

    No lognormal figure has a factor above exp(z^2 / 2) = 3.87; larger ones count as that.
    """
    if factor <= 1:
        return 0.0
    z = NORMAL["p95"]
    sigma = z - math.sqrt(max(z * z - 2 * math.log(factor), 0.0))
    return math.sqrt(math.expm1(sigma * sigma))


def _demand(task: Task, on: Assignment, percentile: str) -> float:
    """What the step asks of the resource that sets its time, for a request at a percentile of its sizes."""
    env = {**environment(task.shape, percentile, task.model), "batch": float(on.batch)}
    asked = math.fsum(formula.evaluate(env) for formula in _formulas(task.work, on.bottleneck))
    return asked * task.work.repeats.evaluate(env)


def _formulas(work: Work, bottleneck: str) -> Iterable[Formula]:
    if bottleneck == "memory":
        return (work.bytes_read, work.bytes_written)
    if bottleneck == "static":
        return (work.static_seconds,)
    return (work.cpu_core_seconds,) if bottleneck == "cpu" else work.flops.values()
