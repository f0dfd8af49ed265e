"""One color per device class, the same in every picture of a report."""

from agentc.report.facts import Facts

# Okabe and Ito's palette, told apart with any color vision; then its lighter tints.
PALETTE = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#8a8d00",
    "#7f4f9e",
    "#5f6b73",
    "#a0522d",
)


def colors(facts: Facts) -> dict[str, str]:
    """Device -> color: used devices first in the fleet's order, so that few devices get distinct colors."""
    used = {on.device for task in facts.tasks for on in (task.on, *task.routes)}
    order = [device for device in facts.devices if device in used] + sorted(used - set(facts.devices))
    return {device: PALETTE[i % len(PALETTE)] for i, device in enumerate(order)}
