"""What a backend wrote: one record per file, listed in the manifest."""

from typing import Final

from agentc.support.record import record

REFUSAL: Final = "refusal"
"""The kind of a file that says why a target has no form of a kernel."""

LOG: Final = "compiler-log"
"""The kind of a file that says why a compiler refused what a backend wrote."""


@record(slots=True)
class Artifact:
    """A file of the build. ``path`` is relative to the folder that the backend was given, with ``/``."""

    path: str
    kind: str
    """For example ``onnx``, ``weights``, ``object``, ``ptx``."""
    target: str
    """The backend, for example ``onnx`` or ``cuda``."""
    of: str
    """The model or kernel that it realizes."""
    note: str = ""
    """What a reader must know, for example that the weights are a seeded stand-in."""
