import json

import numpy as np


def test_the_quick_run_gains_from_images_without_labels(program, tmp_path, capsys):
    program("mean_teacher", "--quick", "--out", tmp_path / "mean_teacher.json")
    found = json.loads((tmp_path / "mean_teacher.json").read_text())
    errors = {row["method"]: row["errors"] for row in found["rows"]}
    assert errors["mean-teacher"] < errors["alone"] and found["setting"]["labels"] == 2
    assert "| Mean Teacher |" in capsys.readouterr().out


def test_both_take_as_many_steps_as_they_say(program):
    steps = program("mean_teacher").Steps([1, 2, 3], 7)
    assert list(steps) == [1, 2, 3, 1, 2, 3, 1] and len(steps) == 7


def test_the_network_takes_mnist_and_the_seed_fixes_its_weights(program):
    build = program("mean_teacher").build
    model, twin = build(1, 28), build(1, 28)
    assert model.eval()(np.zeros((2, 1, 28, 28), np.float32)).shape == (2, 10)
    assert sum(parameter.size for parameter in model.parameters()) == 216_426
    assert all((array == twin.state_dict()[name]).all() for name, array in model.state_dict().items())


def test_the_table_has_its_place_on_the_page(program):
    page = (program("mean_teacher").HERE / "mean_teacher.md").read_text(encoding="utf-8")
    assert page.count("<!-- errors -->") == page.count("<!-- /errors -->") == 1
