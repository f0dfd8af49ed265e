"""Plain YAML: libyaml and PyYAML's own code give the same."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agentc.support import yaml_text

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text("abcXYZ 0:-#'\"{}[],&*!|>%@\n\té", max_size=60)
)
DATA = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc_-", min_size=1), inner))


@given(DATA)
def test_what_is_written_reads_back(data: Any) -> None:
    text = yaml_text.dump([data])
    assert yaml_text.load(text) == data
    assert yaml.safe_load(text) == data


def test_a_manifest_is_the_same_without_libyaml() -> None:
    rows: list[Any] = [{"path": f"a/b-{i}.o", "sha256": "0" * 64, "device": "h100", "note": "é: x"} for i in range(20)]
    assert yaml_text.dump(rows) == yaml.safe_dump_all(rows, sort_keys=False, allow_unicode=True, width=120)


def test_what_is_no_yaml_is_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        yaml_text.load("a: [1")
