"""What kernels mean: an interpreter of their dialects on NumPy values, the oracle that every target is compared with.

It runs a kernel at any stage of its road: on tensors as the frontend made it, fused, on memory, as loops, as phases.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.interpreter import Interpreter


def interpreter(module: "ModuleOp") -> "Interpreter":
    """xDSL's interpreter with the meaning of ``arith``, ``math``, ``tensor``, ``linalg``, ``linalg_ext``, ``memref``,
    ``scf``, ``vector``, ``vector_ext`` and ``func`` on NumPy arrays and numbers.
    """
    from xdsl.interpreter import Interpreter

    from agentc.runtime.interpreters.loops import LoopMeaning
    from agentc.runtime.interpreters.ordered import OrderedMeaning
    from agentc.runtime.interpreters.scalars import ScalarMeaning
    from agentc.runtime.interpreters.tensors import TensorMeaning
    from agentc.runtime.interpreters.vectors import VectorMeaning

    made = Interpreter(module)
    for functions in (ScalarMeaning(), TensorMeaning(), OrderedMeaning(), LoopMeaning(), VectorMeaning()):
        made.register_implementations(functions)
    return made


def run_kernel(module: "ModuleOp", *values: Any) -> list[Any]:
    """The results of the kernel that ``module`` holds, on tensors or lowered, for ``values``: arrays and numbers.

    Raises:
        InterpretationError: an op has no meaning here.
    """
    import numpy as np
    from xdsl.dialects import func

    from agentc.analyses.kernel_dims import OUTPUTS, PHASE, UNSIGNED, argument_names, as_list, function_dims
    from agentc.plan.sizes import Sizes, is_name
    from agentc.runtime.interpreters.scalars import as_type, dtype_of, nonsense

    [function] = [o for o in module.ops if isinstance(o, func.FuncOp) and PHASE not in o.attributes]
    types = list(function.function_type.inputs.data)
    plain = [as_type(v, t) for v, t in zip(values, types, strict=False)]
    sizes = Sizes()
    dims = function_dims(function)
    shaped = (np.shape(v) for v, t in zip(plain, types, strict=False) if np.ndim(v) or "<" in str(t))
    for row, shape in zip(dims, shaped, strict=False):
        sizes.update({d: n for d, n in zip(row, shape, strict=True) if isinstance(d, str) and is_name(d)})
    outputs = [
        nonsense([d if isinstance(d, int) else sizes[d] for d in row], dtype_of(t))
        for row, t in zip(dims[len(dims) - len(types) + len(plain) :], types[len(plain) :], strict=True)
    ]
    found = interpreter(module).call_op(function, (*plain, *outputs))
    results = outputs if OUTPUTS in function.attributes else list(found)
    unsigned = {getattr(n, "data", "") for n in as_list(function.attributes.get(UNSIGNED)) or ()}
    names = argument_names(function)[-len(results) :]
    return [r.view(r.dtype.str.replace("i", "u")) if n in unsigned else r for r, n in zip(results, names, strict=True)]


__all__ = ["interpreter", "run_kernel"]
