import inspect
from itertools import product

import numpy as np
import pytest

from nnlite import data, load, nn, save
from nnlite.cli.choices import MODELS
from nnlite.cli.common import (
    Recipe,
    Task,
    build_model,
    is_nnz,
    load_trained,
    make_task,
    make_training,
    milliseconds_per_image,
    with_epochs,
)
from nnlite.cli.parser import build_parser


def fake_task(shape, classes):
    """A task with one black image of each class in each part."""
    parts = [data.Dataset(np.zeros((classes, *shape), np.uint8), np.arange(classes), classes) for _ in range(2)]
    return Task(*parts, [data.ToFloat()], [])


@pytest.mark.parametrize("name, source", list(product(MODELS, data.SOURCES.values())))
def test_every_model_is_built_for_every_data_set_that_is_large_enough(name, source):
    task = fake_task(source.shape, 7)
    if name == "lenet-5" and source.shape[1] < 16:
        with pytest.raises(ValueError, match="an image of 8×8 pixels is too small"):
            build_model(name, task)
        return
    model = build_model(name, task, width=0.1, seed=3)
    assert model(task.prepared(task.test.images)).shape == (7, 7)
    again = build_model(name, task, width=0.1, seed=3)
    assert all((a.data == b.data).all() for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_models_are_built_for_images_of_24_by_40_pixels_in_two_channels_and_for_rows_of_a_table():
    task = fake_task((2, 24, 40), 3)
    for name in MODELS:
        assert build_model(name, task, width=0.1)(task.prepared(task.test.images)).shape == (3, 3)
    table = fake_task((5,), 3)
    assert build_model("mlp", table)(table.prepared(table.test.images)).shape == (3, 3)
    with pytest.raises(ValueError, match="cnn takes images, the data has rows of 5 numbers; mlp and lenet-300-100 take these"):
        build_model("cnn", table)


def test_a_task_of_ones_own_is_normalized_by_its_training_part(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (30, 5, 7), np.uint8)
    np.savez(tmp_path / "own.npz", images=images, labels=["a", "b", "c"] * 10)
    task = make_task(str(tmp_path / "own.npz"))
    assert task.train.names == ("a", "b", "c") and task.augmentation == [] and len(task.test) == 6
    y = task.prepared(task.train.images)
    assert (abs(y.mean()), y.std()) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))
    some = make_task(str(tmp_path / "own.npz"), classes=[2, 0])
    assert some.train.names == ("c", "a") and some.preprocessing == task.preprocessing


def test_a_task_of_some_classes_numbers_them_from_0_in_both_parts():
    whole, some = make_task("digits"), make_task("digits", classes=[8, 3])
    for part, its_whole in ((some.train, whole.train), (some.test, whole.test)):
        assert part.classes == 2
        np.testing.assert_array_equal(part.images, its_whole.images[np.isin(its_whole.labels, [8, 3])])
        np.testing.assert_array_equal(part.labels == 0, its_whole.labels[np.isin(its_whole.labels, [8, 3])] == 8)


def test_training_images_are_shuffled_and_augmented_and_test_images_are_not():
    task = fake_task((1, 4, 4), 10)
    task.train.images += np.arange(10, dtype=np.uint8).reshape(-1, 1, 1, 1)
    task.augmentation = [lambda images, rng: images + np.uint8(100)]
    (images, labels), = task.loader(10, seed=1)
    np.testing.assert_array_equal(np.rint(255 * images[:, 0, 0, 0]), labels + 100)
    assert labels.tolist() != sorted(labels)
    (images, labels), = task.test_loader()
    assert not images.any() and labels.tolist() == [*range(10)]
    in_order = sorted(task.calibration(seed=0), key=np.max)
    np.testing.assert_allclose(in_order, np.broadcast_to(task.train.images / 255, (10, 1, 4, 4)), rtol=1e-6)


def test_512_training_images_drawn_by_the_seed_calibrate():
    task = make_task("digits")
    prepared = {image.tobytes() for image in task.prepared(task.train.images)}
    drawn = task.calibration(seed=1)
    assert len(drawn) == 512 and {image.tobytes() for image in drawn} <= prepared
    np.testing.assert_array_equal(drawn, task.calibration(seed=1))
    assert (drawn != task.calibration(seed=2)).any()


