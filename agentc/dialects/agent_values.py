"""Attributes and types of the `agent` dialect: the figures that the planner needs, and what travels between steps."""

from __future__ import annotations

from typing import Any, ClassVar

from xdsl.dialects.builtin import DictionaryAttr
from xdsl.ir import Attribute, Operation, ParametrizedAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from agentc.dialects.data import PlainData
from agentc.plan.graph import Limit, Load, PlacementRule
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work

# Attributes


@irdl_attr_definition
class QuantityAttr(PlainData[Quantity]):
    """
    An expected figure: its mean, percentiles where known, and `assumed` where the user stated nothing.

    ```mlir
    #agent.quantity<160.0, p95 = 400.0>
    #agent.quantity<512.0, assumed>
    ```
    """

    name = "agent.quantity"
    plain: ClassVar[Any] = Quantity

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Quantity:
        with parser.in_angle_brackets():
            figures = {"mean": parser.parse_float()}
            assumed = False
            while parser.parse_optional_punctuation(","):
                key = parser.parse_identifier("percentile or `assumed`")
                if key == "assumed":
                    assumed = True
                elif key in ("p50", "p90", "p95", "p99"):
                    parser.parse_punctuation("=")
                    figures[key] = parser.parse_float()
                else:
                    parser.raise_error(f"a quantity has no figure `{key}`; p50, p90, p95, p99 or assumed")
            return Quantity(**figures, assumed=assumed)

    def print_parameter(self, printer: Printer) -> None:
        quantity = self.data
        figures = {name: getattr(quantity, name) for name in ("p50", "p90", "p95", "p99")}
        stated = "".join(f", {name} = {float(value)!r}" for name, value in figures.items() if value is not None)
        printer.print_string(f"<{float(quantity.mean)!r}{stated}{', assumed' if quantity.assumed else ''}>")


@irdl_attr_definition
class LimitAttr(PlainData[Limit]):
    """
    One bound of the service-level agreement.

    ```mlir
    #agent.limit<{metric = "ttft", seconds = 0.25 : f64}>
    ```
    """

    name = "agent.limit"
    plain: ClassVar[Any] = Limit


@irdl_attr_definition
class LoadAttr(PlainData[Load]):
    """
    How many requests arrive.

    ```mlir
    #agent.load<{requests_per_second = 20.0 : f64}>
    ```
    """

    name = "agent.load"
    plain: ClassVar[Any] = Load


@irdl_attr_definition
class PlacementRuleAttr(PlainData[PlacementRule]):
    """
    The user's own word on where an op may go.

    ```mlir
    #agent.placement<{forbid = ["gaudi3"]}>
    ```
    """

    name = "agent.placement"
    plain: ClassVar[Any] = PlacementRule


@irdl_attr_definition
class WorkAttr(PlainData[Work]):
    """
    Demand of one step, as formulas over the request's shape and the batch.

    ```mlir
    #agent.work<{cpu_core_seconds = "0.002", static_seconds = "0.18"}>
    ```
    """

    name = "agent.work"
    plain: ClassVar[Any] = Work


# Types


@irdl_attr_definition
class TextType(ParametrizedAttribute, TypeAttribute):
    """Text: a prompt, an answer."""

    name = "agent.text"


@irdl_attr_definition
class AudioType(ParametrizedAttribute, TypeAttribute):
    """Sampled sound."""

    name = "agent.audio"


@irdl_attr_definition
class ImageType(ParametrizedAttribute, TypeAttribute):
    """A picture."""

    name = "agent.image"


@irdl_attr_definition
class EmbeddingType(ParametrizedAttribute, TypeAttribute):
    """A dense vector of an embedding model."""

    name = "agent.embedding"


@irdl_attr_definition
class DocumentsType(ParametrizedAttribute, TypeAttribute):
    """Passages with scores and metadata, best first."""

    name = "agent.documents"


@irdl_attr_definition
class RecordType(ParametrizedAttribute, TypeAttribute):
    """Named fields: structured output, JSON."""

    name = "agent.record"


@irdl_attr_definition
class AnyType(ParametrizedAttribute, TypeAttribute):
    """A value of a kind that is known only when it is there."""

    name = "agent.any"


@irdl_attr_definition
class ListType(ParametrizedAttribute, TypeAttribute):
    """Several values of one type, in order."""

    name = "agent.list"

    element: Attribute


def placement_rule(op: Operation) -> PlacementRule:
    """The user's word on where ``op`` may go."""
    attr = op.attributes.get("agent.placement")
    return attr.data if isinstance(attr, PlacementRuleAttr) else PlacementRule()


def quantities(attr: DictionaryAttr | None) -> dict[str, Quantity]:
    """A dictionary attribute of ``#agent.quantity`` as plain data."""
    if attr is None:
        return {}
    return {key: value.data for key, value in attr.data.items() if isinstance(value, QuantityAttr)}
