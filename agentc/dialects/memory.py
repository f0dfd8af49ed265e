"""The `memory` dialect: what an agent knows beyond a request: documents, values by key, episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xdsl.dialects.builtin import (
    I64,
    DictionaryAttr,
    IntegerAttr,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    i64,
)
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    ParsePropInAttrDict,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import (
    MemoryReadEffect,
    MemoryWriteEffect,
    SymbolOpInterface,
)
from xdsl.utils.exceptions import VerifyException

from agentc.dialects.agent_values import quantities
from agentc.dialects.definition import op_definition
from agentc.dialects.interfaces import HasWork, symbol_of
from agentc.dialects.tool import HOSTS
from agentc.plan import demand
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work

ENTRY_BYTES = Quantity(4096.0, assumed=True)
"""Size of a stored value where the definition states none: a few paragraphs of text."""


@op_definition
class SpecOp(IRDLOperation):
    """
    A store: `kind` is `vector` (documents by similarity), `keyvalue` or `log` (episodes in order).

    ```mlir
    memory.spec @handbook kind "vector" documents 10000 dimension 384 {path = "docs/"}
    ```
    """

    name = "memory.spec"

    sym_name = prop_def(SymbolNameConstraint())
    kind = prop_def(StringAttr)
    documents = prop_def(IntegerAttr[I64])
    dimension = prop_def(IntegerAttr[I64])
    path = opt_prop_def(StringAttr)
    """Directory or file of documents that fill the store, relative to the definition."""
    embed = opt_prop_def(SymbolRefAttr)
    """The embedding model that makes vectors of documents and of textual queries."""
    options = opt_prop_def(DictionaryAttr)
    """`index` of a vector store: `ivf` with `nlist` and `nprobe`, or `hnsw` with `m` and `ef`; without it a search
    reads all."""

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(SymbolOpInterface())
    assembly_format = "$sym_name `kind` $kind `documents` $documents `dimension` $dimension attr-dict"

    def __init__(
        self,
        name: str,
        kind: str,
        *,
        documents: int = 0,
        dimension: int = 0,
        path: str | None = None,
        embed: str | None = None,
        options: DictionaryAttr | None = None,
    ):
        super().__init__(
            properties={
                "sym_name": StringAttr(name),
                "kind": StringAttr(kind),
                "documents": IntegerAttr(documents, i64),
                "dimension": IntegerAttr(dimension, i64),
                "path": StringAttr(path) if path else None,
                "embed": SymbolRefAttr(embed) if embed else None,
                "options": options,
            }
        )

    def verify_(self) -> None:
        """The index, if one is stated, is known and whole."""
        _index_work(self)


def memory_of(op: Operation) -> SpecOp | None:
    """The ``memory.spec`` that an op names, or ``None`` where the module has none of that name."""
    spec = symbol_of(op, "memory")
    return spec if isinstance(spec, SpecOp) else None


def _search_work(op: Operation) -> Work:
    spec = memory_of(op)
    return demand.vector_lookup() if spec is None else _index_work(spec)


def _index_work(spec: SpecOp) -> Work:
    """An exact search, or that of the index which the store's options state.

    Raises:
        VerifyException: they state none that is known, or one without its figures.
    """
    options: Mapping[str, Attribute] = spec.options.data if spec.options is not None else {}
    figures = {name: item.value.data for name, item in options.items() if isinstance(item, IntegerAttr)}
    try:
        match options.get("index"):
            case None:
                return demand.vector_lookup()
            case StringAttr(data="ivf"):
                return demand.list_lookup(figures["nlist"], figures["nprobe"])
            case StringAttr(data="hnsw"):
                return demand.graph_lookup(figures["m"], figures["ef"], float(max(spec.documents.value.data, 1)))
            case index:
                raise VerifyException(f"there is no index {index}; `ivf` and `hnsw` are known")
    except KeyError as missing:
        raise VerifyException(f"its index lacks {missing}") from None
    except ValueError as problem:
        raise VerifyException(str(problem)) from None


def _search_shape(op: Operation) -> Mapping[str, Quantity]:
    spec = memory_of(op)
    if spec is None:
        return {"documents": Quantity(1.0), "dimension": Quantity(1.0)}
    return {
        "documents": Quantity(float(max(spec.documents.value.data, 1))),
        "dimension": Quantity(float(max(spec.dimension.value.data, 1))),
    }


def _access_work(op: Operation) -> Work:
    return demand.memory_access()


def _access_shape(op: Operation) -> Mapping[str, Quantity]:
    shape = op.attributes.get("shape")
    return {"bytes": ENTRY_BYTES} | quantities(shape if isinstance(shape, DictionaryAttr) else None)


_ACCESS = HasWork(_access_work, _access_shape)


@op_definition
class LoadOp(IRDLOperation):
    """
    The value under a key; without a key what the store holds of this conversation.

    ```mlir
    %history = memory.load @episodes(%user) : (!agent.text) -> !agent.text
    ```
    """

    name = "memory.load"

    memory = prop_def(SymbolRefAttr)
    inputs = var_operand_def()
    result = result_def()

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(MemoryReadEffect(), HOSTS, _ACCESS)
    assembly_format = "$memory `(` $inputs `)` attr-dict `:` functional-type($inputs, $result)"

    def __init__(
        self,
        memory: str,
        inputs: Sequence[SSAValue],
        type: Attribute,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[inputs],
            result_types=[type],
            properties={"memory": SymbolRefAttr(memory)},
            attributes=dict(attributes or {}),
        )


class _WriteOp(IRDLOperation):
    """What both ways to keep values share: a memory, values, no result."""

    memory = prop_def(SymbolRefAttr)
    inputs = var_operand_def()

    irdl_options = (ParsePropInAttrDict(),)
    assembly_format = "$memory `(` $inputs `)` attr-dict `:` type($inputs)"

    def __init__(self, memory: str, inputs: Sequence[SSAValue], attributes: Mapping[str, Attribute] | None = None):
        super().__init__(
            operands=[inputs],
            properties={"memory": SymbolRefAttr(memory)},
            attributes=dict(attributes or {}),
        )


@op_definition
class StoreOp(_WriteOp):
    """
    Keeps values: the last operand under the key of the operands before it.

    ```mlir
    memory.store @episodes(%user, %answer) : !agent.text, !agent.text
    ```
    """

    name = "memory.store"
    traits = traits_def(MemoryWriteEffect(), HOSTS, _ACCESS)


@op_definition
class LookupOp(IRDLOperation):
    """
    The `k` documents nearest to a query, which is text or an embedding.

    ```mlir
    %found = memory.lookup @handbook(%query) k 5 : !agent.text -> !agent.documents
    ```
    """

    name = "memory.lookup"

    memory = prop_def(SymbolRefAttr)
    k = prop_def(IntegerAttr[I64])
    query = operand_def()
    result = result_def()

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(MemoryReadEffect(), HOSTS, HasWork(_search_work, _search_shape))
    assembly_format = "$memory `(` $query `)` `k` $k attr-dict `:` type($query) `->` type($result)"

    def __init__(
        self,
        memory: str,
        query: SSAValue,
        k: int,
        type: Attribute,
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[query],
            result_types=[type],
            properties={"memory": SymbolRefAttr(memory), "k": IntegerAttr(k, i64)},
            attributes=dict(attributes or {}),
        )


@op_definition
class ObserveOp(_WriteOp):
    """
    Appends an event to an observation store; usually asynchronous.

    ```mlir
    memory.observe @episodes(%question, %answer) {agent.async} : !agent.text, !agent.text
    ```
    """

    name = "memory.observe"
    traits = traits_def(MemoryWriteEffect(), HOSTS, _ACCESS)


Memory = Dialect("memory", [SpecOp, LoadOp, StoreOp, LookupOp, ObserveOp], [])
