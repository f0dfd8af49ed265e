"""Work that runs no model: tools, memory, tensor kernels, text handling, control."""

from agentc.plan.formula import ZERO, Formula, Operand, constant, symbol
from agentc.plan.work import Work

BATCH = symbol("batch")
BYTES = symbol("bytes")
LATENCY = symbol("latency_seconds")
CPU_SECONDS = symbol("cpu_seconds")

JSON_BYTES_PER_CORE_SECOND = 100e6
"""Parse or print of JSON by CPython's ``json`` module on one server core: order of magnitude, not calibrated."""
TEXT_BYTES_PER_CORE_SECOND = 500e6
"""Search, split and join of text in CPython on one server core: order of magnitude, not calibrated."""
CONTROL_CORE_SECONDS = 20e-6
"""One step of an executor: pick the next node, record the event. Order of magnitude, not calibrated."""


def tool_call(latency_seconds: Operand = LATENCY, cpu_seconds: Operand = CPU_SECONDS) -> Work:
    """A call that waits ``latency_seconds`` (a remote service: no device of ours speeds it up) and keeps one core
    busy for ``cpu_seconds``."""
    return Work(static_seconds=ZERO + latency_seconds, cpu_core_seconds=BATCH * cpu_seconds)


def cpu_compute(core_seconds: Operand = CPU_SECONDS, bytes_: Operand = ZERO) -> Work:
    """A user's function with a stated cost in seconds of one core, handing on ``bytes_``."""
    return Work(cpu_core_seconds=BATCH * core_seconds, network_bytes=BATCH * bytes_)


def kernel(flops: Operand, bytes_read: Operand, bytes_written: Operand, precision: str = "fp32") -> Work:
    """A tensor kernel, figures of one request."""
    return Work(
        flops={precision: BATCH * flops},
        bytes_read=BATCH * bytes_read,
        bytes_written=BATCH * bytes_written,
        activation_bytes=BATCH * bytes_read + BATCH * bytes_written,
        network_bytes=BATCH * bytes_written,
    )


def json_transform(bytes_: Operand = BYTES) -> Work:
    """Parse ``bytes_`` of JSON and print about as much."""
    return _text(ZERO + bytes_, 2.0 / JSON_BYTES_PER_CORE_SECOND)


def text_transform(bytes_: Operand = BYTES) -> Work:
    """One pass over ``bytes_`` of text: strip, template, split."""
    return _text(ZERO + bytes_, 1.0 / TEXT_BYTES_PER_CORE_SECOND)


def memory_access(bytes_: Operand = BYTES, latency_seconds: Operand = ZERO) -> Work:
    """Load or store of an agent's memory: ``bytes_`` over a disk or a network store, handled once by a core."""
    work = text_transform(bytes_)
    return Work(
        bytes_read=work.bytes_read,
        cpu_core_seconds=work.cpu_core_seconds + BATCH * CONTROL_CORE_SECONDS,
        disk_bytes=BATCH * bytes_,
        static_seconds=ZERO + latency_seconds,
        network_bytes=BATCH * bytes_,
    )


def control() -> Work:
    """A step of control flow: branch, loop test, fan-out."""
    return Work(cpu_core_seconds=BATCH * CONTROL_CORE_SECONDS)


def _text(bytes_: Formula, core_seconds_per_byte: float) -> Work:
    return Work(
        bytes_read=BATCH * bytes_,
        bytes_written=BATCH * bytes_,
        cpu_core_seconds=BATCH * bytes_ * constant(core_seconds_per_byte),
        network_bytes=BATCH * bytes_,
    )
