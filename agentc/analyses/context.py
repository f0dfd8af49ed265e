"""The context of a compilation: xDSL's, with a place for answers that several passes ask for."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from xdsl.context import Context

from agentc.plan.fleet import Device
from agentc.plan.graph import NoCode

if TYPE_CHECKING:
    from xdsl.dialects.func import FuncOp

T = TypeVar("T")

Coverage: TypeAlias = "Callable[[FuncOp, Iterable[Device]], tuple[NoCode, ...]]"
"""Kernel and devices -> those of the devices that it has no code for. Backends know; passes are told by the context."""


class AgentcContext(Context):
    """xDSL's context with a memo of one answer per question, kept only while the question stays the same."""

    def __init__(self, allow_unregistered: bool = False) -> None:
        super().__init__(allow_unregistered)
        self._memo: dict[str, tuple[object, object]] = {}
        self.solve_seconds: float | None = None
        """Time that the last placement took to solve; it is no part of the IR, which is the same every time."""
        self.coverage: Coverage | None = None
        """What kernels have code for; ``None``: nobody knows, and all devices count."""

    def remembered(self, name: str, question: object) -> object | None:
        """The answer to ``name``, if it was given to a question equal to ``question``."""
        asked, answer = self._memo.get(name, (None, None))
        return answer if asked is not None and asked == question else None

    def remember(self, name: str, question: object, answer: T) -> T:
        """Keep ``answer`` in the place of an earlier one."""
        self._memo[name] = (question, answer)
        return answer
