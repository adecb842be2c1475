import json

import numpy as np
import pytest


@pytest.fixture
def small(program, monkeypatch):
    """The script with fewer settings and one epoch."""
    script = program("domain_adaptation")
    monkeypatch.setattr(script, "WEIGHTS", {"coral": (100,), "mmd": (2,), "dann": (1,)})
    digits = script.small_digits
    monkeypatch.setattr(script, "small_digits", lambda: digits()._replace(epochs=1))
    return script


def test_the_quick_run_records_every_method_on_every_target_and_draws_them(small, program, tmp_path, capsys):
    path = tmp_path / "domains.json"
    program("domain_adaptation", "--quick", "--work", tmp_path / "runs", "--out", path)
    record = json.loads(path.read_text())
    assert [(row["seed"], row["target"]) for row in record["rows"]] == [(0, "inverted"), (0, "turned")]
    assert all(0 <= row[method] <= 1 for row in record["rows"] for method in small.METHODS)
    assert len(record["tried"]) == 6 and set(record["chosen"]) == {"coral", "mmd", "dann"}
    assert path.with_suffix(".svg").read_text().count("<svg") == 1
    out = capsys.readouterr().out
    assert "| inverted |" in out and out.count("**") == 6  # one setting of each method is marked


def test_settings_are_chosen_without_a_target_or_a_test_image(small):
    task = small.small_digits()
    images, held_out = small.Domains(task).of("choosing")
    assert len(images) == len(task.others) and len(held_out) == len(task.held_out)
    parts = [{image.tobytes() for image in part.images} for part in (task.source, task.others, task.held_out, task.test)]
    assert sum(map(len, parts)) - len(set.union(*parts)) <= 2  # the digits have a few equal images
    for name in task.targets:
        assert len(small.Domains(task).of(name)[1]) == len(task.test)


def test_gains_are_over_source_only_of_the_same_seeds(small):
    rows = [{"seed": seed, "target": "inverted", "source": s, "adabn": a, "coral": a, "mmd": a, "dann": a}
            for seed, s, a in ((0, 0.4, 0.9), (1, 0.2, 0.8))]
    table = small.gains_table({"rows": rows})
    assert "| inverted | 30.0 (20.0–40.0) | 85.0 (80.0–90.0), +55.0 |" in table


def test_the_network_has_the_features_that_are_aligned(small):
    task = small.small_digits()
    model = small.network(task, 0)
    assert model(np.zeros((2, 1, 8, 8), np.float32)).shape == (2, 10) and model.bn3.num_features == task.features
