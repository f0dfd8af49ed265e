"""Bytes of text, by finite automata in both directions."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false, reportMissingParameterType=false

import numpy as np

from agentc.frontends.kernels.annotations import automaton, kernel, u8

RUN = 6
"""Digits in a row, single separators between them allowed, that make a number personal: phones, cards, accounts."""
STAR = 42


def letter(byte):
    """ASCII letters."""
    return ((byte >= 65) & (byte <= 90)) | ((byte >= 97) & (byte <= 122))


def digit(byte):
    """ASCII digits."""
    return (byte >= 48) & (byte <= 57)


def digit_table(state, byte):
    """States 1 to 6: so many digits; 7 to 12: the same and one separator behind them."""
    count = np.where(state > RUN, state - RUN, state)
    separated = ((byte == 32) | (byte == 45) | (byte == 46)) & (state >= 1) & (state <= RUN)
    return np.where(digit(byte), np.minimum(count + 1, RUN), np.where(separated, state + RUN, 0)).astype(u8)


def address_table(state, byte):
    """From right to left: 1, 2 letters of a domain's end, 3 its dot, 4 the domain, 5 the sign, 6 what is before it."""
    end = np.where(state < 2, state + 1, np.where(state == 3, 4, np.where(state == 5, 6, state)))
    inner = np.where((state == 3) | (state == 4), 4, np.where(state >= 5, 6, 0))
    dot = np.where(state == 2, 3, np.where((state == 4) | (state == 6), state, 0))
    other = ((byte == 95) | (byte == 37) | (byte == 43)) & (state >= 5)
    found = np.where(letter(byte), end, np.where(digit(byte) | (byte == 45), inner, np.where(other, 6, 0)))
    return np.where(byte == 46, dot, np.where(byte == 64, np.where(state == 4, 5, 0), found)).astype(u8)


@kernel
def mask_pii(text: u8["n"]) -> u8["n"]:
    """Stars in place of long numbers and e-mail addresses (with all that follows the sign and may be a domain)."""
    byte = np.arange(256)[None]
    digits = digit_table(np.arange(13)[:, None], byte)
    forward, backward = automaton(text, digits), automaton(text[::-1], digits)[::-1]
    number = digit(text) & (forward + backward > RUN)
    local = automaton(text[::-1], address_table(np.arange(7)[:, None], byte))[::-1]
    before = local[np.maximum(np.arange(text.shape[0]) - 1, 0)]
    sign = (local == 5) & (before == 6)
    domain = letter(text) | digit(text) | (text == 45) | (text == 46)
    kinds = np.where(sign, 2, np.where(domain, 1, 0)).astype(u8)
    state = np.arange(2)[:, None]
    address = automaton(kinds, np.where(byte == 2, 1, np.where(byte == 1, state, 0)).astype(u8)) > 0
    return np.where(number | address | (local == 6), STAR, text)
