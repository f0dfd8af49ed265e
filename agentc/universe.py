"""What agentc adds to xDSL: its dialects and passes, for ``agentc-opt`` and for plain ``xdsl-opt``."""

from xdsl.universe import Universe

from agentc.dialects import DIALECTS
from agentc.passes import PASSES
from agentc.support.registry import loader

AGENTC_UNIVERSE = Universe(
    all_dialects={name: loader(place) for name, place in DIALECTS.items()},
    all_passes={name: loader(place) for name, place in PASSES.items()},
)
