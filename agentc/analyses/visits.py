"""How often an op is expected to run: branch probability x loop trips x map width."""

from xdsl.ir import Block, Operation

from agentc.dialects.agent import BranchOp, GraphOp, LoopOp, MapOp
from agentc.support.record import record


@record(slots=True)
class Visits:
    """Expected runs per run of the block they are counted against."""

    count: float = 1.0
    concurrency: float = 1.0
    """Runs that go side by side: on a path the op weighs ``count / concurrency``."""

    def inside(self, op: Operation, region: int) -> "Visits":
        """Visits of an op in the region number ``region`` of ``op``, which itself is visited so often."""
        match op:
            case BranchOp():
                return Visits(self.count * op.probabilities.data[region].value.data, self.concurrency)
            case LoopOp():
                return Visits(self.count * op.expected.value.data, self.concurrency)
            case MapOp():
                width = op.width.data.mean
                abreast = min(float(op.concurrency.value.data), max(width, 1.0))
                return Visits(self.count * width, self.concurrency * abreast)
            case _:
                return self


def visits(op: Operation, within: Block | None = None) -> Visits:
    """Expected runs of ``op`` for each run of ``within`` (default: of its graph)."""
    path: list[tuple[Operation, int]] = []
    block = op.parent
    while block is not None and block is not within:
        parent = block.parent_op()
        if parent is None or isinstance(parent, GraphOp):
            break
        region = block.parent_region()
        assert region is not None
        path.append((parent, parent.get_region_index(region)))
        block = parent.parent
    found = Visits()
    for parent, index in reversed(path):
        found = found.inside(parent, index)
    return found
