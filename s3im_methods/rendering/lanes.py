"""Explicit vector code inside Numba kernels: a product with a small matrix, and a look-up in a hash grid.

Numba's compiler does not turn these two into vector code by itself: it cannot know that the arrays do not overlap. Here
they are written for 16 numbers at a time, which any processor splits into what it has. A tile is a matrix ``[rows,
columns]`` of float32 in C order with a sample per column; columns are worked on in groups of 16, so that a tile has a
multiple of 16 of them. Code that calls these holds no GIL.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from s3im_methods.rendering import LANES
from s3im_methods.rendering.vector_code import FLOATS, INT, PAIR, Code, look_up


def _product_of(rows: int, by_rows: bool) -> Any:
    @intrinsic
    def add_product(_: Any, weights: Any, inputs: Any, outputs: Any, first: Any, count: Any, least: Any) -> Any:
        """``outputs[first:first+rows, :count] += weights[:, first:first+rows].T @ inputs``, then at ``least`` that.

        By rows it is ``weights[first:first+rows] @ inputs``.
        """
        signature = types.void(weights, inputs, outputs, types.intp, types.intp, types.float32)

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
            code = Code(context, builder)
            kinds = signature.args
            (w, (_, w_width)), (x, (depth, x_width)), (y, (_, y_width)) = (
                code.array(kinds[k], values[k]) for k in range(3)
            )
            first, count, least = *values[3:5], code.spread(values[5], FLOATS)
            with code.groups(count) as (column, _):
                sums = [cgutils.alloca_once(builder, FLOATS) for _ in range(rows)]
                of_rows = [builder.add(first, code.number(row)) for row in range(rows)]
                for row, total in zip(of_rows, sums, strict=True):
                    builder.store(code.load(code.at(y, row, y_width, column)), total)
                with cgutils.for_range(builder, depth) as loop:
                    own = code.load(code.at(x, loop.index, x_width, column))
                    for row, total in zip(of_rows, sums, strict=True):
                        place = (row, w_width, loop.index) if by_rows else (loop.index, w_width, row)
                        weight = code.spread(builder.load(code.at(w, *place)), FLOATS)
                        builder.store(code.plus(builder.load(total), code.times(weight, own)), total)
                for row, total in zip(of_rows, sums, strict=True):
                    value = builder.load(total)
                    value = builder.select(builder.fcmp_ordered("<", value, least), least, value)
                    code.store(value, code.at(y, row, y_width, column))
            return context.get_dummy_value()

        return signature, emit

    return add_product


add_product_of_4 = _product_of(4, by_rows=False)
add_product_of_1 = _product_of(1, by_rows=False)
add_4_rows = _product_of(4, by_rows=True)


def _interpolation(smooth: bool) -> Any:
    @intrinsic
    def interpolate(
        _: Any, level: Any, points: Any, scaling: Any, mask: Any, features: Any, first: Any, count: Any
    ) -> Any:
        """Features of points in a level of a hash grid, by trilinear interpolation or by smoothstep along each axis.

        ``features[first:first+2, :count]`` of points ``[3, columns]`` in [0, 1], from the level's slots ``level``
        (``[mask + 1, 2]``). The slots are those of ``encodings.hash_grid_kernels``.
        """
        signature = types.void(level, points, types.float32, types.uint32, features, types.intp, types.intp)

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
            code = Code(context, builder)
            table, p, p_width, scaling, mask, y, y_width, first, count = code.level(signature.args, values)
            with code.groups(count) as (column, _):
                slots, shares = look_up(code, p, p_width, column, scaling, mask, smooth)
                upper = code.at(y, builder.add(first, code.number(1)), y_width, column)
                # One lane at a time, both features at once: gathers of whole vectors take longer on many processors.
                pairs = builder.bitcast(table, PAIR.as_pointer())
                with cgutils.for_range(builder, code.number(LANES)) as lane:
                    sums = _of_corners(code, pairs, slots, shares, lane.index)
                    for feature, row in enumerate((code.at(y, first, y_width, column), upper)):
                        value = builder.extract_element(sums, ir.Constant(INT, feature))
                        builder.store(value, builder.gep(row, [lane.index]))
            return context.get_dummy_value()

        return signature, emit

    return interpolate


interpolate: Any = _interpolation(smooth=False)
interpolate_smoothly: Any = _interpolation(smooth=True)


def _of_corners(code: Code, table: Any, slots: Any, shares: Any, lane: Any) -> Any:
    """Both features of the point in a lane."""
    builder, sums = code.builder, [ir.Constant(PAIR, [0.0, 0.0])] * 2
    for corner in range(8):
        place = builder.add(code.number(corner * LANES), lane)
        slot = builder.zext(builder.load(builder.gep(slots, [place])), code.intp)
        share = code.spread(builder.load(builder.gep(shares, [place])), PAIR)
        value = builder.load(builder.gep(table, [slot]), align=4)
        # Two sums, for neither to wait for the other.
        sums[corner % 2] = code.plus(sums[corner % 2], code.times(share, value))
    return code.plus(*sums)
