"""Markdown for a terminal: narrower, with the same words, and code as it is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentc.support import manual
from agentc.support.markdown import WIDTH, wrapped

PAGE = """\
# a-slug: a title that is longer than the terminal is wide, and stays a title on a line of its own

One sentence that goes on for quite a while so that it does not fit,
and a second line of it.

- an item that goes on for quite a while too so that it does not fit, however wide the terminal may be
  and its second line
- another

```yaml
key: a line of code that goes on for quite a while so that it does not fit, and is not touched
- not: an item
```
| a table | that is wider than the terminal is, as tables sometimes are when they say much | in cells |
"""
SHOWN = """\
# a-slug: a title that is longer than the terminal is wide, and stays a title on a line of its own

One sentence that goes on for quite a while so that it does not fit, and a
second line of it.

- an item that goes on for quite a while too so that it does not fit, however
  wide the terminal may be and its second line
- another

```yaml
key: a line of code that goes on for quite a while so that it does not fit, and is not touched
- not: an item
```
| a table | that is wider than the terminal is, as tables sometimes are when they say much | in cells |
"""


def test_paragraphs_and_items_are_wrapped_and_nothing_else() -> None:
    assert wrapped(PAGE) == SHOWN
    assert wrapped(SHOWN) == SHOWN


@pytest.mark.parametrize("slug", manual.slugs())
def test_a_page_keeps_its_words(slug: str) -> None:
    page = manual.page(slug) or ""
    shown = wrapped(page)
    assert shown.split() == page.split()
    prose = re.sub(r"```.*?```", "", shown, flags=re.S).splitlines()
    assert all(len(line) <= WIDTH or line.startswith(("#", "|")) or " " not in line.strip() for line in prose)


@given(st.text(alphabet="ab -*1.`#|\n", max_size=300))
def test_any_text_keeps_its_words(text: str) -> None:
    assert wrapped(text).split() == text.split()
