"""Explicit vector code of backward passes: the gradient of a small matrix, and of a hash grid's table.

As in ``lanes``, a tile is a matrix ``[rows, columns]`` of float32 in C order with a sample per column, and columns are
worked on in groups of 16. Code that calls these holds no GIL.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from s3im_methods.rendering import LANES
from s3im_methods.rendering.vector_code import FLOAT, FLOATS, INT, PAIR, Code, look_up, same

_REORDERED = ("contract", "nsz", "reassoc")


def _outer_product_of(left_rows: int, right_rows: int) -> Any:
    @intrinsic
    def add_outer(_: Any, left: Any, right: Any, sums: Any, first_left: Any, first_right: Any, count: Any) -> Any:
        """``sums[i, j] += left[i, :count] @ right[j, :count]`` for some rows ``i`` and ``j`` from the first ones on."""
        signature = types.void(left, right, sums, types.intp, types.intp, types.intp)

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
            code = Code(context, builder)
            (a, (_, a_width)), (b, (_, b_width)), (y, (_, y_width)) = (
                code.array(signature.args[k], values[k]) for k in range(3)
            )
            of_left = [builder.add(values[3], code.number(row)) for row in range(left_rows)]
            of_right = [builder.add(values[4], code.number(row)) for row in range(right_rows)]
            totals = [[cgutils.alloca_once(builder, FLOATS) for _ in of_right] for _ in of_left]
            for of_row in totals:
                for total in of_row:
                    builder.store(same(FLOATS, 0.0), total)
            with code.groups(values[5]) as (column, _):
                rights = [code.load(code.at(b, row, b_width, column)) for row in of_right]
                for row, of_row in zip(of_left, totals, strict=True):
                    own = code.load(code.at(a, row, a_width, column))
                    for other, total in zip(rights, of_row, strict=True):
                        builder.store(code.plus(builder.load(total), code.times(own, other)), total)
            for row, of_row in zip(of_left, totals, strict=True):
                for column, total in zip(of_right, of_row, strict=True):
                    place = code.at(y, row, y_width, column)
                    builder.store(code.plus(builder.load(place), _sum_of(code, builder.load(total))), place)
            return context.get_dummy_value()

        return signature, emit

    return add_outer


def _sum_of(code: Code, vector: Any) -> Any:
    """The sum of a vector's lanes."""
    kind = ir.FunctionType(FLOAT, [FLOAT, FLOATS])
    module = code.builder.module
    add = cgutils.get_or_insert_function(module, kind, f"llvm.vector.reduce.fadd.v{LANES}f32")
    return code.builder.call(add, [ir.Constant(FLOAT, 0.0), vector], fastmath=_REORDERED)


add_outer_4_by_4 = _outer_product_of(4, 4)
add_outer_4_by_1 = _outer_product_of(4, 1)
add_outer_1_by_4 = _outer_product_of(1, 4)
add_outer_1_by_1 = _outer_product_of(1, 1)


def _scatter(_: Any, level: Any, points: Any, scaling: Any, mask: Any, slopes: Any, first: Any, count: Any) -> Any:
    """What ``lanes.interpolate`` gives is differentiated: ``slopes[first:first+2, :count]`` are added to the table.

    ``level`` (``[mask + 1, 2]``) is the table's gradient in a level.
    """
    signature = types.void(level, points, types.float32, types.uint32, slopes, types.intp, types.intp)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        code = Code(context, builder)
        table, p, p_width, scaling, mask, y, y_width, first, count = code.level(signature.args, values)
        with code.groups(count) as (column, _):
            slots, shares = look_up(code, p, p_width, column, scaling, mask)
            rows = [code.at(y, builder.add(first, code.number(feature)), y_width, column) for feature in range(2)]
            pairs = builder.bitcast(table, PAIR.as_pointer())
            # One lane at a time: two points may write to one slot.
            with cgutils.for_range(builder, code.number(LANES)) as lane:
                slope = ir.Constant(PAIR, ir.Undefined)
                for feature, row in enumerate(rows):
                    value = builder.load(builder.gep(row, [lane.index]))
                    slope = builder.insert_element(slope, value, ir.Constant(INT, feature))
                for corner in range(8):
                    at = builder.add(code.number(corner * LANES), lane.index)
                    slot = builder.zext(builder.load(builder.gep(slots, [at])), code.intp)
                    share = code.spread(builder.load(builder.gep(shares, [at])), PAIR)
                    place = builder.gep(pairs, [slot])
                    builder.store(code.plus(builder.load(place, align=4), code.times(share, slope)), place, align=4)
        return context.get_dummy_value()

    return signature, emit


scatter: Any = intrinsic(_scatter)
