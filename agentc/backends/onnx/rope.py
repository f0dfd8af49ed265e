"""Rotary positions (RoPE, arXiv 2104.09864) and the ways in which checkpoints stretch them to longer contexts."""

import math
from collections.abc import Callable
from typing import Final, TypeAlias, cast

from agentc.backends.onnx.fields import Json, number, table, whole
from agentc.support.record import record


@record(slots=True)
class Rope:
    """The angle of each rotary pair by position; what is longer than a head's rotary part stays unrotated."""

    frequencies: tuple[float, ...]
    """Radians per position of each pair."""
    scale: float = 1.0
    """What sines and cosines are multiplied by (YaRN's and LongRoPE's attention factor)."""
    long: tuple[float, ...] = ()
    """The frequencies once a sequence has more than ``trained`` tokens (LongRoPE); empty: the same ones."""
    trained: int = 0
    """Tokens of context in training, where the angles depend on a sequence's length."""
    growth: float = 0.0
    """The factor by which the base grows with a sequence beyond ``trained`` tokens (dynamic NTK); 0: it does not."""

    @property
    def depends_on_length(self) -> bool:
        """Whether angles change with the length of a sequence."""
        return bool(self.long or self.growth)


Tables: TypeAlias = dict[Rope, tuple[str, str]]
"""The values of a graph that hold the cosines and the sines of a rope's angles."""
_MOST: Final = 1e9
"""By which a pair may be slowed."""


def plain_rope(rotary_dim: int, theta: float = 10000.0) -> Rope:
    """``theta ** (-2 i / rotary_dim)``."""
    return Rope(_plain(rotary_dim, theta))


