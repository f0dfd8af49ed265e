"""Formulas: folding, printing, parsing, evaluation."""

import copy
import pickle

import numpy as np
import pytest

from agentc.plan.formula import MAX_DEPTH, ONE, ZERO, constant, maximum, minimum, parse, symbol, total

batch, tokens = symbol("batch"), symbol("input_tokens")


def test_constants_fold_and_neutral_elements_vanish():
    assert 2 * constant(3) + 1 == constant(7)
    assert tokens + 0 is tokens
    assert tokens * 1 is tokens
    assert tokens - 0 is tokens
    assert tokens / 1 is tokens
    assert tokens**1 is tokens
    assert tokens * 0 == ZERO
    assert ZERO / tokens == ZERO
    assert minimum(2, 3) == constant(2)
    assert maximum(tokens) is tokens


def test_equality_and_hash_are_structural():
    assert batch * 2 + tokens == symbol("batch") * 2 + symbol("input_tokens")
    assert hash(batch * 2) == hash(symbol("batch") * 2)
    assert batch + tokens != tokens + batch
    assert batch != "batch"


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a - (b - c)", "a - (b - c)"),
        ("a - b - c", "a - b - c"),
        ("2**3**2", "512"),
        ("(a ** b) ** c", "(a ** b) ** c"),
        ("a ** b ** c", "a ** b ** c"),
        ("-a ** 2", "(-1) * a ** 2"),
        ("a / (b * c)", "a / (b * c)"),
        ("min(a, 4096) * max(b, c, 1)", "min(a, 4096) * max(b, c, 1)"),
        ("1e30 * a", "1e+30 * a"),
        (".5*a", "0.5 * a"),
        ("tool.latency_seconds", "tool.latency_seconds"),
    ],
)
def test_prints_what_parse_reads_back(text: str, printed: str):
    formula = parse(text)
    assert str(formula) == printed
    assert parse(printed) == formula


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a +", "expected a number, a symbol or `(`, found the end at position 3"),
        ("a $ b", "unexpected `$` at position 2"),
        ("a b", "unexpected `b` at position 2"),
        ("min()", "found `)` at position 4"),
        ("(a", "expected `)`, found the end at position 2"),
        ("1 / 0", "division by zero in `1 / 0` at position 2"),
        ("(-8) ** 0.5", "is not a real number at position 5"),
        ("1e999", "must be finite"),
        ("2 ** 99999", "position 2"),
        ("", "found the end at position 0"),
        ("(" * 5000, "nested deeper"),
        ("a" + "+a" * 5000, f"deeper than {MAX_DEPTH} levels"),
    ],
)
def test_errors_name_the_position(text: str, message: str):
    with pytest.raises(ValueError, match="position") as caught:
        parse(text)
    assert message in str(caught.value)


def test_evaluates_floats_and_arrays_alike():
    formula = 2 * batch * tokens + minimum(tokens, 4096) / maximum(batch, 2) - tokens**0.5
    batches, inputs = np.array([1.0, 4.0, 64.0]), np.array([16.0, 4096.0, 100000.0])
    one_by_one = [formula.evaluate({"batch": b, "input_tokens": t}) for b, t in zip(batches, inputs, strict=True)]
    assert formula.evaluate({"batch": batches, "input_tokens": inputs}) == pytest.approx(one_by_one)
    assert isinstance(formula.evaluate({"batch": 1.0, "input_tokens": 2.0}), float)


def test_a_missing_symbol_is_a_key_error():
    with pytest.raises(KeyError, match="input_tokens"):
        (batch * tokens).evaluate({"batch": 1.0})


def test_symbols_and_substitution():
    formula = batch * tokens + minimum(tokens, symbol("window"))
    assert formula.symbols == {"batch", "input_tokens", "window"}
    assert formula.substitute({"batch": 2, "input_tokens": 3, "window": 1}) == constant(7)
    assert formula.substitute({"batch": 2}).symbols == {"input_tokens", "window"}


def test_total_is_the_sum_and_stays_shallow():
    terms = [symbol(f"x{i}") for i in range(1000)]
    whole = total(terms)
    assert whole.depth <= 11
    assert whole.evaluate({f"x{i}": float(i) for i in range(1000)}) == sum(range(1000))
    assert total([]) == ZERO


def test_is_immutable_and_can_be_copied():
    formula = batch * 2
    with pytest.raises(AttributeError, match="immutable"):
        formula.op = "+"
    assert pickle.loads(pickle.dumps(formula)) == formula
    assert copy.deepcopy(formula) == formula


@pytest.mark.parametrize("name", ["", "2x", "min", "a b", "a-b", "é"])
def test_bad_names_are_refused(name: str):
    with pytest.raises(ValueError, match="cannot name a symbol"):
        symbol(name)


def test_bad_constants_are_refused():
    with pytest.raises(ValueError, match="finite"):
        constant(float("nan"))
    with pytest.raises(ZeroDivisionError):
        _ = ONE / ZERO
