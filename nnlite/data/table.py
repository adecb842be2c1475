"""A `.csv` table: a first line with the names of the columns, one of them `label`; all other columns are numbers.

    width,height,label
    5.1,3.5,setosa
    7.0,3.2,versicolor
"""

import csv
import io
import math
import re

import numpy as np

from nnlite.errors import FormatError
from nnlite.files import open_to_read

LABEL, WHOLE = "label", re.compile("0|-?[1-9][0-9]*")


def read_table(path):
    """[(rows float32 (N, F), labels)] of the file; labels are whole numbers if all of them are written like 7 or -3, else text.

    The file is UTF-8 text with commas. Empty lines are skipped. As text, a label is what the cell holds, without spaces around
    it: 1, 01 and 1.0 are three classes, and a quoted label may hold a line break.
    Errors: FileNotFoundError; FormatError, with the line, for a cell that is not a finite number, an empty label, a line with
    more or fewer cells than the first, no column `label` or several, no other column, no rows.
    """
    rows, labels = _read(path, _label_column)
    return [(rows, _labels(labels))]


def _read(path, find):
    """(rows, labels as text) of the file.   find(path, names of the columns): the number of the label's column, or None."""
    try:
        with open_to_read(path) as stream:
            lines = csv.reader(io.StringIO(stream.read().decode("utf-8-sig"), newline=""), strict=True)
            head = [name.strip() for name in next(lines, [])]
            return _rows(path, lines, head, find(path, head))
    except UnicodeDecodeError as error:
        raise FormatError(f"{path}: not text in UTF-8: byte {error.start} is {error.object[error.start]:#04x}") from None
    except csv.Error as error:
        raise FormatError(f"{path}: line {lines.line_num}: {error}") from None


def read_rows(path):
    """The rows float32 (N, F) of a table that needs no column `label`; if it has one, the rows are without it.

    Errors: as `read_table`; FormatError for a first line of numbers, which would be lost as names.
    """
    return _read(path, _label_column_if_any)[0]


def _label_column_if_any(path, head):
    if LABEL in head:
        return _label_column(path, head)
    if head and all(name.lstrip("+-").replace(".", "", 1).isdecimal() for name in head):
        raise FormatError(f"{path}: the first line has to name the columns; it holds {', '.join(head[:8])[:80]}")
    return None


def _label_column(path, head):
    if head.count(LABEL) != 1:
        names = ", ".join(repr(name[:40]) for name in head[:8]) or "nothing"
        hint = "; the columns have to be parted by commas" if len(head) == 1 and (";" in head[0] or "\t" in head[0]) else ""
        raise FormatError(f"{path}: the first line has to name the columns, one of them {LABEL!r}; it holds {names}{hint}")
    if len(head) < 2:
        raise FormatError(f"{path}: no column but {LABEL!r}")
    return head.index(LABEL)


def _rows(path, lines, head, column):
    rows, labels = [], []
    for cells in lines:
        if not cells:
            continue
        where = f"{path}: line {lines.line_num}"
        if len(cells) != len(head):
            raise FormatError(f"{where} has {len(cells)} cells, the first line {len(head)}")
        if column is not None:
            labels.append(cells[column].strip())
            if not labels[-1]:
                raise FormatError(f"{where}: the label is empty")
        rows.append([_number(where, name, cell) for i, (name, cell) in enumerate(zip(head, cells, strict=True)) if i != column])
    if not rows:
        raise FormatError(f"{path}: no rows after the first line")
    return np.array(rows, np.float32), labels


def _number(where, name, cell):
    try:
        value = float(cell.replace("_", "no digit"))  # Python reads 1_000 as 1000
    except ValueError:
        raise FormatError(f"{where}: {name} is {cell[:40]!r}, expected a number") from None
    if not math.isfinite(value) or abs(value) > float(np.finfo(np.float32).max):
        raise FormatError(f"{where}: {name} is {cell[:40]!r}, expected a finite number that float32 can hold")
    return value


def _labels(labels):
    """Whole numbers, so that 10 comes after 9, where all labels are written like 7 or -3; 01 and 1 are two texts."""
    plain = all(len(label) < 18 and WHOLE.fullmatch(label) for label in labels)
    return np.array([int(label) for label in labels]) if plain else np.array(labels)
