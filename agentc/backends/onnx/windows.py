"""How far each layer of a decoder looks back."""

from typing import Final, cast

from agentc.backends.onnx.fields import Json, whole

LOCAL: Final = "sliding_attention"
_FULL: Final = "full_attention"

_NOWHERE: Final = ("llama", "gemma", "deepseek_v3")
"""Families that have no window, whatever the file says of one."""
_EVERYWHERE: Final = ("mistral", "mixtral", "phi3", "qwen3_moe")
"""Families whose window holds for all layers."""


def layer_windows(config: Json, kind: str, layers: int) -> tuple[int, ...]:
    """Per layer the tokens that it sees, itself included; 0 for all.

    Newer files list the kind of every layer; older ones state a period, a first layer, or one window for all.

    Raises:
        ValueError: a kind of layer is not known, or the list is not what the family computes.
    """
    window = whole(config, "sliding_window", 0) if config.get("use_sliding_window", True) else 0
    listed = _listed(config, layers)
    found = _stated(config, kind, layers, window, listed)
    if listed and kind in (*_NOWHERE, *_EVERYWHERE) and [LOCAL if width else _FULL for width in found] != listed:
        if window or kind in _NOWHERE:
            raise ValueError(f"config.json: `layer_types` lists kinds that a model of type `{kind}` does not have")
    return found


def _listed(config: Json, layers: int) -> list[str]:
    kinds: object = config.get("layer_types")
    if not isinstance(kinds, list):
        return []
    listed = cast(list[object], kinds)
    if len(listed) != layers:
        raise ValueError(f"config.json: layer_types has {len(listed)} entries for {layers} layers")
    if unknown := [kind for kind in listed if kind not in (LOCAL, _FULL)]:
        raise ValueError(f"config.json: layer_types has `{unknown[0]}`, which is neither `{_FULL}` nor `{LOCAL}`")
    return [str(kind) for kind in listed]


def _stated(config: Json, kind: str, layers: int, window: int, listed: list[str]) -> tuple[int, ...]:
    if not window or kind in _NOWHERE:
        return (0,) * layers
    if kind in _EVERYWHERE:
        return (window,) * layers
    if listed:
        return tuple(window if one == LOCAL else 0 for one in listed)
    if period := whole(config, "sliding_window_pattern", whole(config, "_sliding_window_pattern", 0)):
        return tuple(0 if (layer + 1) % period == 0 else window for layer in range(layers))
    first = whole(config, "max_window_layers", 0)
    if kind == "qwen2_moe":
        return tuple(window if layer % 2 == 0 and layer < first else 0 for layer in range(layers))
    return tuple(window if layer >= first else 0 for layer in range(layers))
