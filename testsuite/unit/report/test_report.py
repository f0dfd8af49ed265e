"""Facts read from a placed module, and their renderings."""

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from placed_sample import placed_sample
from xdsl.dialects.builtin import ModuleOp

from agentc.plan.models import Draft, ModelShape
from agentc.report import RENDERINGS, text
from agentc.report.colors import colors
from agentc.report.facts import Facts, facts
from agentc.report.layout import arrange, layers
from agentc.support.registry import load


@pytest.fixture(scope="module")
def sample() -> Facts:
    return facts(placed_sample())


def test_facts_come_from_the_ir_alone(sample: Facts) -> None:
    assert [task.name for task in sample.tasks] == ["reply.prefill", "reply.decode", "find", "note"]
    assert sample.fleet == "mixed-2026"
    assert sample.links == (("reply.prefill", "reply.decode"), ("reply.decode", "find"), ("find", "note"))
    (moved,) = sample.transfers
    assert (moved.src, moved.dst, moved.bytes_, moved.link) == ("reply.prefill", "reply.decode", 8e7, "roce-400g")
    assert sample.task("note") is not None and sample.tasks[3].asynchronous
    assert sample.tasks[1].assumed == ("output_tokens",)


def test_a_module_without_a_plan_is_refused() -> None:
    with pytest.raises(ValueError, match="not placed"):
        facts(ModuleOp([]))


def test_json_follows_schema_1(sample: Facts) -> None:
    data = json.loads(load(RENDERINGS["json"])(sample))
    assert data["schema"] == 1 and data["status"] == "optimal" and data["solve_seconds"] is None
    assert data["sla"] == {
        "ttft_ms": 250.0,
        "tbt_ms": 10.0,
        "end_to_end_ms": None,
        "met": False,
        "percentiles": {"ttft": "p95", "tbt": "p95"},
        "soft": {},
    }
    prefill = data["tasks"][0]
    assert (prefill["device"], prefill["tp"], prefill["batch"], prefill["time_ms"]) == ("b200", 1, 4, 40.0)
    assert {row["verdict"] for row in prefill["alternatives"]} == {"dearer", "infeasible"}
    assert data["transfers"] == [
        {"from": "reply.prefill", "to": "reply.decode", "bytes": 8e7, "link": "roce-400g", "time_ms": 1.7}
    ]
    assert data["conflict"] is None


def test_text_fits_80_columns_and_tells_what_is_missed(sample: Facts) -> None:
    shown = text.render(sample)
    assert max(map(len, shown.splitlines())) <= 80
    assert "limit 10 ms at p95: MISSED" in shown and "limit 250 ms at p95: kept" in shown
    assert "this plan saves 4.5%" in shown and "worst single device class: cannot keep the demands" in shown
    assert "output_tokens = 160: reply" in shown and "6 x gaudi3" in shown


def test_columns_and_lines_that_say_nothing_are_left_out(sample: Facts) -> None:
    def heads(facts: Facts) -> list[str]:
        return next(line for line in text.render(facts).splitlines() if line.startswith("  task")).split()

    flat = replace(sample, tasks=tuple(replace(task, on=replace(task.on, pp=1)) for task in sample.tasks))
    deep = replace(flat, tasks=(replace(flat.tasks[0], on=replace(flat.tasks[0].on, pp=2)), *flat.tasks[1:]))
    assert "pp" not in heads(flat) and "pp" in heads(deep)
    assert "pp: devices that have some layers each" in text.render(deep)
    twice = replace(sample.summary.baselines[0], name="the same")
    both = replace(sample, summary=replace(sample.summary, baselines=(sample.summary.baselines[0], twice)))
    assert "the same" not in text.render(both)


def test_task_page_and_why_not(sample: Facts) -> None:
    page = text.render(sample, task="reply.prefill", why_not="l40s")
    assert "infeasible: 71 GB of weights in 48 GB of memory" in page and "h200" not in page
    assert "was not considered" in text.render(sample, task="find", why_not="h200")


def test_task_pages_fit_80_columns(sample: Facts) -> None:
    on = replace(sample.tasks[0].on, seconds=0.0496, low_seconds=0.0278, high_seconds=0.0716, bottleneck="collectives")
    first = replace(
        sample.tasks[0], on=on, assumed=("input_tokens", "output_tokens", "accepted", "steps", "bytes", "k")
    )
    page = text.render(replace(sample, tasks=(first, *sample.tasks[1:])), task=first.name).splitlines()
    assert max(map(len, page)) <= 80
    verdicts = [line for line in page if line.startswith("  not ")]
    assert len({line.index(": ") - len(line.split()[2]) for line in verdicts}) == 1  # in one column


