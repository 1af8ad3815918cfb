"""Emits explicit vector code inside Numba kernels: instructions on 16 numbers, and the corners of a grid's cells."""

from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from s3im_methods.rendering import LANES

# Products may be fused with sums, and the sign of 0 need not be kept. NaN must be: it says that a training has failed.
_MATHS = ("contract", "nsz")
INT, FLOAT = ir.IntType(32), ir.FloatType()
INTS, FLOATS, PAIR = (ir.VectorType(*kind) for kind in ((INT, LANES), (FLOAT, LANES), (FLOAT, 2)))
PRIMES = (1, 2654435761, 805459861)


def same(vector_type: ir.VectorType, value: float) -> ir.Constant:
    """A vector of constants."""
    return ir.Constant(vector_type, [value] * vector_type.count)


class Code:
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

    def level(self, kinds: Any, values: Any) -> tuple[Any, ...]:
        """A kernel's arguments from a level of a hash grid on: the level, points, scaling, mask, a tile and its rows.

        Returns:
            Pointer to the level's slots; to the points, and their number of columns; scaling and mask in all lanes; to
            the tile's numbers, and its number of columns; its first row, and how many columns count.
        """
        table, _ = self.array(kinds[0], values[0])
        points, (_, points_width) = self.array(kinds[1], values[1])
        tile, (_, tile_width) = self.array(kinds[4], values[4])
        scaling, mask = self.spread(values[2], FLOATS), self.spread(values[3], INTS)
        return table, points, points_width, scaling, mask, tile, tile_width, values[5], values[6]

    def load(self, place: Any, kind: ir.VectorType = FLOATS) -> Any:
        return self.builder.load(self.builder.bitcast(place, kind.as_pointer()), align=4)

    def store(self, value: Any, place: Any) -> None:
        self.builder.store(value, self.builder.bitcast(place, value.type.as_pointer()), align=4)

    def spread(self, value: Any, kind: ir.VectorType) -> Any:
        """A vector that has one number in all its lanes."""
        nothing = ir.Constant(kind, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(INT, 0))
        return self.builder.shuffle_vector(
            first, nothing, ir.Constant(ir.VectorType(INT, kind.count), [0] * kind.count)
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


def along_axis(code: Code, coordinates: Any, scaling: Any, prime: int, smooth: bool) -> list[tuple[Any, Any]]:
    """Of the lower and the upper node: its part of the hash, and its weight; smooth weights are smoothstep's."""
    builder = code.builder
    scaled = code.times(coordinates, scaling)
    # Coordinates are not negative, so that this is the floor.
    lower = builder.fptosi(scaled, INTS)
    floor = builder.sitofp(lower, FLOATS)
    # As ceil has it: on a node both nodes are that one.
    upper = builder.add(lower, builder.zext(builder.fcmp_ordered(">", scaled, floor), INTS))
    offset = code.minus(scaled, floor)
    if smooth:
        two, three = same(FLOATS, 2.0), same(FLOATS, 3.0)
        offset = code.times(code.times(offset, offset), code.minus(three, code.times(two, offset)))
    hashed = (builder.mul(node, same(INTS, prime)) for node in (lower, upper))
    return list(zip(hashed, (code.minus(same(FLOATS, 1.0), offset), offset), strict=True))


def corners(code: Code, axes: list[list[tuple[Any, Any]]]) -> Iterable[tuple[Any, Any]]:
    """Hash and weight of the eight nodes around points, from :func:`along_axis` of x, y and z."""
    for hash_z, share_z in axes[2]:
        for hash_y, share_y in axes[1]:
            hash_yz, share_yz = code.builder.xor(hash_y, hash_z), code.times(share_y, share_z)
            for hash_x, share_x in axes[0]:
                yield code.builder.xor(hash_x, hash_yz), code.times(share_x, share_yz)


def look_up(
    code: Code, points: Any, width: Any, column: Any, scaling: Any, mask: Any, smooth: bool = False
) -> tuple[Any, Any]:
    """Where a group of points looks in a level of a hash grid: slots, and the share of each.

    Args:
        code: Where it is written.
        points: Data of a tile ``[3, columns]``, in [0, 1].
        width: Its number of columns.
        column: The group's first.
        scaling: The level's, of each lane.
        mask: The level's number of slots less 1, of each lane.
        smooth: Whether weights between nodes are smoothstep's, else linear.

    Returns:
        Pointers to numbers of corner after corner, each with a number per lane.
    """
    builder = code.builder
    slots, shares = (cgutils.alloca_once(builder, kind, size=8) for kind in (INTS, FLOATS))
    axes = [
        along_axis(code, code.load(code.at(points, code.number(axis), width, column)), scaling, prime, smooth)
        for axis, prime in enumerate(PRIMES)
    ]
    for corner, (slot, share) in enumerate(corners(code, axes)):
        builder.store(builder.and_(slot, mask), builder.gep(slots, [code.number(corner)]))
        builder.store(share, builder.gep(shares, [code.number(corner)]))
    return builder.bitcast(slots, INT.as_pointer()), builder.bitcast(shares, FLOAT.as_pointer())
