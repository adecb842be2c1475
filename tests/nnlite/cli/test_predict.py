import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nncompress
import nnlite
from nnlite import data, models
from nnlite.cli.common import make_task

NAMES = ("circle", "cross", "square")


@pytest.fixture
def shapes():
    """A folder of images of 12×10 pixels, and an untrained model that was saved with what it takes."""
    rng = np.random.default_rng(0)
    for name in NAMES:
        for i in range(5):
            path = Path("shapes", name, f"{i}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (12, 10), np.uint8)).save(path)
    task = make_task("shapes")
    model = models.cnn(1, (12, 10), classes=3, width=0.25, seed=1)
    nnlite.save("m.npz", model, metadata={"data": "shapes", "input": task.input.as_dict()})
    return model, task


def by_hand(model, task, path):
    """Softmax of the model's logits, from pixels that are normalized here."""
    pixels = task.train.images / 255
    x = (np.asarray(Image.open(path)) / 255 - pixels.mean()) / pixels.std()
    z = model.eval()(x[None, None].astype(np.float32)).data[0]
    return np.exp(z - z.max()) / np.exp(z - z.max()).sum()


def test_each_image_gets_the_probabilities_of_the_named_classes(shapes, result_of):
    paths = ["shapes/square/1.png", "shapes/circle/2.png"]
    result = result_of("predict", "m.npz", *paths)
    assert result["file"] == "m.npz" and [row["image"] for row in result["predictions"]] == paths
    for row in result["predictions"]:
        p = by_hand(*shapes, row["image"])
        assert row["class"] == NAMES[p.argmax()] == next(iter(row["probabilities"]))
        assert row["probabilities"] == pytest.approx(dict(zip(NAMES, p, strict=True)), abs=2e-6)


def test_the_text_has_a_line_for_each_image(shapes, run):
    p = by_hand(*shapes, "shapes/cross/0.png")
    k = np.argsort(-p)
    line = ", ".join(f"{NAMES[i]} {p[i]:.1%}" for i in k)
    assert run("predict", "m.npz", "shapes/cross/0.png").out == f"shapes/cross/0.png: {line}\n"


def test_a_compressed_file_is_told_its_data(shapes, run, result_of):
    model, task = shapes
    nncompress.save("m.nnz", nncompress.quantize(model, task.prepared(task.train.images)))
    assert "m.nnz does not say how its images are normalized: give --data" in run("predict", "m.nnz", "shapes/cross/0.png").err
    row, = result_of("predict", "m.nnz", "shapes/cross/0.png", "--data", "shapes")["predictions"]
    p = by_hand(*shapes, "shapes/cross/0.png")
    assert row["probabilities"] == pytest.approx(dict(zip(NAMES, p, strict=True)), abs=0.02)


def test_a_compressed_file_says_itself_what_it_takes_unless_it_is_told_not_to(shapes, run, result_of):
    model, task = shapes
    result_of("quantize", "m.npz", "--data", "shapes", "--out", "q.nnz")
    result_of("quantize", "m.npz", "--data", "shapes", "--no-names", "--out", "bare.nnz")
    row, = result_of("predict", "q.nnz", "shapes/cross/0.png")["predictions"]
    p = by_hand(*shapes, "shapes/cross/0.png")
    assert row["probabilities"] == pytest.approx(dict(zip(NAMES, p, strict=True)), abs=0.02)
    assert "bare.nnz does not say how its images are normalized" in run("predict", "bare.nnz", "shapes/cross/0.png").err
    assert result_of("evaluate", "q.nnz", "--data", "shapes")["errors"] == result_of(
        "evaluate", "bare.nnz", "--data", "shapes")["errors"]
    found = result_of("inspect", "q.nnz")
    assert found["input"]["names"] == list(NAMES) and found["input"]["dtype"] == "uint8"
    more = found["file_bytes"] - result_of("inspect", "bare.nnz")["file_bytes"]
    assert abs(more - found["parts"]["names"]) < 1  # 17 letters, and what rounding to whole bytes makes of the rest
    assert more < 10 + 20


def test_a_plan_that_takes_pixels_gets_them_not_normalized(shapes, result_of):
    model, task = shapes
    plan = nncompress.quantize(model, task.train.images / np.float32(255))
    plan = nncompress.Int8Plan([replace(plan.steps[0], S=np.float32(1 / 255), Z=0), *plan.steps[1:]], plan.law)
    nncompress.save("m.nnz", plan)
    row, = result_of("predict", "m.nnz", "shapes/cross/0.png", "--data", "shapes")["predictions"]
    z = plan(data.ToFloat()(np.asarray(Image.open("shapes/cross/0.png")))[None, None])[0]
    p = np.exp(z) / np.exp(z).sum()
    assert row["probabilities"] == pytest.approx(dict(zip(NAMES, p, strict=True)), abs=2e-6)


@pytest.mark.parametrize("command, message", [
    ("m.npz small.png", r"small.png has shape (1, 5, 10) (channels, height, width), the model takes (1, 12, 10)"),
    ("m.npz notes.png", "notes.png: not a .png or .jpg image that can be read"),
    ("m.npz none.png", "No such file or directory: none.png"),
    ("m.npz small.png --data digits", "m.npz takes images of shape (1, 12, 10), the data has (1, 8, 8) (--data chooses it)"),
    ("m.npz small.png --data two", "m.npz tells 3 classes apart, the data has 2"),
    ("plain.npz small.png", "plain.npz does not say how its images are normalized: give --data"),
])
def test_what_cannot_be_told_is_refused_in_one_sentence(shapes, run, command, message):
    Image.fromarray(np.zeros((5, 10), np.uint8)).save("small.png")
    nnlite.save("plain.npz", shapes[0])
    for name in ("a/1", "a/2", "b/1", "b/2"):
        Path("two", name[0]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((12, 10), np.uint8)).save(f"two/{name}.png")
    Path("notes.png").write_text("no image")
    code, _, err = run("predict", *command.split())
    assert code == 2 and message in err and err.count("\n") == 1


def test_a_model_whose_outputs_are_nan_is_refused(shapes, run):
    _, task = shapes
    broken = models.cnn(1, (12, 10), classes=3, width=0.25)
    broken.load_state_dict({name: np.full_like(array, np.nan) for name, array in broken.state_dict().items()})
    nnlite.save("nan.npz", broken, metadata={"input": task.input.as_dict()})
    code, out, err = run("predict", "nan.npz", "shapes/cross/0.png")
    assert (code, out) == (2, "") and "nan.npz gives outputs that are NaN or infinite" in err


@pytest.mark.parametrize("field, value", [
    ("mean", [float("inf")]), ("std", [0.0]), ("names", [1, 2, 3]), ("shape", [2, 12, 10]), ("shape", [1, -12, 10]),
    ("mean", "0.2"), (None, []),
])
def test_a_damaged_description_of_the_input_is_refused(shapes, run, field, value):
    model, task = shapes
    stored = {**task.input.as_dict(), field: value} if field else value
    nnlite.save("m.npz", model, metadata=json.loads(json.dumps({"input": stored})))
    code, _, err = run("predict", "m.npz", "shapes/cross/0.png")
    assert code == 2 and "m.npz: manifest.json: the input of the model is" in err


def test_training_writes_what_the_model_takes(shapes, result_of):
    result_of("train", "--data", "shapes", "--epochs", 0, "--out", "t.npz")
    pixels = shapes[1].train.images / 255
    told = nnlite.checkpoint.load_state("t.npz").metadata["input"]
    assert told == {"shape": [1, 12, 10], "dtype": "uint8", "mean": [pytest.approx(pixels.mean())],
                    "std": [pytest.approx(pixels.std())], "names": list(NAMES)}
    assert len(result_of("predict", "t.npz", "shapes/cross/0.png")["predictions"]) == 1


@pytest.fixture
def leaves():
    """A table of two columns, and an untrained model of its rows."""
    rows = [f"{i},{i * i},{'oak' if i % 2 else 'elm'}" for i in range(20)]
    Path("leaves.csv").write_text("\n".join(["width,length,label", *rows]))
    task = make_task("leaves.csv")
    model = models.mlp(2, classes=2, seed=1)
    nnlite.save("leaves.npz", model, metadata={"input": task.input.as_dict()})
    return model, task


def test_each_row_of_a_table_gets_probabilities(leaves, result_of, run):
    Path("new.csv").write_text("width,length\n3,9\n-1,0.5\n")
    model, task = leaves
    mean, std = task.train.images.mean(axis=0), task.train.images.std(axis=0)
    z = model.eval()(((np.float32([[3, 9], [-1, 0.5]]) - mean) / std).astype(np.float32)).data
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    rows = result_of("predict", "leaves.npz", "new.csv")["predictions"]
    assert [row["image"] for row in rows] == ["new.csv row 1", "new.csv row 2"]
    for row, expected in zip(rows, p, strict=True):
        assert row["probabilities"] == pytest.approx(dict(zip(("elm", "oak"), expected, strict=True)), abs=1e-5)
    assert run("predict", "leaves.npz", "new.csv").out.startswith("new.csv row 1: ")


@pytest.mark.parametrize("name, text, message", [
    ("new.csv", "width\n3\n", "new.csv has 1 columns of numbers, the model takes 2"),
    ("new.png", "", "the model takes rows of 2 numbers: give a .csv table of them, got new.png"),
])
def test_rows_that_do_not_fit_are_refused(leaves, run, name, text, message):
    Path(name).write_text(text)
    code, _, err = run("predict", "leaves.npz", name)
    assert code == 2 and message in err and err.count("\n") == 1
