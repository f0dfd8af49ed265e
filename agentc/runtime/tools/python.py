"""Python functions from files of the build. A file is loaded once a program; what it raises is told with its line."""

import asyncio
import hashlib
import importlib.util
import inspect
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, cast

from agentc.support.diagnostics import Diagnostic, Refused, Span, did_you_mean

_importing = threading.Lock()
"""Loading a file changes `sys.path` for a moment."""


class PythonFiles:
    """Functions by ``file.py:name``, files below one folder."""

    def __init__(self, folder: Path, *, built: bool = True) -> None:
        """``built``: the files are copies that a build holds, not the user's own."""
        self._folder = folder
        self._built = built
        self._modules: dict[str, ModuleType] = {}

    def function(self, target: str) -> Callable[..., Any]:
        """The function.

        Raises:
            Refused: ``tool-missing``: no such file or function; ``tool-failed``: the file raises when it is loaded.
        """
        path, _, name = target.rpartition(":")
        module = self._module(path)
        found = getattr(module, name, None)
        if not callable(found):
            names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
            help = did_you_mean(name, names)
            raise Refused(Diagnostic("tool-missing", f"`{path}` has no function `{name}`", Span(path), help=help))
        return cast(Callable[..., Any], found)

    def _module(self, path: str) -> ModuleType:
        with _importing:
            if path not in self._modules:
                self._modules[path] = self._loaded(path)
            return self._modules[path]

    def _loaded(self, path: str) -> ModuleType:
        file = self._folder / path
        if not file.is_file():
            message = f"`{path}` is not in the build" if self._built else f"there is no file `{path}`"
            help = "compile the agent again" if self._built else None
            raise Refused(Diagnostic("tool-missing", message, Span(path), help=help))
        name = f"agentc_tool_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:16]}"
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(file.parent))
        sys.modules[name] = module
        writes, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # a build is not changed by running it
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise failure(f"`{path}` cannot be loaded", path, file, error) from error
        finally:
            sys.dont_write_bytecode = writes
            sys.path.remove(str(file.parent))
        return module

    def bind(self, target: str, names: Sequence[str], args: Sequence[Any]) -> Callable[[], Any]:
        """A call of the function with its arguments checked: the first by name, where there are names.

        Raises:
            Refused: as ``function``; ``tool-arguments``, if the function does not take them.
        """
        function = self.function(target)
        plain = tuple(args[len(names) :])
        named = dict(zip(names, args, strict=False))
        try:
            inspect.signature(function).bind(*plain, **named)
        except TypeError as error:
            raise arguments_refused(target, f"{error}; it is `{_signature(function)}`") from None
        except ValueError:  # a function without a signature checks for itself
            pass
        return lambda: self.call(target, function, plain, named)

    def call(self, target: str, function: Callable[..., Any], args: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """The function's answer; a coroutine is run to its end.

        Raises:
            Refused: ``tool-failed``.
        """
        path = target.rpartition(":")[0]
        try:
            answer = function(*args, **named)
            return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer
        except (Exception, SystemExit) as error:
            raise failure(f"`{target}` failed", path, self._folder / path, error) from error


def failure(what: str, path: str, file: Path, error: BaseException) -> Refused:
    """The refusal that an exception in a user's file is: with the last line of that file on its way."""
    line = _line(file, error.__traceback__)
    if isinstance(error, SyntaxError) and os.path.abspath(error.filename or "") == os.path.abspath(file):
        line = error.lineno or line
    message = f"{what}: {type(error).__name__}: {error}"
    return Refused(Diagnostic("tool-failed", message, Span(path, line), notes=(f"at {path}:{line}",)))


def arguments_refused(target: str, why: str) -> Refused:
    """The refusal of a call with arguments that do not fit."""
    return Refused(Diagnostic("tool-arguments", f"`{target}` cannot be called so: {why}"))


def _line(file: Path, trace: TracebackType | None) -> int:
    file_name = os.path.abspath(file)  # as Python names it, however the build is named
    own = [frame.lineno for frame in traceback.extract_tb(trace) if os.path.abspath(frame.filename) == file_name]
    return own[-1] or 1 if own else 1


def _signature(function: Callable[..., Any]) -> str:
    return f"{function.__name__}{inspect.signature(function)}"


async def _awaited(answer: Any) -> Any:
    return await answer
