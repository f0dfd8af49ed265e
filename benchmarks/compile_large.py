"""Compile a generated agent of many nodes to phase `placed`: time of each phase, peak memory.

``python benchmarks/compile_large.py [NODES] [FLEET]`` (default: 1000 nodes on mixed-2026). The agent mixes calls of
three models, tools, memories, compute, branches, loops and maps, with an end-to-end limit; the seed is fixed.
"""

import random
import resource
import sys
import time
from collections.abc import Iterator, Mapping

TEXT = "!agent.text"
MODELS = ("llama-3.1-8b", "llama-3.1-70b", "qwen3-32b")


def header() -> Iterator[str]:
    """Models, tools and a memory."""
    from agentc import catalog
    from agentc.dialects.model import SpecOp

    for i, name in enumerate(MODELS):
        yield str(SpecOp(f"m{i}", catalog.model(name), "fp8"))
    for i in range(5):
        yield f'tool.spec @t{i} latency <{0.05 * (i + 1)!r}> cpu <0.002> {{python = "tools.py:t{i}"}}'
    yield 'memory.spec @log kind "log" documents 0 dimension 0'


class Writer:
    """Writes ops, each on one of the last few values."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0

    def node(self, values: list[str], depth: int) -> str:
        """One node as text; its value is appended to ``values``."""
        self.count += 1
        name, given = f"v{self.count}", self.random.choice(values[-4:])
        where = f'agent.node = "n{self.count}", agent.source = "agent.yaml:{self.count}:1"'
        kind = self.random.choices(
            ("llm", "tool", "compute", "python", "store", "branch", "loop", "map"),
            (30, 20, 20, 10, 5, 6, 5, 4) if depth else (35, 25, 25, 10, 5, 0, 0, 0),
        )[0]
        text = getattr(self, kind)(name, given, where, values, depth)
        if kind != "store":
            values.append(name)
        return text

    def nodes(self, values: list[str], depth: int, count: int) -> str:
        """Several nodes."""
        return "".join(self.node(values, depth) for _ in range(count))

    def llm(self, name: str, given: str, where: str, values: list[str], depth: int) -> str:
        del values, depth
        read, write = self.random.choice((256, 1024, 4096)), self.random.choice((64, 256))
        sizes = f"{{input_tokens = #agent.quantity<{read}.0>, output_tokens = #agent.quantity<{write}.0>}}"
        model = self.random.randrange(len(MODELS))
        return f"%{name} = llm.call @m{model}(%{given}) shape {sizes} {{{where}}} : ({TEXT}) -> {TEXT}\n"

    def tool(self, name: str, given: str, where: str, values: list[str], depth: int) -> str:
        del values, depth
        return f"%{name} = tool.invoke @t{self.random.randrange(5)}(%{given}) {{{where}}} : ({TEXT}) -> {TEXT}\n"

    def compute(self, name: str, given: str, where: str, values: list[str], depth: int) -> str:
        del depth
        other = self.random.choice(values[-4:])
        return f'%{name} = compute.builtin "concat"(%{given}, %{other}) {{{where}}} : ({TEXT}, {TEXT}) -> {TEXT}\n'

    def python(self, name: str, given: str, where: str, values: list[str], depth: int) -> str:
        del values, depth
        sizes = "shape = {cpu_seconds = #agent.quantity<0.003>}"
        return f'%{name} = compute.python "a.py:f"(%{given}) {{{where}, {sizes}}} : ({TEXT}) -> {TEXT}\n'

    def store(self, name: str, given: str, where: str, values: list[str], depth: int) -> str:
        del name, values, depth
        return f"memory.observe @log(%{given}) {{{where}, agent.async}} : {TEXT}\n"

    def branch(self, name: str, given: str, where: str, values: list[str], depth: int) -> str:
        one, two = list(values), list(values)
        a, b = self.nodes(one, depth - 1, 2), self.nodes(two, depth - 1, 2)
        return (
            f'%{name} = agent.branch %{given} ["a", "*"] probabilities [0.3 : f64, 0.7 : f64] : {TEXT} -> {TEXT} '
            f"{{\n{a}agent.yield %{one[-1]} : {TEXT}\n}} "
            f"{{\n{b}agent.yield %{two[-1]} : {TEXT}\n}} attributes {{{where}}}\n"
        )

    def loop(self, name: str, given: str, where: str, values: list[str], depth: int) -> str:
        inner = [*values, f"x{name}"]
        body = self.nodes(inner, depth - 1, 3)
        return (
            f"%{name} = agent.loop(%{given}) expected 1.5 max 4 : ({TEXT}) -> {TEXT} "
            f"{{\n^bb0(%x{name}: {TEXT}):\n{body}"
            f'%c{name} = compute.builtin "contains"(%{inner[-1]}) : ({TEXT}) -> i1\n'
            f"agent.continue %c{name}(%{inner[-1]}) : {TEXT}\n}} {{{where}}}\n"
        )

    def map(self, name: str, given: str, where: str, values: list[str], depth: int) -> str:
        inner = [*values, f"i{name}"]
        body, items = self.nodes(inner, depth - 1, 2), f"!agent.list<{TEXT}>"
        return (
            f'%l{name} = compute.builtin "split"(%{given}) : ({TEXT}) -> {items}\n'
            f"%m{name} = agent.map %l{name} width <6.0> concurrency 3 : {items} -> {items} "
            f"{{\n^bb0(%i{name}: {TEXT}):\n{body}agent.yield %{inner[-1]} : {TEXT}\n}} {{{where}}}\n"
            f'%{name} = compute.builtin "join"(%m{name}) : ({items}) -> {TEXT}\n'
        )


LIMITS: Mapping[str, float] = {"ttft": 2.0, "end_to_end": 5000.0}
"""Seconds; the second does not bind."""


def agent(nodes: int, seed: int = 1, *, limits: Mapping[str, float] = LIMITS, rate: float = 0.5) -> str:
    """The agent as IR of the phase `agent`, at so many requests per second."""
    writer, values, body = Writer(seed), ["q"], ""
    while writer.count < nodes:
        body += writer.node(values, 2)
    lines = (f'#agent.limit<{{metric = "{metric}", seconds = {float(s)!r} : f64}}>' for metric, s in limits.items())
    sla = f"{{limits = [{', '.join(lines)}], load = #agent.load<{{requests_per_second = {rate!r} : f64}}>}}"
    head = "\n".join(header())
    return (
        f'{head}\nagent.graph entry @large {{\n%q = agent.input "q" : {TEXT}\n{body}'
        f'agent.output ["r"](%{values[-1]}) : {TEXT}\n}} {sla}\n'
    )


def main() -> None:
    """Print the table."""
    from xdsl.parser import Parser

    from agentc.pipelines.runner import Compilation, context, run
    from agentc.pipelines.standard import Settings

    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    fleet = sys.argv[2] if len(sys.argv) > 2 else "mixed-2026"
    started = time.perf_counter()
    module = Parser(context(), agent(nodes)).parse_module()
    print(f"{nodes} nodes on {fleet}\n{'phase':10} {'seconds':>8} {'peak MB':>8}")
    print(f"{'read':10} {time.perf_counter() - started:8.2f} {_peak():8.0f}")
    before = time.perf_counter()
    compilation = Compilation(module, Settings(fleet))
    for phase in run(compilation, "placed"):
        now = time.perf_counter()
        print(f"{phase:10} {now - before:8.2f} {_peak():8.0f}  {len(compilation.texts[phase]) / 1e6:.1f} MB of text")
        before = now
    print(f"{'all':10} {time.perf_counter() - started:8.2f} {_peak():8.0f}  solver {compilation.solve_seconds:.2f} s")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
