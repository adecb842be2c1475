import shelves


def test_every_kernel_runs_on_both_shelves_and_the_table_has_its_ratio():
    found = list(shelves.rows(rounds=1, turn_ms=0))
    assert len(found) == 24 and all(row["loops"] > 0 and row["fast"] > 0 for row in found)
    lines = shelves.table([{"kernel": "matmul", "loops": 3.0, "fast": 0.75}]).splitlines()
    assert lines[-1] == "| matmul | 3.000 | 0.750 | 4.0 |"
