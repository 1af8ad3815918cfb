"""The CPU kernel that finds what of a flat mesh lies below other parts of it."""

from s3im_methods.kernels.compiled import compiled


@compiled()
def mark_below(corners, low, size, height, side, margin, highest, below):
    """Mark, in ``below`` (``[F]``), triangles that share the centre of a texel with one that is higher.

    Of equally high ones the first counts as higher. The arithmetic is that of ``texture.covered_texels``.

    Args:
        corners: In texels, ``[F, 3, 2]``.
        low: The first column and row of the texels of each triangle, ``[F, 2]``.
        size: How many columns and rows there are, ``[F, 2]``.
        height: Of the triangles, ``[F]``.
        side: Of the image.
        margin: How far inside of a triangle centres count, in barycentric coordinates.
        highest: The highest triangle at each texel, ``[side * side]``, -1 at first.
        below: False at first.
    """
    for last_look in range(2):
        for face in range(len(corners)):
            ax, ay, bx, by = corners[face, 0, 0], corners[face, 0, 1], corners[face, 1, 0], corners[face, 1, 1]
            cx, cy = corners[face, 2, 0], corners[face, 2, 1]
            double_area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
            if double_area == 0:
                continue
            for row in range(low[face, 1], low[face, 1] + size[face, 1]):
                for column in range(low[face, 0], low[face, 0] + size[face, 0]):
                    x, y = column + 0.5, row + 0.5
                    second = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / double_area
                    third = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / double_area
                    if not (1 - second - third > margin and second > margin and third > margin):
                        continue
                    texel = row * side + column
                    if last_look:
                        below[face] |= highest[texel] != face
                    elif highest[texel] < 0 or height[face] > height[highest[texel]]:
                        highest[texel] = face
