"""The two tools of figure 7."""

import ast
import operator

NOTES = {
    "speed of light": "Light travels 299,792,458 meters in a second.",
    "mount everest": "Mount Everest is 8,849 meters high.",
    "marathon": "A marathon is 42.195 kilometers long.",
    "earth radius": "The mean radius of the Earth is 6,371 kilometers.",
    "moon distance": "The Moon is 384,400 kilometers away on average.",
}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
}


def search(query: str) -> list[dict]:
    """Notes whose title shares a word with the query, most words first."""
    words = set(query.lower().split())
    scored = [(len(words & set(title.split())), title, text) for title, text in NOTES.items()]
    best = sorted((row for row in scored if row[0]), key=lambda row: (-row[0], row[1]))
    return [{"id": title, "text": text, "score": float(score)} for score, title, text in best]


def calculator(expression: str) -> str:
    """The value of an arithmetic expression; the reason in words where it has none."""
    if len(expression) > 200:
        return "not computed: too long"
    try:
        return f"{_value(ast.parse(expression.strip(), mode='eval').body):.10g}"
    except (SyntaxError, ValueError, ZeroDivisionError, OverflowError, RecursionError) as error:
        return f"not computed: {type(error).__name__}"


def _value(node: ast.expr) -> float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.BinOp(left, operation, right) if type(operation) in OPERATORS:
            return OPERATORS[type(operation)](_value(left), _value(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case _:
            raise ValueError("only numbers, + - * / and parentheses")
