"""The `kv` dialect: the KV cache as a value that a prefill writes, a decode reads, and links carry."""

from __future__ import annotations

from collections.abc import Mapping

from xdsl.dialects.builtin import DictionaryAttr, StringAttr, SymbolRefAttr
from xdsl.ir import (
    Attribute,
    Dialect,
    Operation,
    ParametrizedAttribute,
    SSAValue,
    TypeAttribute,
)
from xdsl.irdl import (
    BaseAttr,
    IRDLOperation,
    ParsePropInAttrDict,
    VarConstraint,
    irdl_attr_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect, Pure

from agentc.dialects.agent_values import QuantityAttr, quantities
from agentc.dialects.definition import op_definition
from agentc.dialects.interfaces import HasWork
from agentc.plan import demand
from agentc.plan.quantity import Quantity
from agentc.plan.work import Work


@irdl_attr_definition
class CacheType(ParametrizedAttribute, TypeAttribute):
    """
    The KV cache of one sequence of a model.

    ```mlir
    !kv.cache<@mind>
    ```
    """

    name = "kv.cache"

    model: SymbolRefAttr


CACHE = VarConstraint("CACHE", BaseAttr(CacheType))
"""A cache that goes in and comes out with one type."""


def _transfer_work(op: Operation) -> Work:
    from agentc.dialects.model import spec_of

    spec = spec_of(op)
    return Work(network_bytes=demand.kv_cache_bytes(spec.shape.data, spec.cache_precision))


def _transfer_shape(op: Operation) -> Mapping[str, Quantity]:
    shape = op.properties["shape"]
    return quantities(shape if isinstance(shape, DictionaryAttr) else None)


@op_definition
class TransferOp(IRDLOperation):
    """
    Hands a cache from the device that wrote it to the one that reads it; layer by layer as layers are done.

    Free where both are the same pool.

    ```mlir
    %here = kv.transfer @mind(%there) shape {input_tokens = #agent.quantity<512.0>} : !kv.cache<@mind>
    ```
    """

    name = "kv.transfer"

    model = prop_def(SymbolRefAttr)
    shape = prop_def(DictionaryAttr)
    cache = operand_def(CACHE)
    result = result_def(CACHE)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(Pure(), HasWork(_transfer_work, _transfer_shape))
    assembly_format = "$model `(` $cache `)` `shape` $shape attr-dict `:` type($cache)"

    def __init__(
        self,
        model: str,
        cache: SSAValue,
        shape: Mapping[str, Quantity],
        attributes: Mapping[str, Attribute] | None = None,
    ):
        super().__init__(
            operands=[cache],
            result_types=[cache.type],
            properties={
                "model": SymbolRefAttr(model),
                "shape": DictionaryAttr({name: QuantityAttr(figure) for name, figure in shape.items()}),
            },
            attributes=dict(attributes or {}),
        )


@op_definition
class StoreOp(IRDLOperation):
    """
    Keeps a cache under a key beyond its request, for example the prefix that all requests share.

    ```mlir
    kv.store %cache "system-prompt" : !kv.cache<@mind>
    ```
    """

    name = "kv.store"

    cache = operand_def(CacheType)
    key = prop_def(StringAttr)
    tier = opt_prop_def(StringAttr)
    """`device`, `host` or `disk`; the device where it is not stated."""

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(MemoryWriteEffect())
    assembly_format = "$cache $key (`tier` $tier^)? attr-dict `:` type($cache)"

    def __init__(self, cache: SSAValue, key: str, *, tier: str | None = None):
        super().__init__(
            operands=[cache],
            properties={"key": StringAttr(key), "tier": StringAttr(tier) if tier else None},
        )


@op_definition
class LoadOp(IRDLOperation):
    """
    A cache that was kept under a key.

    ```mlir
    %cache = kv.load "system-prompt" : !kv.cache<@mind>
    ```
    """

    name = "kv.load"

    key = prop_def(StringAttr)
    result = result_def(CacheType)

    irdl_options = (ParsePropInAttrDict(),)
    traits = traits_def(MemoryReadEffect())
    assembly_format = "$key attr-dict `:` type($result)"

    def __init__(self, key: str, type: CacheType):
        super().__init__(result_types=[type], properties={"key": StringAttr(key)})


Kv = Dialect("kv", [TransferOp, StoreOp, LoadOp], [CacheType])
