"""Each claim's predicate on made-up figures that it must accept, and on ones that it must refuse."""

from collections.abc import Callable, Sequence
from itertools import product

import pytest

from benchmarks.paper.claims import claim_1, claim_2, claim_3, claim_4, claim_5
from benchmarks.paper.verdicts import NOT, REPRODUCED, UNDER, Check, Judgment, Predicate, Row, holds, judge, overall

Change = Callable[[dict[str, str]], float]


def pairs(fp8: float = 3.0, fp16: float = 2.0, other: float = 1.5, h_g: float = 1.5) -> list[Row]:
    """Rows of claims 1 and 2 where B200::Gaudi3 gains ``fp8`` or ``fp16``, B200::B200 ``other``."""
    rows: list[Row] = []
    for sla, model, precision, shape in product(
        ("interactive", "offline"), ("8B", "70B"), ("FP16", "FP8"), ("512->4096", "4096->512")
    ):
        factors = {"model": model, "precision": precision, "shape": shape, "sla": sla}
        best = fp8 if precision == "FP8" else fp16
        figures = {"H100::H100": 1.0, "B200::Gaudi3": best, "B200::B200": other, "H100::Gaudi3": h_g}
        rows.append(Row(factors, figures))
    return rows


def by_statement(checks: Sequence[Check]) -> dict[str, bool]:
    return {check.statement: check.holds for check in checks}


def test_claim_1_holds_where_the_pair_leads():
    assert judge(claim_1, pairs()).verdict == REPRODUCED


def test_claim_1_needs_the_lead_over_b200_in_every_case():
    rows = pairs()
    rows[3] = Row(rows[3].factors, {**rows[3].figures, "B200::B200": 9.0})
    assert not by_statement(claim_1(rows))["beats B200::B200 in each case"]


@pytest.mark.parametrize(("fp8", "fp16"), [(2.0, 2.0), (2.02, 2.0), (1.9, 2.0)])
def test_claim_1_needs_more_at_fp8(fp8: float, fp16: float):
    assert not holds(claim_1(pairs(fp8, fp16)))


def test_claim_1_only_at_fp8_is_told_so():
    found = judge(claim_1, pairs(fp8=3.0, fp16=1.2))
    assert (found.verdict, found.assumptions) == (UNDER, ("FP8",))


def test_claim_1_counts_a_case_that_is_not_served_as_nothing():
    rows = pairs()
    rows[0] = Row(rows[0].factors, {**rows[0].figures, "B200::Gaudi3": None})
    assert not holds(claim_1(rows))


def test_claim_1_stands_apart_from_pairs_that_the_paper_does_not_compare():
    rows = [Row(row.factors, {**row.figures, "MI300x::MI300x": 9.0}) for row in pairs()]
    assert judge(claim_1, rows).verdict == REPRODUCED
    assert not by_statement(claim_1(rows))["best of all pairs"]


def test_claim_1_is_not_reproduced_where_the_pair_never_leads():
    assert judge(claim_1, pairs(1.1, 1.0)).verdict == NOT


@pytest.mark.parametrize(("h_g", "verdict"), [(1.5, REPRODUCED), (1.36, REPRODUCED), (1.34, NOT)])
def test_claim_2(h_g: float, verdict: str):
    assert judge(claim_2, pairs(h_g=h_g)).verdict == verdict


def test_claim_2_is_about_often():
    rows = [
        Row(r.factors, {**r.figures, "H100::Gaudi3": 9.0 if r.factors["sla"] == "offline" else 0.1}) for r in pairs()
    ]
    assert holds(claim_2(rows)) and not holds(claim_2(rows[:9]))
    assert not holds(claim_2([]))


def phase_rows(fp8_winner: str = "B200", decoder: str = "Gaudi3", first: str = "B200") -> list[Row]:
    rows: list[Row] = []
    for model, precision in product(("8B", "70B"), ("FP16", "FP8")):
        cheap = {"FP16": "Gaudi3", "FP8": fp8_winner}[precision]
        winners = {"prefill": cheap, "fastest": first, "decode": decoder}
        figures = {
            f"{what} {d}": 1.0 if d == won else 2.0 for what, won in winners.items() for d in ("B200", "H100", "Gaudi3")
        }
        rows.append(Row({"model": model, "precision": precision}, figures))
    return rows


