import pytest

from agentc.support import units


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999.9, "1 kB"),
        (1536, "1.54 kB"),
        (80e9, "80 GB"),
        (141e9, "141 GB"),
        (2e18, "2,000 PB"),
    ],
)
def test_format_bytes(value: float, text: str) -> None:
    assert units.format_bytes(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 s"),
        (0.0412, "41.2 ms"),
        (0.9999, "1 s"),
        (90, "1.5 min"),
        (7200, "2 h"),
        (2.5e-6, "2.5 us"),
        (3e-10, "3e-10 s"),
    ],
)
def test_format_seconds(value: float, text: str) -> None:
    assert units.format_seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0.00"),
        (12.4, "$12.40"),
        (0.00123, "$0.00123"),
        (0.095, "$0.0950"),
        (-0.5, "-$0.500"),
        (12_345.6, "$12,346"),
        (1.2e-7, "$0.000000120"),
    ],
)
def test_format_usd(value: float, text: str) -> None:
    assert units.format_usd(value) == text


def test_format_rates() -> None:
    assert units.format_rate(3.35e12) == "3.35 TB/s"
    assert units.format_flops(989e12) == "989 TFLOP"


@pytest.mark.parametrize(
    ("text", "value"),
    [("80 GB", 80e9), ("80gb", 80e9), ("1 GiB", 2**30), ("512", 512), (7, 7), ("1.5e3 kB", 1.5e6), ("1,024 B", 1024)],
)
def test_parse_bytes(text: str | float, value: float) -> None:
    assert units.parse_bytes(text) == value


@pytest.mark.parametrize(
    ("text", "value"), [("250 ms", 0.25), ("4s", 4), ("2 h", 7200), ("1 min", 60), (".5 us", 5e-7), (3, 3)]
)
def test_parse_seconds(text: str | float, value: float) -> None:
    assert units.parse_seconds(text) == pytest.approx(value)


@pytest.mark.parametrize(("text", "value"), [("400 Gbps", 50e9), ("3.35 TB/s", 3.35e12), ("8 bit/s", 1), ("5", 5)])
def test_parse_rate(text: str, value: float) -> None:
    assert units.parse_rate(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "GB", "80 GX", "-1 GB", "1 2 GB", "80 ms", "nan GB", "1..2 GB"])
def test_not_a_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        units.parse_bytes(text)


@pytest.mark.parametrize("value", [1.0, 12.0, 950.0, 1e3, 4.56e7, 8e10, 9.99e14])
def test_bytes_read_back(value: float) -> None:
    assert units.parse_bytes(units.format_bytes(value)) == pytest.approx(value, rel=5e-3)
