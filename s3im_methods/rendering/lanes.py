"""Explicit vector code inside Numba kernels: a product with a small matrix, and a look-up in a hash grid.

Numba's compiler does not turn these two into vector code by itself: it cannot know that the arrays do not overlap. Here
they are written for 16 numbers at a time, which any processor splits into what it has. A tile is a matrix ``[rows,
columns]`` of float32 in C order with a sample per column; columns are worked on in groups of 16, so that a tile has a
multiple of 16 of them. Code that calls these holds no GIL.
"""

from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from s3im_methods.rendering import LANES

# Products may be fused with sums; NaN and the sign of 0 need not be kept.
_MATHS = ("contract", "nnan", "nsz")
_INT, _FLOAT = ir.IntType(32), ir.FloatType()
_INTS, _FLOATS, _PAIR = (ir.VectorType(*kind) for kind in ((_INT, LANES), (_FLOAT, LANES), (_FLOAT, 2)))
_PRIMES = (1, 2654435761, 805459861)


def _same(vector_type: ir.VectorType, value: float) -> ir.Constant:
    return ir.Constant(vector_type, [value] * vector_type.count)


class _Code:
    """Emits instructions.

    Args:
        context: Numba's, of the target.
        builder: llvmlite's.
    """

    def __init__(self, context: Any, builder: ir.IRBuilder) -> None:
        self.context = context
        # llvmlite's annotations know neither flags of operations nor loops.
        self.builder: Any = builder
        self.intp = context.get_value_type(types.intp)

    def number(self, value: int) -> ir.Constant:
        return ir.Constant(self.intp, value)

    def array(self, kind: Any, value: Any) -> tuple[Any, list[Any]]:
        """Pointer to the first number, and the shape."""
        found = self.context.make_array(kind)(self.context, self.builder, value)
        return found.data, cgutils.unpack_tuple(self.builder, found.shape)

    def at(self, base: Any, row: Any, width: Any, column: Any) -> Any:
        """Pointer into a matrix."""
        return self.builder.gep(base, [self.builder.add(self.builder.mul(row, width), column)])

    def load(self, place: Any, kind: ir.VectorType = _FLOATS) -> Any:
        return self.builder.load(self.builder.bitcast(place, kind.as_pointer()), align=4)

    def store(self, value: Any, place: Any) -> None:
        self.builder.store(value, self.builder.bitcast(place, value.type.as_pointer()), align=4)

    def spread(self, value: Any, kind: ir.VectorType) -> Any:
        """A vector that has one number in all its lanes."""
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(_INT, 0))
        return self.builder.shuffle_vector(
            first, nothing, ir.Constant(ir.VectorType(_INT, kind.count), [0] * kind.count)
        )

    def times(self, one: Any, other: Any) -> Any:
        return self.builder.fmul(one, other, flags=_MATHS)

    def plus(self, one: Any, other: Any) -> Any:
        return self.builder.fadd(one, other, flags=_MATHS)

    def minus(self, one: Any, other: Any) -> Any:
        return self.builder.fsub(one, other, flags=_MATHS)

    def groups(self, count: Any) -> Any:
        """A loop over the first column of each group of lanes."""
        return cgutils.for_range_slice(self.builder, self.number(0), count, self.number(LANES), self.intp)


def _product_of(rows: int, by_rows: bool) -> Any:
    @intrinsic
    def add_product(_: Any, weights: Any, inputs: Any, outputs: Any, first: Any, count: Any, least: Any) -> Any:
        """``outputs[first:first+rows, :count] += weights[:, first:first+rows].T @ inputs``, then at ``least`` that.

        By rows it is ``weights[first:first+rows] @ inputs``.
        """
        signature = types.void(weights, inputs, outputs, types.intp, types.intp, types.float32)

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
            code = _Code(context, builder)
            kinds = signature.args
            (w, (_, w_width)), (x, (depth, x_width)), (y, (_, y_width)) = (
                code.array(kinds[k], values[k]) for k in range(3)
            )
            first, count, least = *values[3:5], code.spread(values[5], _FLOATS)
            with code.groups(count) as (column, _):
                sums = [cgutils.alloca_once(builder, _FLOATS) for _ in range(rows)]
                of_rows = [builder.add(first, code.number(row)) for row in range(rows)]
                for row, total in zip(of_rows, sums, strict=True):
                    builder.store(code.load(code.at(y, row, y_width, column)), total)
                with cgutils.for_range(builder, depth) as loop:
                    own = code.load(code.at(x, loop.index, x_width, column))
                    for row, total in zip(of_rows, sums, strict=True):
                        place = (row, w_width, loop.index) if by_rows else (loop.index, w_width, row)
                        weight = code.spread(builder.load(code.at(w, *place)), _FLOATS)
                        builder.store(code.plus(builder.load(total), code.times(weight, own)), total)
                for row, total in zip(of_rows, sums, strict=True):
                    value = builder.load(total)
                    value = builder.select(builder.fcmp_ordered(">", value, least), value, least)
                    code.store(value, code.at(y, row, y_width, column))
            return context.get_dummy_value()

        return signature, emit

    return add_product