def test_the_rate_rises_for_a_tenth_of_the_steps_and_falls_to_0():
    loader = data.DataLoader(fake_task((1, 4, 4), 10).train, batch_size=5)
    optimizer, schedule = make_training([nn.Parameter(np.zeros(1, np.float32))], loader, Recipe(epochs=20, lr=0.5))
    rates = []
    for _ in range(40):
        rates.append(optimizer.param_groups[0]["lr"])
        schedule.step()
    assert rates[0] == pytest.approx(0.05) and rates[4] == pytest.approx(0.5)
    assert rates[:5] == sorted(rates[:5]) and rates[4:] == sorted(rates[4:], reverse=True)
    # the cosine over the last 36 steps: ½ (1 + cos(π t/36)) of the whole
    assert rates[4 + 18] == pytest.approx(0.25) and rates[-1] < 0.001
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("epochs, images", [(0, 10), (1, 1), (1, 3)])
def test_the_shortest_training_has_a_schedule_too(epochs, images):
    loader = data.DataLoader(fake_task((1, 4, 4), 10).train[:images], batch_size=64)
    optimizer, schedule = make_training([nn.Parameter(np.zeros(1, np.float32))], loader, Recipe(epochs=epochs, lr=0.5))
    schedule.step()
    assert 0 <= optimizer.param_groups[0]["lr"] <= 0.5


def test_the_arguments_of_a_command_are_a_recipe():
    arguments = build_parser().parse_args(["train"])
    assert all(hasattr(arguments, name) for name in inspect.signature(Recipe).parameters)


@pytest.mark.parametrize("given, images, batch_size, expected", [
    (None, 10, 5, 100), (None, 10, 10, 200), (None, 7, 5, 100), (None, 1000, 5, 20), (3, 10, 5, 3), (0, 10, 5, 0)])
def test_without_epochs_a_training_takes_20_of_them_and_200_steps_or_more(given, images, batch_size, expected):
    task = fake_task((1, 4, 4), images)
    arguments = build_parser().parse_args(["train", "--batch-size", str(batch_size), "--lr", "0.1", "--seed", "4"])
    arguments.epochs = given
    assert with_epochs(arguments, task, least=20) == Recipe(expected, 0.1, batch_size, 4)


def test_the_kind_of_a_file_is_told_by_its_content_and_not_by_its_name(trained, tmp_path):
    (tmp_path / "a.npz").write_bytes(trained.with_suffix(".nnz").read_bytes())
    (tmp_path / "a.nnz").write_bytes(trained.read_bytes())
    assert is_nnz(tmp_path / "a.npz") and not is_nnz(tmp_path / "a.nnz")


def test_a_trained_model_is_the_one_in_the_file(trained):
    model, masks = load_trained(trained, make_task("digits"))
    assert masks == {}
    for name, array in load(trained).state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], array)


def test_the_time_of_an_image_is_the_median_of_some_batches(monkeypatch):
    clock, durations = [0.0], iter([5, 0.2, 0.1, 0.3, 0.1, 0.2, 9])  # s
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])

    def plan(images):
        clock[0] += next(durations)

    assert milliseconds_per_image(plan, make_task("digits")) == pytest.approx(1000 * 0.2 / 256)


@pytest.mark.parametrize("command", ["prune m.npz", "finetune m.npz", "distill m.npz", "quantize m.npz", "fuse m.npz m.npz",
                                     "compress m.npz", "export m.npz", "import m.npz --model cnn", "report m.npz",
                                     "transfer m.npz --target digits"])
def test_the_model_that_is_read_is_never_written_over(command, error_of):
    save("m.npz", nn.Sequential(nn.Flatten(), nn.Linear(64, 10, rng=0)))
    assert error_of(*command.split(), "--out", "m.npz") == (
        "--out m.npz is the model that is read; it would be lost, name another file")


@pytest.mark.parametrize("models", ["a.run.npz", "m.npz --teacher a.run.npz"])
def test_a_search_does_not_remove_a_model_that_has_the_name_of_its_state(models, error_of):
    for name in ("m.npz", "a.run.npz"):
        save(name, nn.Sequential(nn.Flatten(), nn.Linear(64, 10, rng=0)))
    assert error_of("compress", *models.split(), "--target-bytes", 500, "--epochs", 1, "--out", "a.nnz") == (
        "--out a.nnz: the search keeps its state in a.run.npz and removes it at the end, but a.run.npz is a model that is "
        "read; name another file")
