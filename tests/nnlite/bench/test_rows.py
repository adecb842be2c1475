from nnlite.bench.rows import contests, gops, rows

RESULT = {"rows": [{"contest": i // 2, "table": "ladder", "by": by, "n": i} for i, by in enumerate("abab")]}


def test_rows_have_all_that_is_wanted():
    assert [row["n"] for row in rows(RESULT, by="a")] == [0, 2]
    assert rows(RESULT, by="a", contest=1) == [RESULT["rows"][2]] and rows(RESULT, colour=1) == []


def test_contests_are_apart():
    assert [[row["n"] for row in group] for group in contests(RESULT, table="ladder")] == [[0, 1], [2, 3]]


def test_gops_are_two_operations_for_each_multiply_add():
    assert gops({"do": "matmul", "M": 1000, "K": 1000, "N": 1000, "median_ms": 2.0}) == 1000.0  # 2·10⁹ in 2 ms
