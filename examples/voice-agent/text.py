"""Text for the ear."""

import re


def speakable(text: str) -> str:
    """Without markup, links and the spaces that they leave."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"[*_`#>|]+", "", text)
    return re.sub(r"\s+", " ", text).strip()
