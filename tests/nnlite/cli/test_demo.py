import contextlib
import io
import json
import types

import numpy as np
import pytest

import nncompress
import nnlite
from nncompress.pruning import prunable_weights
from nnlite import data, train
from nnlite.cli import main
from nnlite.cli.demo import text
from nntransfer.distill import loop

STEPS = ["train the articles' CNN", "prune: half of the weights are 0", "shrink: half of the filters go",
         "retrain what is left", "quantize to int8, code", "… the same in a fresh process",
         "student: a small CNN alone", "student: the same, distilled",
         "5–9 from 10 labels a class: from scratch", "5–9 from 10 labels a class: fine-tuned"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo, run once: what it printed, its directory, and the images that it trained and calibrated with."""
    out, printed, trained_on, calibrated_with = tmp_path_factory.mktemp("demo") / "out", io.StringIO(), [], []
    fit, quantize = train.fit, nncompress.quantize

    def watched_fit(model, loader, *arguments, **options):
        trained_on.append(getattr(loader, "loader", loader).dataset.images)
        return fit(model, loader, *arguments, **options)

    def watched_quantize(model, calibration, *arguments, **options):
        calibrated_with.append(calibration)
        return quantize(model, calibration, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(train, "fit", watched_fit)
        patch.setattr(loop, "fit", watched_fit)
        patch.setattr(nncompress, "quantize", watched_quantize)
        assert main(["demo", "--out", str(out), "--json"]) == 0
    return types.SimpleNamespace(printed=printed.getvalue(), out=out, trained_on=trained_on, calibrated_with=calibrated_with)


@pytest.fixture(scope="module")
def rows(demo):
    return json.loads(demo.printed)["rows"]


def test_it_prints_one_json_object_which_is_in_results_json_too(demo):
    assert demo.printed.count("\n") == 1
    result = json.loads(demo.printed)
    assert result == json.loads((demo.out / "results.json").read_text(encoding="utf-8"))
    assert result["out"] == str(demo.out) and result["seconds"] > 0


def test_the_steps_come_in_order_and_each_is_measured_from_its_file(demo, rows):
    assert [row["step"] for row in rows] == STEPS
    files = ["cnn.npz", "pruned.npz", "shrunk.npz", "retrained.npz", "cnn.nnz", "cnn.nnz", "student-alone.npz", "student.npz",
             "digits-5-to-9-from-scratch.npz", "digits-5-to-9-fine-tuned.npz"]
    assert [row["file"] for row in rows] == [str(demo.out / name) for name in files]
    for row, name in zip(rows, files, strict=True):
        assert row["file_bytes"] == (demo.out / name).stat().st_size
        assert row["arithmetic"] == ("int8" if name.endswith(".nnz") else "float32")
        assert row["n"] == (179 if "5-to-9" in name else 360)


def test_the_fresh_process_finds_what_this_one_found(rows):
    same = ["n", "errors", "accuracy", "file_bytes", "parameters", "nonzero", "macs"]
    assert [rows[4][key] for key in same] == [rows[5][key] for key in same]


def test_each_step_does_what_its_name_says(demo, rows):
    trained, pruned, shrunk, retrained, coded = rows[:5]
    assert trained["accuracy"] >= 0.97 and retrained["accuracy"] >= 0.97 and coded["accuracy"] >= retrained["accuracy"] - 0.01
    weights = sum(w.size for w in prunable_weights(nnlite.load(demo.out / "cnn.npz")).values())
    assert pruned["nonzero"] == trained["nonzero"] - round(0.5 * weights)
    assert shrunk["parameters"] < pruned["parameters"] / 3 and shrunk["macs"] < pruned["macs"] / 3
    assert retrained["accuracy"] > shrunk["accuracy"] and retrained["nonzero"] == shrunk["nonzero"]
    assert coded["file_bytes"] < trained["file_bytes"] / 10 and coded["file_bytes"] < retrained["file_bytes"] / 3


def test_the_student_is_less_than_a_tenth_of_its_teacher_and_learns_from_it(rows):
    teacher, alone, distilled = rows[0], rows[6], rows[7]
    assert alone["parameters"] == distilled["parameters"] < teacher["parameters"] / 10
    assert distilled["accuracy"] > alone["accuracy"] > 0.9


def test_few_labels_go_further_from_a_pretrained_network(rows):
    assert rows[9]["accuracy"] > rows[8]["accuracy"] > 0.6


def test_where_chance_matters_the_accuracy_is_the_mean_of_three_seeds(rows):
    for row in rows[6:]:
        assert len(row["accuracies"]) == 3
        assert row["accuracy"] == pytest.approx(sum(row["accuracies"]) / 3)
        assert row["accuracies"][-1] == pytest.approx(1 - row["errors"] / row["n"], abs=1e-6)
    assert not any("accuracies" in row for row in rows[:6])


def test_no_training_sees_a_test_image(demo):
    train_part, test_part = data.load("digits")
    allowed = {image.tobytes() for image in train_part.images}
    assert len({image.tobytes() for image in test_part.images} - allowed) == 360  # the two parts have no image in common
    assert len(demo.trained_on) == 2 + 2 * 3 + 1 + 2 * 3  # the two students and the two ways to few labels have three seeds
    assert {image.tobytes() for images in demo.trained_on for image in images} <= allowed
    assert sum(len(images) == 50 for images in demo.trained_on) == 2 * 3

    prepared = train_part.images / np.float32(255)
    allowed = {image.tobytes() for image in (prepared - np.float32(0.3055)) / np.float32(0.3760)}
    calibration, = demo.calibrated_with
    assert {image.tobytes() for image in calibration} <= allowed


def test_the_pictures_and_the_report_are_there(demo):
    picture = (demo.out / "accuracy-against-bytes.png").read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n") and picture.endswith(b"IEND\xaeB`\x82")
    assert len(picture) > 10_000
    report = (demo.out / "report.html").read_text(encoding="utf-8")
    assert len(report.encode()) < 300_000
    assert all(str(demo.out / name) in report for name in ("cnn.npz", "retrained.npz", "cnn.nnz", "student.npz"))


def test_the_table_has_the_rows_and_says_what_to_try_next(demo, rows):
    lines = text(json.loads(demo.printed)).splitlines()
    for line, row in zip(lines[1:11], rows, strict=True):
        assert line.startswith(row["step"])
        cells = line.removeprefix(row["step"]).split()
        counts = [f"{row[key]:,}" for key in ("parameters", "nonzero", "macs", "file_bytes")]
        assert cells[:5] == [f"{row['accuracy']:.1%}", *counts]
        assert float(cells[5]) == pytest.approx(1000 * row["ms_per_image"], abs=0.06)
    assert any(line.startswith("Try next  nnlite inspect ") for line in lines)
