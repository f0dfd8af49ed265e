"""Options of whole task graphs."""

from dataclasses import replace
from itertools import pairwise

import pytest

from agentc import catalog, cost
from agentc.cost.curves import shipped, using
from agentc.cost.decoder import front_seconds
from agentc.cost.units import units_of
from agentc.plan import demand
from agentc.plan.fleet import Fleet, Stock
from agentc.plan.graph import Hosted, Limit, Load, PlacementRule, Task, TaskEdge, TaskGraph
from agentc.plan.models import ModelShape
from agentc.plan.placement import Option
from agentc.plan.quantity import Quantity
from agentc.solve import brute_force, solve

MIND = catalog.model("llama-3.1-8b")
SHAPE = {"input_tokens": Quantity(512), "output_tokens": Quantity(128, p95=256)}
LIMITS = (Limit("ttft", 0.25), Limit("tbt", 0.03))


def call(name: str, *, model: ModelShape = MIND, precision: str = "fp8", **more: object) -> list[Task]:
    """The prefill and the decode of one call."""
    works = {"prefill": demand.prefill(model, precision), "decode": demand.decode(model, precision)}
    other = {"prefill": "decode", "decode": "prefill"}
    return [
        replace(
            Task(f"{name}.{half}", f"llm.{half}", "a.yaml:1:1", work, SHAPE, model, precision),
            pair=f"{name}.{other[half]}",
            **more,
        )
        for half, work in works.items()
    ]


def tool(name: str = "find") -> Task:
    return Task(name, "tool.invoke", "a.yaml:2:1", demand.tool_call(), {"latency_seconds": Quantity(0.2)})


def graph(*tasks: Task, limits: tuple[Limit, ...] = LIMITS, edges: tuple[TaskEdge, ...] = ()) -> TaskGraph:
    return TaskGraph("test", tasks, edges, limits, Load(2.0))


def fleet(*names: str, count: int | None = None) -> Fleet:
    """These device classes, and a CPU that is too slow for the limits of a language model."""
    return Fleet("test", tuple(Stock(catalog.device(name), count, 1.0) for name in (*names, "cpu-local")))


def why(table: cost.OptionTable, task: str, device: str) -> str:
    return next(r.why for r in table.rejected if (r.task, r.device) == (task, device))


def test_a_call_can_be_served_apart_and_together():
    table = cost.options(graph(*call("say")), fleet("h100", "l40s"))
    modes = {option.mode for option in table.options["say.decode"]}
    assert modes == {"disaggregated", "aggregated"}
    assert {option.device for option in table.options["say.prefill"]} >= {"h100-sxm", "l40s"}
    option = next(o for o in table.options["say.prefill"] if o.mode == "disaggregated")
    assert option.name == option.pool == f"llama-3.1-8b/prefill/{option.device}/tp{option.tp}/b{option.batch}"
    assert table.pools[option.name].devices == option.tp * option.pp


def test_aggregated_halves_come_in_pairs():
    table = cost.options(graph(*call("say")), fleet("h100", "l40s", "mi300x"))
    names = {
        half: {o.name for o in table.options[f"say.{half}"] if o.mode == "aggregated"} for half in ("prefill", "decode")
    }
    assert names["prefill"] == names["decode"] != set()
    assert {frozenset({("say.prefill", n), ("say.decode", n)}) for n in names["decode"]} == set(table.together)


def test_equal_calls_share_options_and_pools():
    table = cost.options(graph(*call("a"), *call("b"), tool("x"), tool("y")), fleet("h100"))
    assert table.options["a.decode"] is table.options["b.decode"]
    assert table.options["x"] is table.options["y"]
    assert len({option.pool for name in ("x", "y") for option in table.options[name]}) == 1


def test_precisions_of_one_model_do_not_share_pools():
    table = cost.options(graph(*call("a"), *call("b", precision="bf16")), fleet("h100"))
    pools = [{option.pool for option in table.options[name]} for name in ("a.decode", "b.decode")]
    assert pools[0].isdisjoint(pools[1])


def test_every_option_keeps_the_hard_limits_where_some_do():
    table = cost.options(graph(*call("say")), fleet("h100", "l4"))
    assert all(option.metrics["tbt"] <= 0.03 for option in table.options["say.decode"])
    assert all(option.metrics["ttft"] <= 0.25 for option in table.options["say.prefill"])


