"""Passages by weight."""


def best(documents: list[dict], weights: list[float]) -> list[dict]:
    """The passages that together hold 90 % of the weight, heaviest first; at most three."""
    order = sorted(zip(weights, documents, strict=True), key=lambda pair: (-float(pair[0]), pair[1]["id"]))
    kept, held = [], 0.0
    for weight, document in order[:3]:
        kept.append({**document, "score": round(float(weight), 4)})
        held += float(weight)
        if held >= 0.9:
            break
    return kept
