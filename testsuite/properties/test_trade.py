"""Prices in place of limits: what they prove is never above the best cost, and a placement they lead to keeps all."""

import math
import time
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from agentc.plan.placement import Deadline, PlacementProblem
from agentc.solve import brute_force, evaluate
from agentc.solve.brute_force import choices
from agentc.solve.columns import Market
from agentc.solve.presolve import heads_and_tails, possible
from agentc.solve.search import Search
from agentc.solve.tables import Tables, tabulate
from agentc.solve.tariffs import Key, Tariff, cleaned, second
from agentc.solve.trade import breakable, trade
from testsuite.problem_sample import QUICK, one_of, problems

PRICES = (0.0, 0.0, 0.3, 2.0, 25.0)


@st.composite
def tariffs(draw: st.DrawFn, tables: Tables) -> Tariff:
    """Any prices of any links, ends and devices."""
    hops: list[Key] = [("hop", n) for n, link in enumerate(tables.links) if link.on_path]
    ends: list[Key] = [
        ("end", t) for t in range(tables.size) if not any(tables.links[n].on_path for n in tables.leaving[t])
    ]
    stock: list[Key] = [("stock", n) for n in range(len(tables.problem.stock))]
    return cleaned(tables, {key: draw(one_of(*PRICES)) for key in (*hops, *ends, *stock)})


@st.composite
def priced(draw: st.DrawFn) -> tuple[PlacementProblem, Tariff]:
    """A problem of cost that has to end in time, and prices."""
    problem = replace(draw(problems(5)), objective="cost")
    limit = Deadline("end_to_end", draw(one_of(0.2, 0.35, 0.6)) * len(problem.tasks))
    problem = replace(problem, deadlines=(limit, *(b for b in problem.deadlines if b.metric != "end_to_end")))
    return problem, draw(tariffs(tabulate(problem)))


@settings(QUICK, max_examples=150)
@given(priced(), st.booleans())
def test_no_prices_prove_more_than_the_best_cost(given: tuple[PlacementProblem, Tariff], whole: bool):
    problem, tariff = given
    tables, best = tabulate(problem), brute_force(problem)
    left = possible(tables)
    if not all(left.alive):
        assert best is None
        return
    market = Market(tables, left, breakable(tables, left), whole=whole)
    for prices in (tariff, {}, tariff):
        bound = market.ask(prices, gap=1e-7, until=time.perf_counter() + 20)
        assert best is None or bound <= best[1].cost * (1 + 1e-6) + 1e-6


@QUICK
@given(priced(), st.data())
def test_what_lies_beyond_some_pools_costs_no_less_than_is_proven(
    given: tuple[PlacementProblem, Tariff], data: st.DataObject
):
    problem, tariff = given
    tables = tabulate(problem)
    left = possible(tables)
    known = {p for p in range(len(tables.pools)) if data.draw(st.booleans())}
    if not all(left.alive):
        return
    market = Market(tables, left, breakable(tables, left), whole=True)
    until = time.perf_counter() + 20
    market.ask(tariff, gap=1e-7, until=until)
    bound = market.beyond(known, gap=1e-7, until=until)
    names = {pool.name for p, pool in enumerate(tables.pools) if p not in known}
    tried = (evaluate(problem, choice) for choice in choices(problem))
    others = [found.cost for found in tried if found.feasible and not names.isdisjoint(found.replicas)]
    assert bound <= min(others, default=math.inf) * (1 + 1e-6) + 1e-6


@QUICK
@given(priced())
def test_prices_of_a_path_charge_no_placement_more_than_its_longest_path(given: tuple[PlacementProblem, Tariff]):
    problem, tariff = given
    tables = tabulate(problem)
    ends = math.fsum(price for (kind, _), price in tariff.items() if kind == "end")
    seconds = [min(cell.seconds for cell in row) for row in tables.cells]
    hops = [min((c.path_seconds for c in link.carries.values()), default=0.0) for link in tables.links]
    heads, _ = heads_and_tails(tables, seconds, hops)
    charge = math.fsum(second(tables, tariff, t) * each for t, each in enumerate(seconds))
    charge += math.fsum(tariff.get(("hop", n), 0.0) * hop for n, hop in enumerate(hops))
    assert charge <= ends * max(h + s for h, s in zip(heads, seconds, strict=True)) * (1 + 1e-9) + 1e-9


@settings(QUICK, max_examples=80)
@given(problems(5))
def test_a_trade_bounds_the_best_cost_and_leads_to_placements(problem: PlacementProblem):
    problem = replace(problem, objective="cost")
    tables, best = tabulate(problem), brute_force(problem)
    left = possible(tables)
    if not all(left.alive):
        return
    now = time.perf_counter()
    search = Search(tables, left, "cost", None, -math.inf, 1e-6, now + 20, 20)
    trade(search, now + 20)
    if best is None:
        assert search.best is None
        return
    assert search.bound <= best[1].cost * (1 + 1e-6) + 1e-6
    assert search.value >= best[1].cost * (1 - 1e-6)
