"""Loops and maps of elementwise code read what NumPy's broadcasting reads."""

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agentc.analyses.kernel_ops import FIRST
from agentc.frontends.kernels.tensors import Layout, ShapeError, nest_of

SIZES = st.integers(1, 3)


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Layout, tuple[np.ndarray, np.ndarray]]:
    """A view of an array: some axes of size 1 are not there, the others in any order; and what it is for NumPy."""
    dims = tuple(draw(st.lists(SIZES, max_size=3)))
    kept = [i for i, d in enumerate(dims) if d != 1 or draw(st.booleans())]
    order = draw(st.permutations(range(len(kept))))
    places = dict(zip(kept, order, strict=True))
    shape = [0] * len(kept)
    for i, axis in places.items():
        shape[axis] = dims[i]
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    turned = array.transpose([places[i] for i in kept]).reshape(dims)
    return (dims, tuple(places.get(i) for i in range(len(dims)))), (array, turned)


@given(st.lists(layouts(), min_size=1, max_size=3))
def test_as_numpy_broadcasts(operands: list[tuple[Layout, tuple[np.ndarray, np.ndarray]]]) -> None:
    try:
        wanted = np.broadcast_arrays(*(turned for _, (_, turned) in operands))
    except ValueError:
        wanted = None
    try:
        nest = nest_of(tuple(layout for layout, _ in operands))
    except ShapeError:
        assert wanted is None
        return
    assert wanted is not None
    assert nest.dims == wanted[0].shape
    assert [i for i, axis in enumerate(nest.axes) if axis is None] == [
        i for i in range(len(nest.dims)) if not any(_is_there(layout, i - len(nest.dims)) for layout, _ in operands)
    ]
    for trip in product(*(range(int(n)) for n in nest.loops)):
        place = tuple(0 if axis is None else trip[axis] for axis in nest.axes)
        for (_, (array, _)), map_, whole in zip(operands, nest.maps, wanted, strict=False):
            assert array[tuple(0 if loop == FIRST else trip[loop] for loop in map_)] == whole[place]


def _is_there(layout: Layout, from_behind: int) -> bool:
    return -from_behind <= len(layout[1]) and layout[1][from_behind] is not None
