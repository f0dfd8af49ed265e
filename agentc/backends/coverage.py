"""Which backend emits a kernel for a device, and whether it has code for it: what the planner has to know first."""

from typing import TYPE_CHECKING, Literal

from agentc.plan.fleet import Device
from agentc.support.record import record
from agentc.support.registry import load

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp


@record(slots=True)
class Emitter:
    """A backend of kernels. Its functions make text at most: no compiler is run to know what there is code for."""

    backend: str
    """As messages call it."""
    form: Literal["cpu", "gpu", "cuda"]
    """What kernels are lowered for."""
    kernel: str
    """``module:function`` that raises ``Refused`` for a lowered kernel that it has no code of."""
    target: str = ""
    """``module:function`` that says why there is no code for a target; empty: it takes all that it is asked about."""

    def check(self, lowered: "ModuleOp") -> None:
        """See whether there is code of ``lowered``, in this backend's form.

        Raises:
            Refused: ``kernel-unsupported``.
        """
        load(self.kernel)(lowered)

    def lacks(self, target: str) -> str:
        """Why there is no code for ``target``, whatever the kernel; empty where there is some."""
        return load(self.target)(target) if self.target else ""


PROCESSORS = Emitter("LLVM", "cpu", "agentc.backends.llvm:check")

EMITTERS: dict[str, Emitter] = {
    "sm_": Emitter("CUDA", "cuda", "agentc.backends.cuda:check", "agentc.backends.cuda.targets:lacks"),
    "gfx": Emitter("LLVM", "gpu", "agentc.backends.llvm.gpu:check", "agentc.backends.llvm.gpu:lacks"),
}
"""How a device's ``target`` starts -> who emits for it."""


def emitter(device: Device) -> Emitter | None:
    """The backend that emits kernels for ``device``; ``None``: none does."""
    if device.kind == "cpu":
        return PROCESSORS
    return next((found for start, found in EMITTERS.items() if device.target.startswith(start)), None)