def test_what_is_too_late_is_kept_where_asked_for():
    late = graph(*call("say"), limits=(Limit("tbt", 0.0001),))
    table = cost.options(late, fleet("h100"))
    assert not table.options["say.decode"]
    assert "a decode step takes at least" in why(table, "say.decode", "h100-sxm")
    free = cost.options(graph(*call("say"), limits=(Limit("tbt", 10.0),)), fleet("h100"), lenient=True)
    lenient = cost.options(late, fleet("h100"), lenient=True)
    assert min(o.metrics["tbt"] for o in lenient.options["say.decode"]) == min(
        o.metrics["tbt"] for o in free.options["say.decode"]
    )
    assert not lenient.rejected


def test_what_the_stock_lacks_is_kept_where_asked_for():
    few, many = fleet("h100", count=0), fleet("h100")
    lenient = cost.options(graph(*call("say")), few, lenient=True)
    assert lenient.pools.keys() == cost.options(graph(*call("say")), many, lenient=True).pools.keys()


def test_soft_limits_filter_nothing():
    soft = (Limit("tbt", 0.0001, usd_per_ms=0.01),)
    table = cost.options(graph(*call("say"), limits=soft), fleet("h100"))
    assert not [r for r in table.rejected if r.device == "h100-sxm"]


def test_a_model_that_fits_nowhere_says_what_it_needs():
    table = cost.options(graph(*call("say", model=catalog.model("llama-3.1-405b"))), fleet("l4"))
    assert table.options["say.decode"] == ()
    assert "GB a device (llama-3.1-405b) at tp=2, pp=4" in why(table, "say.decode", "l4")
    assert "l4 has 24 GB, of which 90% is planned with" in why(table, "say.decode", "l4")


def test_tools_go_to_cpus():
    table = cost.options(graph(tool()), fleet("h100"))
    assert [option.device for option in table.options["find"]] == ["cpu-local"]
    assert why(table, "find", "h100-sxm") == "tool.invoke is general-purpose work and h100-sxm is no CPU"
    (option,) = table.options["find"]
    assert option.seconds >= 0.2 and option.busy_seconds < 0.001 and option.bottleneck == "static"


def test_kernels_go_to_cpus_and_accelerators():
    kernel = Task("score", "compute.kernel", "a:1:1", demand.kernel(1e9, 1e6, 1e3))
    table = cost.options(graph(kernel), fleet("h100"))
    assert {option.device for option in table.options["score"]} == {"h100-sxm", "cpu-local"}


def encoder(name: str = "embed", model: str = "all-minilm-l6-v2", rate: float = 1.0) -> Task:
    shape = catalog.model(model)
    sizes = {"input_tokens": Quantity(100), "sequences": Quantity(1)}
    return Task(name, "model.embed", "a:1:1", demand.embed(shape, "fp32"), sizes, shape, "fp32", visits=rate)


def scoring(name: str = "score") -> Task:
    return Task(name, "compute.kernel", "a:1:1", demand.kernel(1e9, 1e6, 1e3))


def shared(table: cost.OptionTable, task: str) -> list[Option]:
    return [option for option in table.options[task] if option.pool == "shared/h100-sxm"]


def test_a_kernel_and_a_small_model_may_share_a_device():
    table = cost.options(graph(encoder(), scoring()), fleet("h100"))
    device, pool = catalog.device("h100"), table.pools["shared/h100-sxm"]
    assert (pool.devices, pool.memory_bytes) == (1, pytest.approx(0.9 * device.memory_bytes))
    (beside,), (alone,) = shared(table, "score"), [o for o in table.options["score"] if o.pool == "kernels/h100-sxm"]
    assert beside.busy_seconds == alone.busy_seconds
    assert beside.seconds == pytest.approx(alone.busy_seconds / (1 - pool.capacity))
    assert not beside.resident
    assert {o.resident for o in shared(table, "embed")} == {"all-minilm-l6-v2"}
    assert [o.batch for o in shared(table, "embed")] == [1, 8, 32]


@pytest.mark.parametrize(
    "tasks",
    [
        (encoder(),),
        (scoring("a"), scoring("b")),
        (encoder("a"), encoder("b")),
        (encoder(rate=1e9), scoring()),
        (*call("say"), scoring()),
    ],
    ids=["one", "kernels have a pool anyhow", "a model has a pool anyhow", "a full device", "language models"],
)
def test_there_is_no_shared_pool_without_two_that_could_share_it(tasks: tuple[Task, ...]):
    table = cost.options(graph(*tasks), fleet("h100"))
    assert not any(name.startswith("shared/") for name in table.pools)
    assert all(not shared(table, task.name) for task in tasks)


