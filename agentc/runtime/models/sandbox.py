"""Jinja for templates of strangers: besides its own sandbox, which keeps them inside, limits of time and of size."""

import ctypes
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

SECONDS: Final = 5.0
"""How long a template may take. Those that are published take milliseconds."""
MOST: Final = 4_000_000
"""Characters, or items of a list, that an operator may give."""
_MOST_BITS: Final = 4096
"""Of an integer."""
_WIDE: Final = re.compile(r"\d{7}")
"""A width in a format that would fill memory."""


class TooMuch(ArithmeticError):
    """A template goes on for too long, or wants to make something that is too large."""


def environment() -> Any:
    """An environment whose operators are bounded; its type comes with the optional extra."""
    sandbox, compiler = import_module("jinja2.sandbox"), import_module("jinja2.compiler")

    class Concatenating(compiler.CodeGenerator):
        def visit_Concat(self, node: Any, frame: Any) -> None:
            self.write("environment.joined((")
            for part in node.nodes:
                self.visit(part, frame)
                self.write(", ")
            self.write("))")

    class Bounded(sandbox.ImmutableSandboxedEnvironment):
        code_generator_class = Concatenating
        intercepted_binops = frozenset(("+", "*", "**", "%"))

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            check(operator, left, right)
            return sandbox.ImmutableSandboxedEnvironment.call_binop(self, context, operator, left, right)

        def joined(self, parts: tuple[Any, ...]) -> str:
            texts = [str(part) for part in parts]
            _bounded(sum(map(len, texts)))
            return "".join(texts)

    return Bounded(trim_blocks=True, lstrip_blocks=True)


def check(operator: str, left: Any, right: Any) -> None:
    """Refuse an operation whose result would be too large.

    Raises:
        TooMuch
    """
    if isinstance(left, int) and isinstance(right, int):
        bits = {"**": left.bit_length() * max(right, 0), "*": left.bit_length() + right.bit_length()}
        if bits.get(operator, 0) > _MOST_BITS:
            raise TooMuch("it makes a number without end")
    elif operator == "%" and isinstance(left, str) and (_WIDE.search(left) or "*" in left):
        raise TooMuch("it makes a text without end")
    elif operator == "*" and (isinstance(left, int) or isinstance(right, int)):
        many, what = (left, right) if isinstance(left, int) else (right, left)
        _bounded(_length(what) * many)
    elif operator == "+":
        _bounded(_length(left) + _length(right))


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0  # pyright: ignore[reportUnknownArgumentType]


def _bounded(size: int) -> None:
    if size > MOST:
        raise TooMuch("it makes a text without end")


@contextmanager
def within(seconds: float) -> Generator[None]:
    """End what this thread does, between two steps of the interpreter, when the time is over.

    Raises:
        TooMuch
    """
    thread, over, lock = ctypes.c_ulong(threading.get_ident()), threading.Event(), threading.Lock()

    def end() -> None:
        with lock:
            if not over.is_set():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TooMuch))

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            over.set()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)  # what was sent and has not come yet
        timer.cancel()
