"""The calling convention of a compiled tensor kernel, as plain data.

Every machine function that a kernel becomes takes its parameters in this order: arguments, results and temporaries,
each a pointer to an array (C-contiguous, no two overlapping) or a number; for a ``rows`` phase the range to do; then
one 64-bit size for each name in ``sizes``. A part of a ``rows`` phase takes the same except for the range in words of
eight bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import prod
from typing import Any

from agentc.plan.arena import aligned, stack
from agentc.plan.sizes import Sizes
from agentc.support.record import record

LINE = 64
"""Bytes of a line of processors' caches: so much is written past them at once, where a result begins with a line."""
PREFIX = "agentc_"
"""Before the name of every machine function, so that a kernel named ``exp`` does not hide the C library's."""

PART = "_part"
"""After the name of a ``rows`` phase: the same with parameters in memory, ``part(work, low, high)``."""
PARALLEL = "_parallel"
"""After the name of a kernel: the same with a function that runs parts, and its context, as last parameters."""

SCHEMA = 2
"""Of ``NAME.abi.json``; 2: rows have parts."""

Dim = str | int
"""A size: a name that is the same wherever it stands, a number, or what follows from names (``plan.sizes``)."""


@record(slots=True)
class Parameter:
    """A tensor or scalar that a machine function takes."""

    name: str
    dtype: str
    """``f16 f32 f64 bf16``, ``i1 i8 i32 i64``, ``u8 u32 u64``, or ``index`` (a bound)."""
    dims: tuple[Dim, ...] | None
    """``None`` for a scalar that is passed by value."""


@record(slots=True)
class Phase:
    """One machine function of a kernel. Phases run one after the other."""

    symbol: str
    arguments: tuple[int, ...]
    """Indices into the kernel's arguments, results and temporaries, counted through in this order."""
    sizes: tuple[str, ...]
    rows: Dim | None
    """Size of the range that may be cut at will, by two last scalars ``low`` and ``high``; ``None``: whole only."""
    own: tuple[Parameter, ...] = ()
    """Memory that each call allocates and frees by itself."""


@record(slots=True)
class KernelAbi:
    """All that a caller has to know of a kernel."""

    name: str
    arguments: tuple[Parameter, ...]
    results: tuple[Parameter, ...]
    temporaries: tuple[Parameter, ...]
    sizes: tuple[str, ...]
    phases: tuple[Phase, ...]
    requires: tuple[Dim, ...] = ()
    """Sizes that have to be at least 1: ``n - 3`` where the kernel reads ``x[3]``."""

    @property
    def buffers(self) -> tuple[Parameter, ...]:
        """Arguments, results and temporaries: what ``Phase.arguments`` counts."""
        return self.arguments + self.results + self.temporaries

    @property
    def lives(self) -> tuple[range, ...]:
        """For each temporary the phases from the first that uses it to the last."""
        first = len(self.arguments) + len(self.results)
        users = (
            [p for p, phase in enumerate(self.phases) if first + i in phase.arguments]
            for i in range(len(self.temporaries))
        )
        return tuple(range(min(found, default=0), max(found, default=-1) + 1) for found in users)

    def scratch_bytes(self, sizes: Mapping[str, int], threads: int = 1) -> int:
        """Bytes of the arena of all temporaries, and of what ``threads`` calls of a phase allocate, at most."""
        known = Sizes(sizes)
        own = (sum(aligned(bytes_of(p.dtype, p.dims or (), known)) for p in phase.own) for phase in self.phases)
        return self.arena(sizes)[1] + threads * max(own, default=0)

    def arena(self, sizes: Mapping[str, int]) -> tuple[list[int], int]:
        """The byte of the arena at which each temporary begins, and the arena's bytes (``plan.arena``)."""
        known = Sizes(sizes)
        return stack(self.lives, [bytes_of(t.dtype, t.dims or (), known) for t in self.temporaries])

    def to_json(self) -> str:
        """The text of ``NAME.abi.json``; the same for equal values."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n"

    @staticmethod
    def from_json(text: str) -> "KernelAbi":
        """Read back what ``to_json`` wrote.

        Raises:
            ValueError: the text is of another schema.
        """
        data: dict[str, Any] = json.loads(text)
        if data.get("schema") != SCHEMA:
            raise ValueError(f"kernel ABI of schema {data.get('schema')!r}, not {SCHEMA}: compile it again")
        return KernelAbi(
            data["name"],
            _parameters(data["arguments"]),
            _parameters(data["results"]),
            _parameters(data["temporaries"]),
            tuple(data["sizes"]),
            tuple(_phase(p) for p in data["phases"]),
            tuple(data.get("requires", ())),
        )


WIDTHS: Mapping[str, int] = {"i1": 1, "i8": 1, "u8": 1, "f16": 2, "bf16": 2, "f32": 4, "i32": 4, "u32": 4}
"""Bytes of an element; of the others 8."""


def bytes_of(dtype: str, dims: Sequence[Dim], sizes: Mapping[str, int]) -> int:
    """Bytes of an array of ``dims``. ``sizes`` knows what follows from names, too (``plan.sizes.Sizes``)."""
    return prod(d if isinstance(d, int) else sizes[d] for d in dims) * WIDTHS.get(dtype, 8)


def _phase(row: Mapping[str, Any]) -> Phase:
    own = _parameters(row.get("own", ()))
    return Phase(row["symbol"], tuple(row["arguments"]), tuple(row["sizes"]), row["rows"], own)


def _parameters(rows: Sequence[Mapping[str, Any]]) -> tuple[Parameter, ...]:
    return tuple(Parameter(r["name"], r["dtype"], None if r["dims"] is None else tuple(r["dims"])) for r in rows)


RESERVED = frozenset(
    "alignas auto bool break case char class const continue default delete do double else enum extern float for goto "
    "group if inline int int8_t int32_t int64_t long namespace new operator private public register return short "
    "signed sizeof static struct switch template this typedef union unsigned using virtual void volatile while "
    "stream agentc low high base thread threads and or not xor asm true false try catch throw".split()
)


WORDS = {"//": "_by_", "*": "_times_", "+": "_plus_", "-": "_minus_", "%": "_mod_"}


def c_name(name: str) -> str:
    """``name`` as an identifier that C, C++ and generated code leave free; ``n - 1`` is ``n_minus_1``, ``2*n`` is
    ``size_2_times_n``.
    """
    if not name.isidentifier():
        for symbol, word in WORDS.items():
            name = name.replace(symbol, word)
        name = "_".join("".join(c if c.isalnum() else "_" for c in name).split("_")).strip("_")
        name = "_".join(part for part in name.split("_") if part)
    kept = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "_" for c in name)
    if kept[:1].isdigit():
        return f"size_{kept}"
    return f"{kept}_" if kept in RESERVED else kept
