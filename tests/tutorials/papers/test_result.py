import json
import time

import numpy as np


def test_a_record_says_what_made_it_and_then_what_came_out(program, tmp_path):
    result = program("result")
    started = time.time() - 2
    path = tmp_path / "new" / "a.json"
    record = result.write_result(path, {"rows": [1]}, seed=3, started=started, argv=["/x/y/snip.py", "--quick"])
    assert json.loads(path.read_text()) == record
    assert list(record) == ["command", "commit", "seed", "seconds", "machine", "rows"]
    assert record["command"] == "python tutorials/papers/snip.py --quick" and record["seed"] == 3 and record["rows"] == [1]
    assert 2 <= record["seconds"] < 60 and record["machine"]["numpy"] == np.__version__


def test_a_command_is_written_without_folders_of_this_machine(program):
    command_of = program("result").command_of
    words = ["/home/a/snip.py", "--data-dir", "/home/a/mnist", "--seed", "1", "--out=/tmp/x", "--out", "/tmp/y", "--quick",
             "--work", "/tmp/z", "lenet-5"]
    assert command_of(words) == "python tutorials/papers/snip.py --seed 1 --quick --work WORK lenet-5"
