import json

import numpy as np


def test_the_quick_run_has_every_arm_at_a_rate_of_its_own_and_goes_on_where_it_was(program, tmp_path, capsys):
    words = ["--quick", "--work", tmp_path / "work", "--out", tmp_path / "fitnets.json"]
    program("fitnets", *words)
    fitnets, found = program("fitnets"), json.loads((tmp_path / "fitnets.json").read_text())
    rows = {arm: [row for row in found["arms"] if row["arm"] == arm] for arm in fitnets.ARMS}
    assert sum(rows.values(), []) == found["arms"] and found["teacher"] < 180
    for first, *second in rows.values():  # a second rate, where nothing was learnt at the best one
        assert len(second) == (max(first["errors"]) > found["n"] / 2) and first["lr"] not in [row["lr"] for row in second]
    assert all(row["lr"] in fitnets.RATES and len(row["errors"]) == 1 for row in found["arms"])
    printed = capsys.readouterr().out
    assert printed.count("| student, ") == len(found["arms"])
    program("fitnets", *words)
    assert capsys.readouterr().out == printed


def test_the_student_for_mnist_has_30_000_parameters_and_he_weights(program):
    fitnets = program("fitnets")
    task = fitnets.digits()._replace(width=1, training=fitnets.data.Dataset(np.zeros((1, 1, 28, 28), np.uint8), [0], 10))
    student = fitnets.build_student(task, seed=0)
    assert 28_000 < sum(parameter.size for parameter in student.parameters()) < 33_000
    w = student.conv5.weight.data
    assert abs(w.std() / np.sqrt(2 / (24 * 9)) - 1) < 0.05 and (student.conv5.bias.data == 0).all()
    images = np.zeros((2, 1, 28, 28), np.float32)
    assert student(images).shape == fitnets.build_teacher(task).eval()(images).shape == (2, 10)


def test_the_table_has_its_place_on_the_page(program):
    page = (program("fitnets").HERE / "fitnets.md").read_text(encoding="utf-8")
    assert page.count("<!-- errors -->") == page.count("<!-- /errors -->") == 1
