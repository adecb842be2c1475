import json


def test_the_quick_run_makes_every_arm_out_of_five_networks(program, tmp_path, capsys):
    out = tmp_path / "soups.json"
    soups = program("soups", "--quick", "--out", out)
    row, = json.loads(out.read_text())["rows"]
    assert len(row["singles"]) == 5
    assert row["greedy"]["held_out"] >= row["best"]["held_out"]
    assert min(row[arm]["test"] for arm in soups.ARMS) > 0.5
    assert row["best"]["test"] in row["singles"]
    assert f"| 0 | {min(row['singles']):.2%} to" in capsys.readouterr().out


def test_the_parts_have_their_sizes(program):
    soups = program("soups")
    task = soups.make_task(True, None)
    parts = (task.source, task.labelled, task.more, task.held_out, task.test)
    assert [len(part) for part in parts] == [700, 200, 500, 200, 360]