def test_what_shares_a_device_costs_one_device_as_long_as_it_fits():
    """By the solver and by brute force: two models and a kernel, on a device that holds both models or only one."""
    tasks = (encoder("a"), encoder("b", "bge-m3"), scoring())
    h100 = catalog.device("h100")
    needs = {
        name: min(o.memory_bytes for o in shared(cost.options(graph(*tasks), fleet("h100")), name)) for name in "ab"
    }
    for room, devices in ((sum(needs.values()) * 1.5, 1), (sum(needs.values()) * 0.99, 2)):
        stock = Stock(replace(h100, memory_bytes=room / 0.9), None, 1.0)
        problem = cost.problem(graph(*tasks), Fleet("test", (stock,)))[0]
        answer = solve(problem)
        best = brute_force(problem)
        assert best is not None
        assert answer.usd_per_hour == pytest.approx(best[1].usd_per_hour)
        assert sum(answer.replicas.values()) == devices


@pytest.mark.parametrize(
    ("rule", "device", "reason"),
    [
        (PlacementRule(pin="l40s"), "h100-sxm", "the definition pins it to `l40s`"),
        (PlacementRule(allow=("l40s",)), "h100-sxm", "the definition allows `l40s` only"),
        (PlacementRule(forbid=("h100",)), "h100-sxm", "the definition forbids it"),
    ],
)
def test_the_users_word_counts(rule: PlacementRule, device: str, reason: str):
    table = cost.options(graph(*call("say", rule=rule)), fleet("h100", "l40s"))
    assert {option.device for option in table.options["say.decode"]} == {"l40s"}
    assert why(table, "say.decode", device) == reason


def test_no_replica_is_larger_than_the_stock():
    table = cost.options(graph(*call("say")), fleet("h100", count=2))
    assert max(pool.devices for pool in table.pools.values()) == 2
    empty = cost.options(graph(*call("say")), fleet("h100", count=0))
    assert why(empty, "say.decode", "h100-sxm") == "the fleet holds no h100-sxm"


def test_a_group_is_priced_as_one():
    shape = catalog.model("mixtral-8x7b")
    parts = demand.decode_parts(shape, "fp8")
    split = [
        Task(f"say.{name}", "expert.decode", "a:1:1", work, SHAPE, shape, "fp8", group="say.decode")
        for name, work in parts.items()
    ]
    whole = Task("say", "llm.decode", "a:1:1", demand.decode(shape, "fp8"), SHAPE, shape, "fp8")
    grouped = cost.options(graph(*split), fleet("h100"))
    single = {option.name: option for option in cost.options(graph(whole), fleet("h100")).options["say"]}
    names = {option.name for option in grouped.options["say.trunk"]}
    assert set(single) <= names, "a group keeps more: its tasks' shares are compared one by one"
    for row in zip(*(grouped.options[task.name] for task in split), strict=True):
        assert len({option.name for option in row}) == 1
        match = single.get(row[0].name)
        if match is None:
            continue
        assert sum(option.seconds for option in row) == pytest.approx(match.seconds)
        assert sum(option.busy_seconds for option in row) == pytest.approx(match.busy_seconds)
        assert sum(option.metrics["tbt"] for option in row) == pytest.approx(match.metrics["tbt"])
        assert frozenset((task.name, match.name) for task in split) in grouped.together


def test_hosted_models_cost_tokens():
    """By hand: 512 tokens in at $2 a million and 128 out at $10; 0.3 s to the first and 10 ms for each."""
    shape = ModelShape("gpt", "hosted")
    api = Hosted(2e-6, 1e-5, 0.3, 100)

    def option_of(name: str):
        task = Task(f"say.{name}", f"llm.{name}", "a:1:1", demand.control(), SHAPE, shape, hosted=api)
        (option,) = cost.options(graph(task), fleet("h100")).options[task.name]
        return option

    whole, prefill, decode = map(option_of, ("call", "prefill", "decode"))
    assert (whole.pool, whole.place, whole.mode) == (None, "hosted", "hosted")
    assert whole.usd == pytest.approx(0.001024 + 0.00128)
    assert whole.seconds == pytest.approx(0.3 + 1.28)
    assert whole.metrics == {"ttft": 0.3, "tbt": 0.01}
    assert prefill.usd + decode.usd == pytest.approx(whole.usd)
    assert prefill.seconds + decode.seconds == pytest.approx(whole.seconds)


