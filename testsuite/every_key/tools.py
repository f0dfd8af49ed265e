"""Functions that the definition names."""


def rank(found: list[str], q: str) -> list[str]:
    return found


def clean(q: str) -> str:
    return q.strip()
