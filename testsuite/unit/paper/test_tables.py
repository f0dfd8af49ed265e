"""Tables 3 and 5 against hand-computed figures."""

import pytest

from benchmarks.paper.facts import COMPARED, DEVICES
from benchmarks.paper.tables import table_3, table_5


def test_table_3():
    rows = {row.name: row for row in table_3()}
    assert {n: round(r.seconds * 1e3, 9) for n, r in rows.items()} == {"A": 105, "B": 120, "C": 160}
    assert {n: round(r.usd, 9) for n, r in rows.items()} == {"A": 0.11, "B": 0.095, "C": 0.06}
    assert [n for n, r in rows.items() if r.chosen] == ["B"]
    assert [n for n, r in rows.items() if not r.feasible] == ["C"]
    assert rows["C"].printed_usd == 0.07


@pytest.mark.parametrize(
    ("name", "annuity", "power", "ratio"),
    [
        # 25,000 x r / (1 - (1 + r)^-48), r = 0.08 / 12: $610.32 a month; x 12 / 8,766 hours. 0.7 kW x $0.40.
        ("H100", 610.323 * 12 / 8766, 0.28, 1979 / 989),
        ("A40", 73.2388 * 12 / 8766, 0.12, 75 / 149.7),
        ("B200", 976.517 * 12 / 8766, 0.40, 1.0),
    ],
)
def test_table_5(name: str, annuity: float, power: float, ratio: float):
    row = next(row for row in table_5() if row.name == name)
    assert row.annuity == pytest.approx(annuity, rel=1e-5)
    assert row.power == pytest.approx(power)
    assert row.usd_per_hour == pytest.approx(annuity + power, rel=1e-5)
    assert row.rate_factor == pytest.approx(ratio, rel=1e-3)
    assert row.unexplained == pytest.approx(row.printed_operating - power)


def test_the_devices_are_the_papers_six():
    rows = [(r.name, r.printed.price_usd, r.printed_operating) for r in table_5()]
    assert rows == [
        ("A40", 3000, 0.15),
        ("A100", 8000, 0.25),
        ("Gaudi3", 12500, 0.49),
        ("MI300x", 20000, 0.52),
        ("H100", 25000, 0.60),
        ("B200", 40000, 0.83),
    ]
    assert {name for pair in COMPARED for name in pair} <= set(DEVICES.values())
