"""CPU kernels of total variation, compiled by Numba on first use.

Naming: ``values`` is a plane ``[rows, columns * width]``, its ``width`` components last, so that the next column is
``width`` places further; ``first:last`` are the rows that a thread does.
"""

from s3im_methods.encodings.vm_kernels import jit


@jit
def squares(values, width, sums, first, last):
    """Fill ``sums[first:last]`` (``[rows, 2]``): of each row, squared differences to the rows and columns before."""
    for row in range(first, last):
        here = values[row]
        of_row, of_columns = here[0] * 0, here[0] * 0
        if row > 0:
            before = values[row - 1]
            for j in range(here.shape[0]):
                of_row += (here[j] - before[j]) ** 2
        for j in range(width, here.shape[0]):
            of_columns += (here[j] - here[j - width]) ** 2
        sums[row, 0], sums[row, 1] = of_row, of_columns


@jit
def gradient(values, width, by_rows, by_columns, result, first, last):
    """Fill ``result[first:last]`` with differences: ``by_rows`` times those of rows, ``by_columns`` of columns."""
    of_rows, of_columns = values.dtype.type(by_rows), values.dtype.type(by_columns)
    end = values.shape[1]
    for row in range(first, last):
        here, found = values[row], result[row]
        found[:] = 0
        if row > 0:
            before = values[row - 1]
            for j in range(end):
                found[j] += of_rows * (here[j] - before[j])
        if row + 1 < values.shape[0]:
            after = values[row + 1]
            for j in range(end):
                found[j] += of_rows * (here[j] - after[j])
        for j in range(width, end):
            found[j] += of_columns * (here[j] - here[j - width])
        for j in range(end - width):
            found[j] += of_columns * (here[j] - here[j + width])
