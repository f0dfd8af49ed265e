"""Models as other tools name them: mapped by the user, known to the catalog, or hosted by somebody."""

import re
from typing import Any, cast

from agentc.frontends.importers.frame import Draft, assume, at, clean
from agentc.frontends.importers.source import Part
from agentc.support.diagnostics import shortened


def use(draft: Draft, name: str, part: Part, kind: str = "decoder", wanted: str = "", **stated: Any) -> str:
    """The entry of `models` for the model that the source calls ``name``, stated at ``part``.

    ``kind``: what the catalog's model must be. ``wanted``: what to call the entry. ``stated``: fields of ours that the
    source states (`precision`, …).
    """
    shown = name.strip() or "unnamed"
    key = (shown, kind, tuple(sorted((field, str(value)) for field, value in stated.items())))
    known = draft.known("models", key)
    if known is not None:
        return known
    entry = at(part, {**_entry(draft, shown, part, kind), **stated})
    return draft.entry("models", wanted or _short(shown), entry, key)


def _entry(draft: Draft, name: str, part: Part, kind: str) -> dict[str, Any]:
    mapped = _mapped(draft, name)
    if mapped is not None:
        return mapped
    if _in_catalog(name, kind):
        return {"catalog": name}
    if kind == "decoder" and _UNFILLED.search(name):
        message = f"`{shortened(name, 80)}` is a template that nobody filled in: a hosted model stands in"
        draft.warn("import-model", message, part, "fill it in, or say with `--model-map` which model it is")
        return {"hosted": assume({}, f"`{shortened(name, 80)}` is not filled in")}
    if kind != "decoder":
        draft.warn(
            "import-model",
            f"the model `{shortened(name, 80)}` is not in the catalog: a small one of its kind stands in",
            part,
            "name one of `agentc models` with `--model-map`",
        )
        return {"catalog": assume(_STAND_INS[kind], f"stands in for `{shortened(name, 80)}`, which the catalog lacks")}
    draft.warn(
        "import-model",
        f"the model `{shortened(name, 80)}` is not in the catalog: it is placed as a hosted API",
        part,
        "map it to one of `agentc models` with `--model-map` to serve it on your devices",
    )
    why = f"`{shortened(name, 80)}` is not in the catalog; prices and speed are unknown"
    return {"hosted": assume({}, why)}


_STAND_INS = {"embedding": "bge-m3", "rerank": "bge-reranker-v2-m3", "stt": "whisper-large-v3", "tts": "orpheus-3b"}
"""Where a model that only our devices can serve is unknown. A test holds that the catalog has them."""


_UNFILLED = re.compile(r"\{\{.*\}\}|\{%.*%\}|\$\{.+\}|^<[^>]+>$|^\$\(?[A-Z_]+\)?$|%\(?[A-Z_]+\)?%", re.S)
"""`{{ model }}`, `${MODEL}`, `<your-model>`, `$MODEL`, `%MODEL%`."""


def _mapped(draft: Draft, name: str) -> dict[str, Any] | None:
    """The user's entry for ``name``, also without the part before ``/``."""
    for key in (name, name.rpartition("/")[2]):
        entry = draft.options.models.get(key)
        if isinstance(entry, str):
            return {"catalog": entry}
        if isinstance(entry, dict):
            return cast("dict[str, Any]", entry)
    return None


def _in_catalog(name: str, kind: str) -> bool:
    from agentc import catalog

    try:
        return catalog.model(name).kind == kind
    except catalog.UnknownName:
        return False


def _short(name: str) -> str:
    return clean(name.rpartition("/")[2] or name, "model")


def sampling(part: Part, **names: str) -> dict[str, Any]:
    """`temperature`, `top_p` and `max_tokens` where ``part`` states them in our ranges; ``names``: as it calls them."""
    called = {"temperature": "temperature", "top_p": "top_p", "max_tokens": "max_tokens", **names}
    found: dict[str, Any] = {}
    temperature, top_p = part[called["temperature"]].number(), part[called["top_p"]].number()
    most = part[called["max_tokens"]].count(10**7)
    if temperature is not None and 0 <= temperature <= 10:
        found["temperature"] = temperature
    if top_p is not None and 0 < top_p <= 1:
        found["top_p"] = top_p
    if most is not None:
        found["max_tokens"] = most
    return found
