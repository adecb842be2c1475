"""Find rows of a measurement: result["rows"] has one dict for each piece of work that was timed."""

import itertools

from nnlite.bench.works import multiply_adds


def rows(result, **wanted):
    """The rows whose entries equal all the wanted ones."""
    return [row for row in result["rows"] if has(row, wanted)]


def contests(result, **wanted):
    """The wanted rows, in one list for each contest: only rows of one contest took turns and may be compared."""
    return [list(group) for _, group in itertools.groupby(rows(result, **wanted), key=lambda row: row["contest"])]


def has(row, wanted):
    return all(row.get(key) == value for key, value in wanted.items())


def gops(row):
    """10⁹ multiplications and additions per second of a product or a convolution."""
    return 2 * multiply_adds(row) / row["median_ms"] / 1e6
