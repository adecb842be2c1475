import numpy as np
import pytest

import nncompress
import nnlite
from nnlite import data, models

KEYS = ["file", "data", "classes", "arithmetic", "n", "errors", "accuracy", "file_bytes", "parameters", "nonzero", "macs",
        "ms_per_image"]


def test_a_checkpoint_is_measured(trained, result_of):
    result = result_of("evaluate", trained)
    assert list(result) == KEYS
    _, test = data.load("digits")
    x = (test.images / np.float32(255) - np.float32(0.3055)) / np.float32(0.3760)
    model = nnlite.load(trained).eval()
    errors = int((model(x).data.argmax(axis=1) != test.labels).sum())
    assert errors < 36  # it has learned something
    parameters = sum(parameter.size for parameter in model.parameters())
    # conv 1→8 and 8→16 with 3×3 weights on 8×8 and 4×4 pixels, then 64→64→10
    macs = 8 * 9 * 64 + 16 * 8 * 9 * 16 + 64 * 64 + 64 * 10
    assert {key: result[key] for key in KEYS[:-1]} == {
        "file": str(trained), "data": "digits", "classes": None, "arithmetic": "float32", "n": 360, "errors": errors,
        "accuracy": round(1 - errors / 360, 6), "file_bytes": trained.stat().st_size, "parameters": parameters,
        "nonzero": parameters, "macs": macs}
    assert 0 < result["ms_per_image"] < 100


def test_a_compressed_file_is_measured_in_integers(trained, result_of):
    path = trained.with_suffix(".nnz")
    result, of_floats = result_of("evaluate", path), result_of("evaluate", trained)
    assert list(result) == KEYS
    assert result["arithmetic"] == "int8" and result["file_bytes"] == path.stat().st_size
    assert [result[key] for key in ("n", "parameters", "macs")] == [of_floats[key] for key in ("n", "parameters", "macs")]
    assert abs(result["errors"] - of_floats["errors"]) <= 3


def test_without_json_it_says_the_same_in_words(trained, run):
    code, out, err = run("evaluate", trained)
    assert (code, err) == (0, "")
    assert out.startswith(f"{trained} on digits: 9")
    assert "of 360 test images right" in out and "float32, 6,058 parameters" in out


def test_the_data_is_named_with_the_classes_that_are_chosen_of_it(run, result_of):
    images = np.random.default_rng(0).integers(0, 256, (12, 1, 8, 8), dtype=np.uint8)
    np.savez("own.npz", images=images, labels=np.arange(12) % 2)
    nnlite.save("m.npz", models.mlp(in_features=64, hidden=8, classes=2))
    assert run("evaluate", "m.npz", "--data", "own.npz").out.startswith("m.npz on own.npz: ")
    assert run("evaluate", "m.npz", "--classes", "3,1").out.startswith("m.npz on digits, classes 3, 1: ")
    result = result_of("evaluate", "m.npz", "--classes", "3,1")
    assert (result["data"], result["classes"]) == ("digits", [3, 1])


def test_without_data_other_images_or_classes_than_the_digits_are_refused(error_of):
    nnlite.save("wide.npz", models.mlp(in_features=784))
    nnlite.save("two.npz", models.mlp(in_features=64, classes=2))
    assert error_of("evaluate", "wide.npz").startswith("wide.npz takes images of 784 numbers, the data has (1, 8, 8): ")
    assert error_of("evaluate", "two.npz") == "two.npz tells 2 classes apart, the data has 10 (--classes chooses some)"


@pytest.mark.parametrize("model, takes", [
    (models.cnn(in_channels=1, image_size=8, width=0.1), "images of shape (1, 8, 8)"),
    (models.mlp(in_features=64), "images of 64 numbers"),
    (models.resnet(in_channels=3, width=0.1), "images of shape (3, H, W)"),
])
def test_a_model_of_other_images_says_which_it_takes(error_of, small_mnist, model, takes):
    nnlite.save("m.npz", model)
    message = error_of("evaluate", "m.npz", "--data", "mnist", "--data-dir", small_mnist)
    assert message.startswith(f"m.npz takes {takes}, the data has (1, 28, 28): ")


def test_a_file_for_pixels_gets_pixels_that_are_not_normalized(tmp_path, result_of):
    train_images, test = data.load("digits")
    model = models.mlp(in_features=64, hidden=8)
    calibration = train_images.images[:200] / np.float32(255)
    plan = nncompress.quantize(model, calibration, input_scale=1 / 255)
    nncompress.save(tmp_path / "pixels.nnz", plan)
    errors = int((plan(test.images / np.float32(255)).argmax(axis=1) != test.labels).sum())
    assert result_of("evaluate", tmp_path / "pixels.nnz")["errors"] == errors
