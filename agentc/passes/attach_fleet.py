"""`attach-fleet`: the fleet becomes part of the module, so that what follows needs nothing else."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from agentc.dialects.place import FleetOp
from agentc.plan.fleet import Fleet


def attach(module: ModuleOp, fleet: Fleet) -> None:
    """Make ``fleet`` the module's fleet; an earlier one goes."""
    for old in [op for op in module.ops if isinstance(op, FleetOp)]:
        Rewriter.erase_op(old)
    Rewriter.insert_op(FleetOp(fleet), InsertPoint.at_start(module.body.block))


@dataclass(frozen=True)
class AttachFleetPass(ModulePass):
    """
    Reads a fleet file, or one of the catalog's fleets by name, and writes it into the module as `place.fleet`: device
    classes with their rates and prices, links, financing. A fleet that is there already is replaced.

    Before:

    ```mlir
    agent.graph entry @assistant {
      agent.output [](){}
    }
    ```

    After:

    ```mlir
    place.fleet @"local-cpu" financing <{}> {
      place.stock <{…}>
    }
    agent.graph entry @assistant {
      agent.output [](){}
    }
    ```
    """

    name = "attach-fleet"

    fleet: str

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        from agentc.catalog import load_fleet

        attach(op, load_fleet(self.fleet))