def test_pictures_are_well_formed_and_complete(sample: Facts) -> None:
    svg = load(RENDERINGS["svg"])(sample)
    ElementTree.fromstring(svg)
    page = load(RENDERINGS["html"])(sample)
    HTMLParser().feed(page)
    mermaid = load(RENDERINGS["mermaid"])(sample)
    for task in sample.tasks:
        assert task.name in svg and task.name in page and task.name in mermaid
    assert "t0 -->|80 MB, 1.7 ms| t1" in mermaid


def test_pictures_hold_all_they_show(sample: Facts) -> None:
    """Legend and boxes end before the picture does, however many devices there are; in a page it shrinks or scrolls."""
    names = [f"device-of-a-long-name-{i}" for i in range(len(sample.tasks))]
    tasks = tuple(replace(t, on=replace(t.on, device=n)) for t, n in zip(sample.tasks, names, strict=True))
    many = replace(sample, tasks=tasks, devices=tuple(names))
    tree = ElementTree.fromstring(load(RENDERINGS["svg"])(many))
    width = float(tree.attrib["width"])
    tops: set[float] = set()
    for item in tree.iter():
        if item.tag.endswith("text") and item.text in names:
            assert float(item.attrib["x"]) + 8 * len(item.text) <= width
            tops.add(float(item.attrib["y"]))
        elif item.tag.endswith("rect"):
            assert float(item.attrib.get("x", 0)) + float(item.attrib["width"]) <= width
    boxes = [float(item.attrib["y"]) for item in tree.iter() if item.attrib.get("rx") == "7"]
    assert len([top for top in tops if top < min(boxes)]) > 1  # a legend of several rows, above all boxes
    page = load(RENDERINGS["html"])(sample)
    assert page.count("<table>") == page.count("<div class='wide' tabindex='0'><table>") > 1


def test_each_used_device_has_a_color_of_its_own(sample: Facts) -> None:
    paint = colors(sample)
    assert set(paint) == {"b200", "gaudi3", "cpu-epyc-9655"}
    assert len(set(paint.values())) == 3


def test_layers_are_longest_paths_and_ignore_back_edges() -> None:
    nodes, edges = ["a", "b", "c", "d"], [("a", "b"), ("b", "c"), ("a", "c"), ("c", "b"), ("c", "d")]
    assert layers(nodes, edges) == {"a": 0, "b": 1, "c": 2, "d": 3}


def test_boxes_and_passing_edges_keep_apart() -> None:
    nodes = [f"n{i}" for i in range(12)]
    edges = (
        [("n0", f"n{i}") for i in range(1, 7)] + [(f"n{i}", "n9") for i in range(1, 7)] + [("n0", "n9"), ("n0", "n10")]
    )
    layout = arrange(nodes, [*edges, ("n9", "n11")])
    assert set(layout.boxes) == set(nodes) and len(layout.routes[("n0", "n9")]) == 1
    spans: dict[int, list[tuple[float, float]]] = {}
    for x, layer in layout.boxes.values():
        spans.setdefault(layer, []).append((x - 0.5, x + 0.5))
    for route in layout.routes.values():
        for x, layer in route:
            spans[layer].append((x, x))
    for row in spans.values():
        row.sort()
        assert all(right < left for (_, right), (left, _) in zip(row, row[1:], strict=False))
        assert row[0][0] >= 0 and row[-1][1] <= layout.width


def test_a_long_name_gets_a_line_of_its_own() -> None:
    rows = [("short", "1"), ("n" * 90, "2")]
    lines = list(text.table(("name", "x" * 20), rows, right=(1,)))
    assert lines[1] == f"  short  {'1':>20}" and lines[2] == "  " + "n" * 90 and lines[3].split() == ["2"]


def test_a_page_tells_where_the_cache_lies(sample: Facts) -> None:
    def page(**cache: Any) -> str:
        tasks = tuple(replace(task, on=replace(task.on, **cache)) for task in sample.tasks)
        return text.render(replace(sample, tasks=tasks), task="reply.decode")

    assert "a device\n" in page()
    assert "a device, cache in pages\n" in page(cache="paged")
    offloaded = page(cache="offloaded", host_bytes=12e9, memory_bytes=123.4e9)
    assert "memory       123 GB a device, cache in pages, 12 GB of the host\n" in offloaded
    assert max(map(len, offloaded.splitlines())) <= 80


def test_a_page_tells_who_drafts(sample: Facts) -> None:
    draft = Draft(ModelShape("tiny", "decoder"), 4, 0.75)
    tasks = tuple(replace(task, draft=draft) if task.name == "reply.decode" else task for task in sample.tasks)
    assert "  draft        tiny, 4 tokens a round, 75% kept\n" in text.render(
        replace(sample, tasks=tasks), task="reply.decode"
    )
