"""The `place` dialect: the fleet in the module, and where each op was put, why, and at what cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, cast

from xdsl.dialects.builtin import (
    ArrayAttr,
    Float64Type,
    FloatAttr,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    f64,
)
from xdsl.ir import Attribute, Block, Dialect, Operation, Region, SSAValue
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    ParsePropInAttrDict,
    VarConstraint,
    irdl_attr_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.traits import HasParent, NoTerminator, Pure, SymbolOpInterface

from agentc.dialects.data import PlainData
from agentc.dialects.definition import op_definition
from agentc.plan.fleet import Calibration, Financing, Fleet, Link, Stock
from agentc.plan.graph import NoCode
from agentc.plan.placement import Alternative, Assignment, Hop, Option, PlanSummary


@irdl_attr_definition
class StockAttr(PlainData[Stock]):
    """
    How many of a device class the fleet holds, what one costs, and the device's rates.

    ```mlir
    #place.stock<{device = {name = "tiny", vendor = "none", kind = "cpu", family = "cpu", flops_per_second = {fp32 = 1000000000.0 : f64}, memory_bytes = 8000000000.0 : f64, bytes_per_second = 20000000000.0 : f64, watts = 65.0 : f64, scale_up = {name = "none", bytes_per_second = 1000000000.0 : f64, latency_seconds = 0.0 : f64}, scale_up_size = 1 : i64, scale_out = {name = "none", bytes_per_second = 1000000000.0 : f64, latency_seconds = 0.0 : f64}}}>
    ```
    """

    name = "place.stock"
    plain: ClassVar[Any] = Stock


@irdl_attr_definition
class LinkAttr(PlainData[Link]):
    """
    A way for bytes to travel.

    ```mlir
    #place.link<{name = "roce-400g", bytes_per_second = 50000000000.0 : f64, latency_seconds = 0.000005 : f64}>
    ```
    """

    name = "place.link"
    plain: ClassVar[Any] = Link


@irdl_attr_definition
class FinancingAttr(PlainData[Financing]):
    """
    How an owned device's price becomes dollars per hour.

    ```mlir
    #place.financing<{years = 3.0 : f64}>
    ```
    """

    name = "place.financing"
    plain: ClassVar[Any] = Financing


@irdl_attr_definition
class CalibrationAttr(PlainData[Calibration]):
    """
    The user's own curves of the cost model, as JSON.

    ```mlir
    #place.calibration<{file = "ours.yaml", text = "{}"}>
    ```
    """

    name = "place.calibration"
    plain: ClassVar[Any] = Calibration


@irdl_attr_definition
class OptionAttr(PlainData[Option]):
    """
    One way to run an op, as `search-parallelism` found it.

    ```mlir
    #place.option<{name = "cpu", pool = "cpu/host", place = "cpu", device = "cpu", mode = "single"}>
    ```
    """

    name = "place.option"
    plain: ClassVar[Any] = Option


@irdl_attr_definition
class OnAttr(PlainData[Assignment]):
    """
    Where an op was put.

    ```mlir
    #place.on<{device = "h100-sxm", mode = "disaggregated", pool = "mind/prefill/h100-sxm/tp2/b4", tp = 2 : i64, batch = 4 : i64}>
    ```
    """

    name = "place.on"
    plain: ClassVar[Any] = Assignment


@irdl_attr_definition
class HopAttr(PlainData[Hop]):
    """
    What a `kv.transfer` between two pools was planned to take (attribute `place.hop`).

    ```mlir
    #place.hop<{seconds = 0.0034 : f64, link = "roce-400g", bytes_ = 160000000.0 : f64}>
    ```
    """

    name = "place.hop"
    plain: ClassVar[Any] = Hop


@irdl_attr_definition
class AlternativeAttr(PlainData[Alternative]):
    """
    A device that an op was not put on, and why.

    ```mlir
    #place.alternative<{device = "l4", option = "", verdict = "infeasible", why = "140 GB of weights in 24 GB of memory"}>
    ```
    """

    name = "place.alternative"
    plain: ClassVar[Any] = Alternative


@irdl_attr_definition
class NoCodeAttr(PlainData[NoCode]):
    """
    A device that no code of a kernel is for, and why (attribute `place.no_code` of a `compute.kernel`).

    ```mlir
    #place.no_code<{device = "gaudi3", why = "target `gaudi3`"}>
    ```
    """

    name = "place.no_code"
    plain: ClassVar[Any] = NoCode


@irdl_attr_definition
class SummaryAttr(PlainData[PlanSummary]):
    """
    The plan as a whole: proof, cost, latency.

    ```mlir
    #place.summary<{status = "optimal", objective = "cost"}>
    ```
    """

    name = "place.summary"
    plain: ClassVar[Any] = PlanSummary


@op_definition
class FleetOp(IRDLOperation):
    """
    The fleet that the module is compiled for.

    ```mlir
    place.fleet @small financing <{}> {
      place.link "*->*" <{name = "ethernet", bytes_per_second = 1250000000.0 : f64, latency_seconds = 0.00003 : f64}>
    }
    ```
    """

    name = "place.fleet"

    sym_name = prop_def(SymbolNameConstraint())
    financing = prop_def(FinancingAttr)
    source = opt_prop_def(StringAttr)
    calibration = opt_prop_def(CalibrationAttr)
    body = region_def("single_block")

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(SymbolOpInterface(), NoTerminator())
    assembly_format = "$sym_name `financing` $financing $body attr-dict"

    def __init__(self, fleet: Fleet):
        rows: list[Operation] = [StockOp(stock) for stock in fleet.stocks]
        rows += [LinkOp(ends, link) for ends, link in fleet.links.items()]
        super().__init__(
            regions=[Region(Block(rows))],
            properties={
                "sym_name": StringAttr(fleet.name),
                "financing": FinancingAttr(fleet.financing),
                "source": StringAttr(fleet.source) if fleet.source else None,
                "calibration": CalibrationAttr(fleet.calibration) if fleet.calibration is not None else None,
            },
        )

    def fleet(self) -> Fleet:
        """The fleet as plain data."""
        rows = list(self.body.block.ops)
        return Fleet(
            self.sym_name.data,
            tuple(row.stock.data for row in rows if isinstance(row, StockOp)),
            self.financing.data,
            {row.ends.data: row.link.data for row in rows if isinstance(row, LinkOp)},
            self.source.data if self.source is not None else "",
            self.calibration.data if self.calibration is not None else None,
        )


@op_definition
class StockOp(IRDLOperation):
    """
    One device class of the fleet.

    ```mlir
    place.stock <{device = {name = "tiny", vendor = "none", kind = "cpu", family = "cpu", flops_per_second = {}, memory_bytes = 8000000000.0 : f64, bytes_per_second = 20000000000.0 : f64, watts = 65.0 : f64, scale_up = {name = "none", bytes_per_second = 1.0 : f64, latency_seconds = 0.0 : f64}, scale_up_size = 1 : i64, scale_out = {name = "none", bytes_per_second = 1.0 : f64, latency_seconds = 0.0 : f64}}}>
    ```
    """

    name = "place.stock"

    stock = prop_def(StockAttr)

    traits = traits_def(HasParent(FleetOp))
    assembly_format = "$stock attr-dict"

    def __init__(self, stock: Stock):
        super().__init__(properties={"stock": StockAttr(stock)})


@op_definition
class LinkOp(IRDLOperation):
    """
    The link between two device classes, `*` for any.

    ```mlir
    place.link "b200->gaudi3" <{name = "roce-400g", bytes_per_second = 50000000000.0 : f64, latency_seconds = 0.000005 : f64}>
    ```
    """

    name = "place.link"

    ends = prop_def(StringAttr)
    link = prop_def(LinkAttr)

    traits = traits_def(HasParent(FleetOp))
    assembly_format = "$ends $link attr-dict"

    def __init__(self, ends: str, link: Link):
        super().__init__(properties={"ends": StringAttr(ends), "link": LinkAttr(link)})


_VALUE = VarConstraint("VALUE", AnyAttr())


@op_definition
class TransferOp(IRDLOperation):
    """
    Carries a value between two places over a link, with the bytes and the time that it was planned to take.

    ```mlir
    %there = place.transfer %cache from "h100-sxm" to "gaudi3" over "roce-400g" bytes 1.6e8 seconds 0.0034 : !kv.cache<@mind>
    ```
    """

    name = "place.transfer"

    value = operand_def(_VALUE)
    source = prop_def(StringAttr)
    target = prop_def(StringAttr)
    link = prop_def(StringAttr)
    bytes_ = prop_def(FloatAttr[Float64Type], prop_name="bytes")
    seconds = prop_def(FloatAttr[Float64Type])
    result = result_def(_VALUE)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure())
    assembly_format = (
        "$value `from` $source `to` $target `over` $link `bytes` $bytes `seconds` $seconds attr-dict `:` type($value)"
    )

    def __init__(
        self,
        value: SSAValue,
        source: str,
        target: str,
        link: str,
        bytes_: float,
        seconds: float,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[value],
            result_types=[value.type],
            properties={
                "source": StringAttr(source),
                "target": StringAttr(target),
                "link": StringAttr(link),
                "bytes": FloatAttr(bytes_, f64),
                "seconds": FloatAttr(seconds, f64),
            },
            attributes=dict(attributes or {}),
        )


@op_definition
class PlanOp(IRDLOperation):
    """
    What the placement of a graph comes to, with its proof.

    ```mlir
    place.plan @assistant <{status = "optimal", objective = "cost", usd_per_hour = 12.5 : f64}>
    ```
    """

    name = "place.plan"

    graph = prop_def(SymbolRefAttr)
    summary = prop_def(SummaryAttr)

    assembly_format = "$graph $summary attr-dict"

    def __init__(self, graph: str, summary: PlanSummary):
        super().__init__(properties={"graph": SymbolRefAttr(graph), "summary": SummaryAttr(summary)})


def assignment(op: Operation) -> Assignment | None:
    """Where ``op`` was put, or ``None`` before placement."""
    attr = op.attributes.get("place.on")
    return attr.data if isinstance(attr, OnAttr) else None


def ways(op: Operation) -> tuple[Assignment, ...]:
    """Everywhere that ``op`` was put, the first of which has the largest share of its requests."""
    first, attr = assignment(op), op.attributes.get("place.routes")
    items = cast(Iterable[Attribute], attr) if isinstance(attr, ArrayAttr) else ()
    more = (item.data for item in items if isinstance(item, OnAttr))
    return () if first is None else (first, *more)


def alternatives(op: Operation) -> tuple[Alternative, ...]:
    """The devices that ``op`` was not put on, with the reasons."""
    attr = op.attributes.get("place.alternatives")
    if not isinstance(attr, ArrayAttr):
        return ()
    items = cast(Iterable[Attribute], attr)
    return tuple(item.data for item in items if isinstance(item, AlternativeAttr))


def no_code(op: Operation) -> tuple[NoCode, ...]:
    """The devices that there is no code for of the kernel that ``op`` calls."""
    attr = op.attributes.get("place.no_code")
    items = cast(Iterable[Attribute], attr) if isinstance(attr, ArrayAttr) else ()
    return tuple(item.data for item in items if isinstance(item, NoCodeAttr))


def hop(op: Operation) -> Hop | None:
    """What the transfer ``op`` takes, or ``None`` where it stays in its pool or nothing is placed."""
    attr = op.attributes.get("place.hop")
    return attr.data if isinstance(attr, HopAttr) else None


Place = Dialect(
    "place",
    [FleetOp, StockOp, LinkOp, TransferOp, PlanOp],
    [
        StockAttr,
        LinkAttr,
        FinancingAttr,
        CalibrationAttr,
        OptionAttr,
        OnAttr,
        HopAttr,
        AlternativeAttr,
        NoCodeAttr,
        SummaryAttr,
    ],
)
