"""Changes in words, made to a question; what cannot be read is refused with the word that was meant."""

import pytest
from study_sample import question

from agentc.analyses.study.edits import edit
from agentc.plan.graph import Limit
from agentc.support.diagnostics import Refused


def test_a_price_is_set_by_alias_and_relative_to_what_it_is():
    for text, usd in (("h100.price=1.2", 1.2), ("h100-sxm.price=+50%", 3.0), ("h100.price=x3", 6.0)):
        changed, (change,) = edit(question(), [text])
        assert {s.device.name: s.usd_per_hour for s in changed.fleet.stocks}["h100-sxm"] == pytest.approx(usd)
        assert (change.key, change.before) == ("h100-sxm.price", "2")


def test_a_count_is_whole_or_unlimited():
    for text, count in (("l4.count=0", 0), ("l4.count=unlimited", None), ("l4.count=-50%", 4)):
        changed, _ = edit(question(), [text])
        assert {s.device.name: s.count for s in changed.fleet.stocks}["l4"] == count


def test_limits_are_set_added_and_taken_away():
    asked = question(Limit("tbt", 0.05))
    assert edit(asked, ["sla.tbt_ms=30"])[0].graph.limits == (Limit("tbt", 0.03),)
    assert edit(asked, ["sla.tbt_ms.p99=30"])[0].graph.limits == (Limit("tbt", 0.05), Limit("tbt", 0.03, "p99"))
    assert edit(asked, ["sla.tbt_ms=none"])[0].graph.limits == ()
    assert edit(asked, ["sla.ttft_ms=250"])[0].graph.limits == (Limit("tbt", 0.05), Limit("ttft", 0.25))
    soft = edit(asked, ["sla.tbt_ms.usd_per_ms=0.001"])[0].graph.limits
    assert soft == (Limit("tbt", 0.05, usd_per_ms=0.001),)


def test_load_and_objective_are_set_and_changes_add_up():
    changed, changes = edit(question(), ["load=x2", "load=+50%", "objective=energy"])
    assert (changed.graph.load.requests_per_second, changed.objective) == (6.0, "energy")
    assert [(c.key, c.before, c.after) for c in changes][:2] == [("load", "2", "4"), ("load", "4", "6")]


def test_a_rule_on_a_node_is_one_on_all_its_tasks():
    pinned, _ = edit(question(), ["think.pin=h100"])
    assert {task.rule.allow for task in pinned.graph.tasks} == {("h100-sxm",)}
    forbidden, _ = edit(question(), ["think.decode.forbid=l4,h100"])
    assert [task.rule.forbid for task in forbidden.graph.tasks] == [(), ("l4", "h100-sxm")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("h100", "`h100` is no change"),
        ("h100.prise=2", "nothing is called `h100.prise`"),
        ("h200.price=2", "the fleet has no device `h200"),
        ("h1000.price=2", "the fleet has no device `h1000`"),
        ("h100.price=cheap", "`h100-sxm.price` is `cheap`, not a number"),
        ("h100.price=nan", "which is no figure"),
        ("h100.price=-1", "which is no figure"),
        ("h100.count=1.5", "not a whole number"),
        ("load=0", "no positive figure"),
        ("load=1e99", "no positive figure"),
        ("sla.tbt=30", "there is no limit `tbt`"),
        ("sla.tbt_ms.p42=30", "names no percentile"),
        ("sla.ttft_ms=+10%", "has no figure now"),
        ("objective=speed", "there is no objective `speed`"),
        ("thonk.pin=h100", "there is no task `thonk`"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, said: str):
    with pytest.raises(Refused) as refused:
        edit(question(), [text])
    assert said in refused.value.diagnostics[0].message
    assert refused.value.diagnostics[0].slug == "bad-what-if"


def test_all_problems_are_told_at_once():
    with pytest.raises(Refused) as refused:
        edit(question(), ["load=0", "load=3", "foo=1"])
    assert len(refused.value.diagnostics) == 2