@pytest.mark.parametrize(
    ("api", "why"),
    [
        (Hosted(requests_per_minute=1000), ""),
        (Hosted(requests_per_minute=100), "600 calls a minute of `gpt`, whose interface allows 100"),
        (Hosted(tokens_per_minute=10_000), "384,000 tokens a minute of `gpt`, whose interface allows 10,000"),
    ],
)
def test_a_hosted_models_limits_bind_all_calls_together(api: Hosted, why: str):
    shape = ModelShape("gpt", "hosted")
    tasks = [Task(name, "llm.call", "a:1:1", demand.control(), SHAPE, shape, hosted=api) for name in ("a", "b")]
    asked = replace(graph(*tasks), load=Load(requests_per_second=5))
    table = cost.options(asked, fleet("h100"))
    assert bool(table.options["a"]) == (not why)
    assert [row.why for row in table.rejected] == ([f"the load asks {why}"] * 2 if why else [])


def test_a_first_token_waits_for_the_front_end_and_no_device_does():
    """Twice the front end's time: as much later, and not a device more."""
    asked, known = graph(*call("say")), shipped()
    slower = replace(known, base={**known.base, "first_seconds": 2 * known.base["first_seconds"]})
    front = front_seconds(MIND, catalog.device("h100"))
    before = cost.options(asked, fleet("h100")).options["say.prefill"]
    with using(slower):
        after = {option.name: option for option in cost.options(asked, fleet("h100")).options["say.prefill"]}
    assert 0.002 < front < 0.05
    for option in before:
        other = after[option.name]
        assert other.metrics["ttft"] - option.metrics["ttft"] == pytest.approx(front)
        assert other.seconds - option.seconds == pytest.approx(front)


def test_aggregated_serving_shares_its_time_between_the_halves():
    """An unloaded pool: the busy time of both halves is output tokens x step / batch, and weights are read once."""
    table = cost.options(graph(*call("say"), limits=()), fleet("h100"), "latency")
    prefills = {o.name: o for o in table.options["say.prefill"] if o.mode == "aggregated"}
    apart = {(o.device, o.tp, o.pp, o.batch): o for o in table.options["say.decode"] if o.mode == "disaggregated"}
    compared = 0
    for option in table.options["say.decode"]:
        if option.mode != "aggregated" or option.device == "cpu-local":
            continue
        total = option.busy_seconds + prefills[option.name].busy_seconds
        assert total * option.batch == pytest.approx(option.seconds, rel=1e-6)
        if match := apart.get((option.device, option.tp, option.pp, option.batch)):
            assert option.seconds >= match.seconds
            compared += 1
    assert compared


def test_more_requests_wait_longer():
    calm, busy = (
        cost.options(replace(graph(*call("say"), limits=()), load=Load(rate)), fleet("h100"), "latency")
        for rate in (0.1, 50)
    )

    def least(table: cost.OptionTable) -> Option:
        return next(o for o in table.options["say.prefill"] if o.name == "llama-3.1-8b/prefill/h100-sxm/tp1/b1")

    assert least(calm).seconds < least(busy).seconds


def test_the_placement_problem_is_whole():
    tasks = (*call("say"), tool())
    edges = (
        TaskEdge("say.prefill", "say.decode", demand.kv_cache_bytes(MIND, "bf16"), streams=True),
        TaskEdge("say.decode", "find"),
    )
    limits = (*LIMITS, Limit("end_to_end", 5.0, usd_per_ms=0.001))
    posed, table = cost.problem(graph(*tasks, limits=limits, edges=edges), fleet("h100", "l40s", count=4))
    assert [task.name for task in posed.tasks] == ["say.prefill", "say.decode", "find"]
    assert posed.stock == {"h100-sxm": 4, "l40s": 4, "cpu-local": 4}
    ttft, tbt, whole = posed.deadlines
    assert (ttft.tasks, tbt.tasks, whole.tasks) == (("say.prefill", "say.decode"), ("say.decode",), ())
    assert whole.usd_per_second == pytest.approx(1.0)
    cache = posed.edges[0].hops["h100-sxm", "l40s"]
    assert cache.bytes_ == 512 * 131_072 and cache.link == "roce-100g"
    assert ("h100-sxm+agg", "h100-sxm+agg") in posed.edges[0].hops
    assert ("h100-sxm+agg", "l40s") not in posed.edges[0].hops
    for option in (o for column in table.options.values() for o in column):
        assert option.pool in posed.pools