add_product_of_4 = _product_of(4, by_rows=False)
add_product_of_1 = _product_of(1, by_rows=False)
add_4_rows = _product_of(4, by_rows=True)


def _interpolate(
    _: Any, level: Any, points: Any, scaling: Any, mask: Any, features: Any, first: Any, count: Any
) -> Any:
    """Features of points in a level of a hash grid, by trilinear interpolation.

    ``features[first:first+2, :count]`` of points ``[3, columns]`` in [0, 1], from the level's slots ``level``
    (``[mask + 1, 2]``). The slots are those of ``encodings.hash_grid_kernels``.
    """
    signature = types.void(level, points, types.float32, types.uint32, features, types.intp, types.intp)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        code = _Code(context, builder)
        table, _ = code.array(signature.args[0], values[0])
        p, (_, p_width) = code.array(signature.args[1], values[1])
        y, (_, y_width) = code.array(signature.args[4], values[4])
        scaling, mask = code.spread(values[2], _FLOATS), code.spread(values[3], _INTS)
        first, count = values[5:]
        slots, shares = (cgutils.alloca_once(builder, kind, size=8) for kind in (_INTS, _FLOATS))
        with code.groups(count) as (column, _):
            axes = [
                _along_axis(code, code.load(code.at(p, code.number(axis), p_width, column)), scaling, prime)
                for axis, prime in enumerate(_PRIMES)
            ]
            for corner, (slot, share) in enumerate(_corners(code, axes)):
                builder.store(builder.and_(slot, mask), builder.gep(slots, [code.number(corner)]))
                builder.store(share, builder.gep(shares, [code.number(corner)]))
            upper = code.at(y, builder.add(first, code.number(1)), y_width, column)
            # One lane at a time, both features at once: gathers of whole vectors take longer on many processors.
            of_lane = [builder.bitcast(slots, _INT.as_pointer()), builder.bitcast(shares, _FLOAT.as_pointer())]
            pairs = builder.bitcast(table, _PAIR.as_pointer())
            with cgutils.for_range(builder, code.number(LANES)) as lane:
                sums = _of_corners(code, pairs, of_lane[0], of_lane[1], lane.index)
                for feature, row in enumerate((code.at(y, first, y_width, column), upper)):
                    value = builder.extract_element(sums, ir.Constant(_INT, feature))
                    builder.store(value, builder.gep(row, [lane.index]))
        return context.get_dummy_value()

    return signature, emit


interpolate: Any = intrinsic(_interpolate)


def _along_axis(code: _Code, coordinates: Any, scaling: Any, prime: int) -> list[tuple[Any, Any]]:
    """Of the lower and the upper node: its part of the hash, and its weight."""
    builder = code.builder
    scaled = code.times(coordinates, scaling)
    # Coordinates are not negative, so that this is the floor.
    lower = builder.fptosi(scaled, _INTS)
    floor = builder.sitofp(lower, _FLOATS)
    # As ceil has it: on a node both nodes are that one.
    upper = builder.add(lower, builder.zext(builder.fcmp_ordered(">", scaled, floor), _INTS))
    offset = code.minus(scaled, floor)
    hashed = (builder.mul(node, _same(_INTS, prime)) for node in (lower, upper))
    return list(zip(hashed, (code.minus(_same(_FLOATS, 1.0), offset), offset), strict=True))


def _corners(code: _Code, axes: list[list[tuple[Any, Any]]]) -> Iterable[tuple[Any, Any]]:
    for hash_z, share_z in axes[2]:
        for hash_y, share_y in axes[1]:
            hash_yz, share_yz = code.builder.xor(hash_y, hash_z), code.times(share_y, share_z)
            for hash_x, share_x in axes[0]:
                yield code.builder.xor(hash_x, hash_yz), code.times(share_x, share_yz)


def _of_corners(code: _Code, table: Any, slots: Any, shares: Any, lane: Any) -> Any:
    """Both features of the point in a lane."""
    builder, sums = code.builder, [ir.Constant(_PAIR, [0.0, 0.0])] * 2
    for corner in range(8):
        place = builder.add(code.number(corner * LANES), lane)
        slot = builder.zext(builder.load(builder.gep(slots, [place])), code.intp)
        share = code.spread(builder.load(builder.gep(shares, [place])), _PAIR)
        value = builder.load(builder.gep(table, [slot]), align=4)
        # Two sums, for neither to wait for the other.
        sums[corner % 2] = code.plus(sums[corner % 2], code.times(share, value))
    return code.plus(*sums)