def test_claim_3():
    assert judge(claim_3, phase_rows()).verdict == REPRODUCED
    assert judge(claim_3, phase_rows(fp8_winner="H100")).assumptions == ("FP16",)
    assert judge(claim_3, phase_rows(decoder="B200")).verdict == NOT
    assert judge(claim_3, phase_rows(first="H100")).verdict == NOT


def test_claim_3_tells_who_wins_instead():
    told = next(c for c in claim_3(phase_rows(decoder="H100")) if "decodes" in c.statement)
    assert (told.holds, told.detail) == (False, "in 0 of 4; H100 in 4, by 2.00 times")


def sweep_row(*seconds: float, phase: str = "prefill") -> Row:
    return Row({"phase": phase}, {str(2**i): value for i, value in enumerate(seconds)})


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [((8, 4, 3, 5), REPRODUCED), ((8, 4, 3, 2.9), REPRODUCED), ((8, 4, 2, 1), NOT), ((8, 9, 10, 11), NOT)],
)
def test_claim_4(seconds: tuple[float, ...], verdict: str):
    assert judge(claim_4, [sweep_row(*seconds)]).verdict == verdict


def test_claim_4_of_one_phase():
    found = judge(claim_4, [sweep_row(8, 4, 3, 5), sweep_row(8, 4, 2, 1, phase="decode")])
    assert (found.verdict, found.assumptions) == (UNDER, ("prefill",))


def link_row(replica: str, egress: float, ingress: float) -> Row:
    return Row({"replica": replica}, {"egress": egress, "ingress": ingress})


def test_claim_5():
    assert judge(claim_5, [link_row("8", 10, 400)]).verdict == REPRODUCED
    assert judge(claim_5, [link_row("8", 10, 401)]).verdict == NOT
    assert judge(claim_5, [link_row("8", 401, 10)]).verdict == NOT
    found = judge(claim_5, [link_row("1", 10, 900), link_row("8", 10, 390)])
    assert (found.verdict, found.assumptions) == (UNDER, ("8",))
    assert not by_statement(claim_5([link_row("8", 10, 390)]))["ingress within 200 Gbit/s"]


def above(limit: float) -> Predicate:
    def predicate(rows: Sequence[Row]) -> list[Check]:
        return [Check("large", all((row.figures["x"] or 0) > limit for row in rows))]

    return predicate


def test_two_factors_where_one_is_not_enough():
    rows = [
        Row({"a": a, "b": b}, {"x": 2.0 if (a, b) == ("p", "q") else 0.0}) for a, b in product(("p", "r"), ("q", "s"))
    ]
    found = judge(above(1), rows)
    assert (found.verdict, found.assumptions) == (UNDER, ("p and q",))


def test_what_is_told_beside_a_claim_decides_nothing():
    assert holds([Check("a", True), Check("b", False, required=False)])
    assert not holds([Check("b", True, required=False)])


def judged(*verdicts: str) -> dict[str, Judgment]:
    return {f"s{i}": Judgment(verdict, (), ("FP8",) if verdict == UNDER else ()) for i, verdict in enumerate(verdicts)}


@pytest.mark.parametrize(
    ("verdicts", "verdict", "where"),
    [
        ((REPRODUCED, REPRODUCED, NOT), REPRODUCED, ()),
        ((REPRODUCED, NOT, UNDER), UNDER, ("s0",)),
        ((NOT, NOT, REPRODUCED), UNDER, ("s2",)),
        ((NOT, UNDER, NOT), UNDER, ("s1 (FP8)",)),
        ((NOT, NOT, NOT), NOT, ()),
    ],
)
def test_overall(verdicts: tuple[str, ...], verdict: str, where: tuple[str, ...]):
    found = overall(judged(*verdicts), ("s0", "s1"))
    assert (found.verdict, found.where) == (verdict, where)