def test_the_same_graph_gives_the_same_problem():
    make = lambda: cost.problem(graph(*call("say"), tool()), fleet("h100", "mi300x"))[0]  # noqa: E731
    assert make() == make()


def test_very_large_agents_try_fewer_configurations():
    few = cost.options(graph(*call("say")), fleet("h100"))
    many = cost.options(graph(*(task for i in range(101) for task in call(f"say{i}"))), fleet("h100"))
    assert 0 < len(many.options["say0.decode"]) < len(few.options["say.decode"])
    assert {option.batch for option in many.options["say0.decode"]} <= {1, 8, 32, 128}


def test_a_device_without_options_always_has_a_reason():
    tasks = call("say", model=catalog.model("llama-3.1-70b"))
    devices = ("b200", "h200", "h100", "a100", "l40s", "mi300x", "gaudi3")
    table = cost.options(graph(*tasks, limits=(Limit("ttft", 0.25), Limit("tbt", 0.02))), fleet(*devices))
    for task in tasks:
        served = {option.device for option in table.options[task.name]}
        refused = {r.device for r in table.rejected if r.task == task.name}
        assert served | refused == {*(catalog.device(name).name for name in devices), "cpu-local"}
        assert not served & refused


def group(*names: str, edges: tuple[tuple[str, str], ...]) -> TaskGraph:
    """Kernels of one group, and one before and one after it."""
    work = demand.kernel(1e9, 1e6, 1e3)
    tasks = [Task(name, "compute.kernel", "a:1:1", work, group="g") for name in names]
    ends = [Task(name, "compute.kernel", "a:1:1", work) for name in ("before", "after")]
    return graph(ends[0], *tasks, ends[1], edges=tuple(TaskEdge(a, b) for a, b in edges))


@pytest.mark.parametrize(
    ("edges", "chained"),
    [
        ((("before", "a"), ("a", "b"), ("b", "after")), True),
        ((("before", "a"), ("a", "b"), ("b", "after"), ("a", "after")), False),
        ((("before", "a"), ("before", "b"), ("a", "b"), ("b", "after")), False),
        ((("before", "a"), ("before", "b"), ("a", "after"), ("b", "after")), False),
    ],
    ids=["a chain", "a way out", "a way in", "side by side"],
)
def test_only_sums_count_of_a_chain(edges: tuple[tuple[str, str], ...], chained: bool):
    units = units_of(group("a", "b", edges=edges))
    assert [unit.chained for unit in units] == [True, chained, True]


def test_tasks_of_a_group_that_run_unequally_often_are_no_chain():
    one = group("a", "b", edges=(("a", "b"),))
    tasks = tuple(replace(task, visits=2.0) if task.name == "b" else task for task in one.tasks)
    assert not units_of(replace(one, tasks=tasks))[1].chained


def test_a_chain_keeps_what_the_whole_keeps_and_other_groups_more():
    """A path through all parts of a step counts their sum; side by side each counts by itself."""
    shape = catalog.model("mixtral-8x7b")
    parts = demand.decode_parts(shape, "fp8")
    tasks = [
        Task(f"say.{name}", "expert.decode", "a:1:1", work, SHAPE, shape, "fp8", group="say.decode")
        for name, work in parts.items()
    ]
    chain = tuple(TaskEdge(a.name, b.name) for a, b in pairwise(tasks))
    late = (*LIMITS, Limit("end_to_end", 1000.0))
    whole = Task("say", "llm.decode", "a:1:1", demand.decode(shape, "fp8"), SHAPE, shape, "fp8")

    def kept(problem: TaskGraph, name: str) -> set[str]:
        return {option.name for option in cost.options(problem, fleet("h100", "l40s")).options[name]}

    alone = kept(graph(whole, limits=late), "say")
    assert kept(graph(*tasks, limits=late, edges=chain), "say.trunk") == alone
    assert kept(graph(*tasks, limits=late), "say.trunk") > alone
