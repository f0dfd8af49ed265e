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
LETTER = np.array([1, 2, 2, 4, 4, 6, 6])
"""The state of an address behind a letter, by the state before it."""
INNER = np.array([0, 0, 0, 4, 4, 6, 6])
"""The same behind a digit or a hyphen."""
DOT = np.array([0, 0, 3, 0, 4, 0, 6])
"""The same behind a dot."""


def letter(byte):
    """ASCII letters: as small ones."""
    small = byte | 32
    return (small >= 97) & (small <= 122)


def digit(byte):
    """ASCII digits."""
    return (byte >= 48) & (byte <= 57)


def digit_table(state, byte, digits):
    """States 1 to 6: so many digits; 7 to 12: the same and one separator behind them."""
    count = np.where(state > RUN, state - RUN, state)
    separated = ((byte == 32) | (byte == 45) | (byte == 46)) & (state >= 1) & (state <= RUN)
    return np.where(digits, np.minimum(count + 1, RUN), np.where(separated, state + RUN, 0)).astype(u8)


def address_table(state, byte, digits):
    """From right to left: 1, 2 letters of a domain's end, 3 its dot, 4 the domain, 5 the sign, 6 what is before it."""
    other = ((byte == 95) | (byte == 37) | (byte == 43)) & (state >= 5)
    inner = np.where(digits | (byte == 45), INNER[state], np.where(other, 6, 0))
    found = np.where(letter(byte), LETTER[state], inner)
    return np.where(byte == 46, DOT[state], np.where(byte == 64, np.where(state == 4, 5, 0), found)).astype(u8)


def mask_table(state, kind):
    """From left to right, three bits: within a long number, within an address, behind a byte before a sign. ``kind`` is
    what is around a byte: whether it may be part of a domain, of what number it is part, of what part of an address.
    """
    domain, number, address = kind % 2, (kind // 2) % 3, kind // 6
    local = address == 2
    counted = np.where(number == 2, 1, state & number)
    signed = (address == 1) & (state >= 4)
    within = np.where(signed, 2, (state & 2) * domain)
    return np.where(kind < 18, counted + within + np.where(local, 4, 0), 0).astype(u8)


@kernel
def mask_pii(text: u8["n"]) -> u8["n"]:
    """Stars in place of long numbers and e-mail addresses (with all that follows the sign and may be a domain)."""
    byte, state = np.arange(256)[None], np.arange(91)[:, None]
    digits = digit(byte)
    behind = digit_table(state % 13, byte, digits) + 13 * address_table(state // 13, byte, digits)
    after = automaton(text, behind, backward=True)
    run, part = after % 13, after // 13
    number = np.where((run == RUN) | (run == 2 * RUN), 2, np.minimum(run, 1))
    domain = letter(text) | ((text >= 45) & (text <= 57) & (text != 47))  # a hyphen, a dot, no slash, digits
    kind = domain.astype(u8) + 2 * number + 6 * (np.maximum(part, 4) - 4)
    masked = automaton(kind, mask_table(np.arange(8)[:, None], byte))
    return np.where((digit(text) & ((masked & 1) == 1)) | (masked >= 2), STAR, text)
