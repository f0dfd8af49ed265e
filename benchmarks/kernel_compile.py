"""How long a kernel compiles: ``python -m benchmarks.kernel_compile [KERNEL …]`` prints milliseconds of processor time.

From the text of the library to machine code in memory, the least of some rounds, each part by itself: the frontend, the
passes, writing LLVM IR, LLVM's passes over it, code generation with loading. What a process does once, such as imports
and LLVM's tables of processors, is done before.
"""

import sys
import time
from collections.abc import Sequence

from agentc.frontends.kernels import BUILTINS, builtin

ROUNDS = 5
GOAL = 150.0
"""Milliseconds in which a kernel should be compiled."""
PARTS = ("frontend", "passes", "IR", "LLVM", "code")


def once(name: str) -> list[float]:
    """Milliseconds of each of ``PARTS``."""
    from agentc.analyses.kernel_abi import kernel_abi
    from agentc.backends.llvm.targets import find, object_of, optimized
    from agentc.backends.llvm.translate import translate
    from agentc.pipelines.kernels import lower_in_place
    from agentc.runtime.native import load_object

    marks = [time.process_time()]
    module = builtin(name)
    marks.append(time.process_time())
    lower_in_place(module)
    marks.append(time.process_time())
    target = find("host")
    text, abi = str(translate(module, target.traits, phases=True)), kernel_abi(module)
    marks.append(time.process_time())
    made = optimized(text, target)
    marks.append(time.process_time())
    load_object(object_of(made, target), abi)
    marks.append(time.process_time())
    return [(b - a) * 1e3 for a, b in zip(marks, marks[1:], strict=False)]


def least(name: str) -> list[float]:
    """As ``once``, of the round that took the least in all."""
    return min((once(name) for _ in range(ROUNDS)), key=sum)


def main(names: Sequence[str] = ()) -> None:
    """Print the table, the slowest first."""
    once("softmax")
    found = {name: least(name) for name in names or BUILTINS}
    print(f"milliseconds of processor time, least of {ROUNDS} rounds")
    print(f"{'kernel':28} {'all':>6} " + " ".join(f"{part:>8}" for part in PARTS))
    for name, parts in sorted(found.items(), key=lambda item: -sum(item[1])):
        print(f"{name:28} {sum(parts):6.0f} " + " ".join(f"{part:8.1f}" for part in parts))
    totals = [sum(parts) for parts in found.values()]
    mean = sum(totals) / len(totals)
    print(f"mean {mean:.0f}; {sum(t <= GOAL for t in totals)} of {len(totals)} within {GOAL:.0f}")


if __name__ == "__main__":
    main(sys.argv[1:])
