import numpy as np
import pytest

from nnlite.data.table import read_rows, read_table
from nnlite.errors import FormatError


def table(tmp_path, text):
    path = tmp_path / "own.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_all_columns_but_the_label_are_numbers(tmp_path):
    (rows, labels), = read_table(table(tmp_path, "\ufeffwidth, label,height\r\n5.1,setosa,-3e2\r\n\r\n7, big one ,\"0.5\"\r\n"))
    assert rows.dtype == np.float32 and rows.tolist() == [[np.float32(5.1), -300], [7, 0.5]]
    assert labels.tolist() == ["setosa", "big one"]


def test_labels_are_whole_numbers_where_all_of_them_are(tmp_path):
    assert read_table(table(tmp_path, "a,label\n1,10\n2,-9\n"))[0][1].tolist() == [10, -9]
    assert read_table(table(tmp_path, "a,label\n1,10\n2,9.5\n"))[0][1].tolist() == ["10", "9.5"]


@pytest.mark.parametrize("labels", [
    ("01", "1", "1.0"), ("0", "-0"), ("3", "\u0663"), ("+1", "1"), ("1", "1" + 20 * "0"), ("x\ny", "xy", "x\r\ny"),
    ("x\u2028y", "xy"),
])
def test_labels_that_differ_only_in_writing_stay_apart(tmp_path, labels):
    path = table(tmp_path, "a,label\n" + "".join(f'{i},"{label}"\n' for i, label in enumerate(labels)))
    assert read_table(path)[0][1].tolist() == list(labels)


def test_lines_may_end_as_on_any_system_and_are_counted_within_quotes(tmp_path):
    for end in ("\n", "\r\n", "\r"):
        assert read_table(table(tmp_path, end.join(["a,label", "1,x", "2,y", ""])))[0][1].tolist() == ["x", "y"]
        with pytest.raises(FormatError, match="line 4: a is 'z'"):
            read_table(table(tmp_path, end.join(["a,label", '1,"x', 'y"', "z,y"])))


@pytest.mark.parametrize("text, message", [
    ("", "the first line has to name the columns, one of them 'label'; it holds nothing"),
    ("1,2\n3,4\n", "the first line has to name the columns, one of them 'label'; it holds '1', '2'"),
    ("a;label\n1;2\n", "it holds 'a;label'; the columns have to be parted by commas"),
    ("a,label,label\n1,2,3\n", "one of them 'label'; it holds 'a', 'label', 'label'"),
    ("label\nx\n", "no column but 'label'"),
    ("a,label\n\n", "no rows after the first line"),
    ("a,label\n1,x\n2\n", "line 3 has 1 cells, the first line 2"),
    ("a,label\n1,x\n,y\n", "line 3: a is '', expected a number"),
    ("a,label\n1_000,x\n", "line 2: a is '1_000', expected a number"),
    ("a,label\nnan,x\n", "line 2: a is 'nan', expected a finite number"),
    ("a,label\n1e39,x\n", "line 2: a is '1e39', expected a finite number that float32 can hold"),
    ("a,label\n1,\n", "line 2: the label is empty"),
    ('a,label\n1,"x\n', "line 2: unexpected end of data"),
    (b"a,label\n1,\xfc\n", "not text in UTF-8: byte 10 is 0xfc"),
])
def test_what_is_not_a_table_of_numbers_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(FormatError, match=f"own.csv: .*{message}"):
        read_table(table(tmp_path, text))


def test_a_damaged_file_is_read_or_refused_in_one_sentence(tmp_path):
    whole = b"width,height,label\n5.1,3.5,setosa\n7.0,3.2,versicolor\n"
    rng, refused = np.random.default_rng(1), 0
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(len(content))] = rng.integers(256)
        try:
            read_table(table(tmp_path, bytes(content)))
        except FormatError as error:
            assert "own.csv: " in str(error) and "\n" not in str(error)
            refused += 1
    assert refused > 100


def test_rows_need_no_label_and_are_without_it(tmp_path):
    assert read_rows(table(tmp_path, "a,b\n1,2\n3,4\n")).tolist() == [[1, 2], [3, 4]]
    assert read_rows(table(tmp_path, "a,label,b\n1,x,2\n")).tolist() == [[1, 2]]


@pytest.mark.parametrize("text, message", [
    ("1,-2.5\n3,4\n", "the first line has to name the columns; it holds 1, -2.5"),
    ("a,b\n1\n", "line 2 has 1 cells, the first line 2"),
    ("a,b\n", "no rows after the first line"),
    ("", "no rows after the first line"),
])
def test_rows_that_cannot_be_told_are_refused(tmp_path, text, message):
    with pytest.raises(FormatError, match=message):
        read_rows(table(tmp_path, text))