def _plain(rotary_dim: int, theta: float) -> tuple[float, ...]:
    if theta <= 1:
        raise ValueError(f"config.json: `rope_theta` is {theta:g}, not above one")
    return tuple(theta ** (-2 * i / rotary_dim) for i in range(rotary_dim // 2))


def read_rope(scaling: Json, rotary_dim: int, theta: float, config: Json) -> Rope:
    """The rope that ``rope_scaling`` (or ``rope_parameters``) states.

    Raises:
        ValueError: a kind that is not in ``KINDS``, or a field that it needs is missing or wrong.
    """
    kind = str(scaling.get("rope_type", scaling.get("type")) or "default")
    if kind == "default":
        return plain_rope(rotary_dim, theta)
    if kind not in KINDS:
        raise ValueError(f"config.json: rope_scaling `{kind}` is not known; {', '.join(KINDS)} are")
    factor = number(scaling, "factor", 0.0) or _implied_factor(scaling, config)
    if factor <= 0:
        raise ValueError(f"config.json: rope_scaling has factor {factor:g}, not above zero")
    return KINDS[kind](_Stretch(_plain(rotary_dim, theta), theta, factor, scaling, config))


def context(config: Json, rope: Rope, layer_type: str) -> int:
    """The tokens that a model takes: those that its file states, or more where its positions are stretched further.

    Files leave ``max_position_embeddings`` as it was in training when YaRN is added to them (Qwen 2.5, Qwen 3).
    """
    stated = whole(config, "max_position_embeddings", 4096)
    scaling = rope_table(config, layer_type)
    if scaling.get("rope_type", scaling.get("type")) == "yarn":
        stated = max(stated, int(_trained(scaling, config) * number(scaling, "factor", 1.0)))
    return int(stated * max(rope.growth, 1.0))


def _implied_factor(scaling: Json, config: Json) -> float:
    """The context over that of training, where no factor is stated (Phi-3, DeepSeek-V3)."""
    trained = _trained(scaling, config)
    return whole(config, "max_position_embeddings", trained) / trained if "factor" not in scaling and trained else 0.0


def _trained(scaling: Json, config: Json) -> int:
    key = "original_max_position_embeddings"
    return whole(scaling, key, 0) or whole(config, key, 0) or whole(config, "max_position_embeddings", 4096)


@record(slots=True)
class _Stretch:
    """What every kind starts from."""

    plain: tuple[float, ...]
    theta: float
    factor: float
    scaling: Json
    config: Json

    @property
    def trained(self) -> int:
        """Tokens of context in training."""
        return _trained(self.scaling, self.config)


def _linear(of: _Stretch) -> Rope:
    return Rope(tuple(f / of.factor for f in of.plain))


def _dynamic(of: _Stretch) -> Rope:
    """The base grows with the sequence (NTK-aware scaling), beyond the context that the file states."""
    return Rope(of.plain, growth=of.factor, trained=whole(of.config, "max_position_embeddings", 4096))


def _llama3(of: _Stretch) -> Rope:
    """Llama 3.1: long waves are slowed by ``factor``, short ones kept, those between blended."""
    low, high = number(of.scaling, "low_freq_factor", 1.0), number(of.scaling, "high_freq_factor", 4.0)
    if low >= high:
        raise ValueError(f"config.json: rope_scaling has low_freq_factor {low:g}, not below high_freq_factor {high:g}")
    trained = number(of.scaling, "original_max_position_embeddings", 8192.0)

    def slowed(frequency: float) -> float:
        turns = trained * frequency / (2 * math.pi)
        kept = min(max((turns - low) / (high - low), 0.0), 1.0)
        return (1 - kept) * frequency / of.factor + kept * frequency

    return Rope(tuple(slowed(frequency) for frequency in of.plain))


def _yarn(of: _Stretch) -> Rope:
    """YaRN (arXiv 2309.00071): as Llama 3, but blended by the pair's place rather than by its wave."""
    pairs = len(of.plain)
    fast, slow = number(of.scaling, "beta_fast", 32.0) or 32.0, number(of.scaling, "beta_slow", 1.0) or 1.0
    if not all(1 / _MOST < turns < _MOST for turns in (fast, slow)):
        raise ValueError(f"config.json: rope_scaling blends between {slow:g} and {fast:g} turns, which is no range")
    low, high = _place(of, fast), _place(of, slow)
    if of.scaling.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, 2 * pairs - 1)
    width = (high - low) or 0.001
    slowed = [min(max((i - low) / width, 0.0), 1.0) for i in range(pairs)]
    frequencies = tuple(f / of.factor * s + f * (1 - s) for f, s in zip(of.plain, slowed, strict=True))
    return Rope(frequencies, scale=_yarn_scale(of))


def _place(of: _Stretch, turns: float) -> float:
    """Which pair turns ``turns`` times within the context of training."""
    return len(of.plain) * math.log(of.trained / (turns * 2 * math.pi)) / math.log(of.theta)


def _yarn_scale(of: _Stretch) -> float:
    if stated := number(of.scaling, "attention_factor", 0.0):
        return stated
    some, every = number(of.scaling, "mscale", 0.0), number(of.scaling, "mscale_all_dim", 0.0)
    if some and every:
        return yarn_magnitude(of.factor, some) / yarn_magnitude(of.factor, every)
    return yarn_magnitude(of.factor, 1.0)


def yarn_magnitude(factor: float, weight: float) -> float:
    """``0.1 weight ln(factor) + 1`` (arXiv 2309.00071, section 3.4)."""
    return 1.0 if factor <= 1 else 0.1 * weight * math.log(factor) + 1.0


def _longrope(of: _Stretch) -> Rope:
    """LongRoPE (arXiv 2402.13753): a factor of its own for each pair, one set up to the context of training."""
    short, long = _factors(of, "short_factor"), _factors(of, "long_factor")
    if of.trained < 2:
        raise ValueError(f"config.json: `original_max_position_embeddings` is {of.trained}, which is no context")
    usual = math.sqrt(1 + math.log(of.factor) / math.log(of.trained)) if of.factor > 1 else 1.0
    scale = number(of.scaling, "attention_factor", 0.0) or usual
    return Rope(short, scale=scale, long=long, trained=of.trained)


def _factors(of: _Stretch, key: str) -> tuple[float, ...]:
    value: object = of.scaling.get(key)
    items = cast(list[object], value) if isinstance(value, list) else []
    factors = [f for f in items if isinstance(f, int | float) and not isinstance(f, bool) and 0 < f < _MOST]
    if len(factors) != len(of.plain) or len(items) != len(factors):
        raise ValueError(f"config.json: rope_scaling `{key}` is no list of {len(of.plain)} numbers above zero")
    return tuple(f / float(factor) for f, factor in zip(of.plain, factors, strict=True))


KINDS: Final[dict[str, Callable[[_Stretch], Rope]]] = {
    "linear": _linear,
    "dynamic": _dynamic,
    "llama3": _llama3,
    "yarn": _yarn,
    "longrope": _longrope,
    "su": _longrope,
}
"""``rope_type`` values; ``su`` is LongRoPE's first name."""


def rope_table(config: Json, layer_type: str) -> Json:
    """The parameters that a config states: flat, or by the type of layer (Gemma 3 since transformers 5)."""
    stated = table(config, "rope_parameters") or table(config, "rope_scaling")
    return table(stated, layer_type) if layer_type in stated else stated
