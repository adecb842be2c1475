import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import training_run
from training_run import make_run, validation

from nnlite import Tensor, nn, optim, train
from nnlite import functional as F
from nnlite.checkpoint import load, load_state, resume
from nnlite.data import DataLoader, Dataset


def blobs(n=60, seed=0):
    """Two classes, far apart: images (n, 1, 2, 2) of 0 or of 3, plus noise."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(n) % 2
    images = 3 * labels[:, None, None, None] + rng.normal(0, 0.3, (n, 1, 2, 2))
    return Dataset(images.astype(np.float32), labels, classes=2)


def linear_model(seed=0, classes=2):
    return nn.Sequential(nn.Flatten(), nn.Linear(4, classes, rng=seed))


def scripted_accuracies(monkeypatch, *accuracies):
    """Let `evaluate`, as `fit` sees it, return these one after the other."""
    rest = iter(accuracies)
    monkeypatch.setattr(train, "evaluate", lambda model, loader: {"loss": 0.0, "accuracy": next(rest)})


def without_seconds(history):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history]


# --- what fit computes ---


def test_fit_equals_softmax_regression_written_out_in_numpy():
    rng = np.random.default_rng(0)
    batches = [(rng.normal(size=(n, 1, 2, 2)), rng.integers(0, 3, n)) for n in (5, 5, 2)]
    model = linear_model(classes=3)
    for parameter in model.parameters():
        parameter.data = parameter.data.astype(np.float64)
    W, b = (parameter.data.copy() for parameter in model.parameters())
    train.fit(model, batches, optim.SGD(model.parameters(), lr=0.1), epochs=2)

    for images, labels in batches * 2:
        x, y = images.reshape(len(images), 4), np.eye(3)[labels]
        e = np.exp(x @ W.T + b)
        dz = (e / e.sum(axis=1, keepdims=True) - y) / len(x)  # of the mean cross-entropy
        W, b = W - 0.1 * dz.T @ x, b - 0.1 * dz.sum(axis=0)
    np.testing.assert_allclose(model[1].weight.data, W, rtol=1e-12)
    np.testing.assert_allclose(model[1].bias.data, b, rtol=1e-12)


def test_fit_learns_classes_that_a_line_separates():
    model = linear_model()
    history = train.fit(model, DataLoader(blobs(), 10, shuffle=True), optim.SGD(model.parameters(), lr=0.1), epochs=15)
    assert train.evaluate(model, DataLoader(blobs(seed=1)))["errors"] == 0
    assert history[-1]["accuracy"] == 1.0 and history[-1]["loss"] < history[0]["loss"] / 2


def test_the_history_has_means_over_all_images_and_the_rate_at_the_start_of_each_epoch():
    model = linear_model()
    optimizer = optim.SGD(model.parameters(), lr=0.4)
    losses, hits = [], []

    def loss(logits, labels):
        value = F.cross_entropy(logits, labels)
        losses.append(len(labels) * value.item())
        hits.extend(logits.data.argmax(axis=1) == labels)
        return value

    loader = DataLoader(blobs(25), 10, shuffle=True)  # batches of 10, 10, 5
    history = train.fit(model, loader, optimizer, 2, loss, schedule=optim.ExponentialLR(optimizer, 0.5))
    for row, epoch in zip(history, (0, 1), strict=True):
        seconds = row.pop("seconds")
        assert 0 < seconds < 60
        assert row == {
            "epoch": epoch + 1,
            "loss": pytest.approx(sum(losses[3 * epoch : 3 * epoch + 3]) / 25, rel=1e-12),
            "accuracy": sum(hits[25 * epoch : 25 * epoch + 25]) / 25,
            "lr": 0.4 * 0.5 ** (3 * epoch),
        }


def test_the_validation_row_is_what_evaluate_says_of_the_model_after_that_epoch():
    model, loader = linear_model(), DataLoader(blobs(seed=2), 7)
    history = train.fit(model, DataLoader(blobs(), 10), optim.SGD(model.parameters(), lr=0.01), 1, validation=loader)
    scores = train.evaluate(model, loader)
    assert (history[0]["validation_loss"], history[0]["validation_accuracy"]) == (scores["loss"], scores["accuracy"])


def test_each_batch_goes_through_the_steps_of_a_training_loop_in_their_order():
    calls = []

    class Watched(optim.SGD):
        def zero_grad(self):
            calls.append("zero_grad")
            super().zero_grad()

        def step(self):
            assert all(parameter.grad is not None for parameter in self.parameters())
            calls.append("step")
            super().step()

    class Schedule(optim.ExponentialLR):
        def step(self):
            calls.append("schedule")
            super().step()

    model = linear_model()
    optimizer = Watched(model.parameters(), lr=0.1)
    schedule = Schedule(optimizer, 0.9)
    train.fit(model, DataLoader(blobs(), 20), optimizer, 2, schedule=schedule, after_step=lambda: calls.append("after_step"))
    assert calls == ["zero_grad", "step", "after_step", "schedule"] * 6


def test_after_step_keeps_pruned_weights_at_zero():
    model = linear_model()
    weight, mask = model[1].weight, np.array([[1, 0, 0, 1], [0, 1, 1, 0]], bool)

    def after_step():
        weight.data *= mask

    train.fit(model, DataLoader(blobs(), 10), optim.Adam(model.parameters()), 1, after_step=after_step)
    np.testing.assert_array_equal(weight.data != 0, mask)


def test_clip_limits_the_length_of_a_step():
    for clip, bound in ((None, np.inf), (0.01, 0.01)):
        model = linear_model()
        before = np.concatenate([p.data.ravel() for p in model.parameters()])
        train.fit(model, DataLoader(blobs(), 60), optim.SGD(model.parameters(), lr=1.0), 1, clip=clip)
        moved = np.linalg.norm(np.concatenate([p.data.ravel() for p in model.parameters()]) - before)
        assert (moved > 0.1) if clip is None else (0.99 * bound < moved < 1.01 * bound)


def test_the_model_is_in_training_mode_in_every_batch_also_after_a_validation():
    modes = []

    class Watched(nn.Module):
        def __init__(self):
            self.inner = linear_model()

        def forward(self, x):
            modes.append((self.training, self.inner[1].training))
            return self.inner(x)

    model = Watched().eval()
    train.fit(model, [(x, y) for x, y in DataLoader(blobs(), 30)], optim.SGD(model.parameters(), lr=0.1), 2,
              validation=DataLoader(blobs(), 60))
    training, inference = (True, True), (False, False)
    assert modes == [training, training, inference] * 2


def test_what_a_loader_yields_beyond_the_labels_goes_to_the_loss_so_that_a_student_can_learn_from_a_teacher():
    teacher, student = linear_model(seed=1), linear_model(seed=2)
    images = blobs().images
    batches = [(x, y, F.softmax(teacher(x)).data) for x, y in DataLoader(blobs(), 20)]

    def loss(logits, labels, soft_targets):
        return F.cross_entropy(logits, soft_targets)

    apart = np.abs(F.softmax(student(images)).data - F.softmax(teacher(images)).data).max()
    train.fit(student, batches, optim.Adam(student.parameters(), lr=0.05), 100, loss)
    assert np.abs(F.softmax(student(images)).data - F.softmax(teacher(images)).data).max() < 0.1 * apart


# --- stopping ---


def test_training_stops_after_patience_epochs_without_a_better_validation_accuracy(monkeypatch):
    scripted_accuracies(monkeypatch, 0.5, 0.7, 0.6, 0.8, 0.8, 0.7, 0.9)
    model = linear_model()
    history = train.fit(model, DataLoader(blobs()), optim.SGD(model.parameters()), 7, validation=[], patience=2)
    assert [row["validation_accuracy"] for row in history] == [0.5, 0.7, 0.6, 0.8, 0.8, 0.7]


def test_a_run_that_stopped_early_stays_stopped_and_counts_epochs_before_an_interruption(monkeypatch):
    scripted_accuracies(monkeypatch, 0.6, 0.9)
    model = linear_model()
    rest = {"validation": [], "patience": 2}
    stopped = [{"epoch": i, "validation_accuracy": a} for i, a in enumerate((0.8, 0.7, 0.7), 1)]
    assert len(train.fit(model, DataLoader(blobs()), optim.SGD(model.parameters()), 9, history=stopped, **rest)) == 3
    assert len(train.fit(model, DataLoader(blobs()), optim.SGD(model.parameters()), 9, history=stopped[:2], **rest)) == 3


def test_the_best_epochs_model_is_kept_beside_the_last_one(monkeypatch, tmp_path):
    scripted_accuracies(monkeypatch, 0.5, 0.8, 0.8, 0.7)
    model, weights = linear_model(), []

    def after_step():
        weights.append(model[1].weight.data.copy())

    train.fit(model, DataLoader(blobs(), 60), optim.SGD(model.parameters(), lr=0.1), 4, validation=[], after_step=after_step,
              checkpoint=tmp_path / "run.npz", metadata={"data": "blobs"}, masks={"1.bias": np.ones(2, bool)})
    assert sorted(os.listdir(tmp_path)) == ["run.best.npz", "run.npz"]
    for name, epoch in (("run.best.npz", 2), ("run.npz", 4)):
        state = load_state(tmp_path / name)
        np.testing.assert_array_equal(state.model["1.weight"], weights[epoch - 1])
        assert len(state.history) == epoch and state.metadata == {"data": "blobs"}
        np.testing.assert_array_equal(state.masks["1.bias"], [True, True])
    np.testing.assert_array_equal(load(tmp_path / "run.npz", linear_model(seed=9))[1].weight.data, model[1].weight.data)


def test_ctrl_c_goes_on_and_leaves_the_checkpoint_of_the_last_whole_epoch(tmp_path):
    model, steps = linear_model(), []

    def after_step():
        steps.append(model[1].weight.data.copy())
        if len(steps) == 5:
            raise KeyboardInterrupt

    history = []
    with pytest.raises(KeyboardInterrupt):
        train.fit(model, DataLoader(blobs(), 20), optim.SGD(model.parameters(), lr=0.1), 3, after_step=after_step,
                  checkpoint=tmp_path / "run.npz", history=history)
    assert os.listdir(tmp_path) == ["run.npz"] and len(history) == 1
    assert load_state(tmp_path / "run.npz").history == history
    np.testing.assert_array_equal(load_state(tmp_path / "run.npz").model["1.weight"], steps[2])


@pytest.mark.parametrize("loss, value", [(lambda z, y: F.cross_entropy(z, y) * np.nan, "nan"),
                                         (lambda z, y: F.sum(z * z + 1.0) * 1e38, "inf")])
def test_a_loss_that_is_no_number_stops_with_epoch_batch_and_likely_causes(loss, value):
    calls = []

    def breaks_in_the_fifth_batch(logits, labels):
        calls.append(labels)
        return loss(logits, labels) if len(calls) == 5 else F.cross_entropy(logits, labels)

    model = linear_model()
    sentence = rf"train: the loss became {value} in epoch 2, batch 2 \(learning rate 0.25\); likely causes: "
    with pytest.raises(FloatingPointError, match=sentence):
        train.fit(model, DataLoader(blobs(), 20), optim.SGD(model.parameters(), lr=0.25), 3, breaks_in_the_fifth_batch)
    assert len(calls) == 5


def test_weights_that_overflow_in_the_last_step_never_reach_the_checkpoint(tmp_path):
    model = linear_model()
    with pytest.raises(FloatingPointError, match=r"train: 1.weight became -?inf in epoch 1, batch 1 \(learning rate 1e\+39\)"):
        train.fit(model, DataLoader(blobs(), 60), optim.SGD(model.parameters(), lr=1e39), 1, checkpoint=tmp_path / "run.npz")
    assert os.listdir(tmp_path) == []


def test_a_learning_rate_that_is_far_too_high_ends_with_that_sentence_and_no_warning():
    model, optimizer, _, loader = make_run(optim.SGD)
    for group in optimizer.param_groups:
        group["lr"] = 1e12
    with pytest.raises(FloatingPointError, match="learning rate 1e"):
        train.fit(model, loader, optimizer, 20)


@pytest.mark.parametrize("images, labels, error, message", [
    (np.full((2, 1, 2, 2), np.nan, np.float32), [0, 1], FloatingPointError, "the loss became nan in epoch 1, batch 1"),
    (np.zeros((2, 1, 2, 2), np.float32), [0, 2], ValueError, "target 2 at position 1 is not a class from 0 to 1"),
    (np.zeros((2, 1, 2, 2), np.float32), [0, -1], ValueError, "target -1 at position 1 is not a class from 0 to 1"),
    (np.zeros((2, 1, 2, 2), np.float32), [0], ValueError, r"logits \(2, 2\) need class indices \(2,\)"),
    (np.zeros((0, 1, 2, 2), np.float32), [], ValueError, r"expects logits .* with N ≥ 1, got \(0, 2\)"),
    (np.zeros((2, 1, 3, 3), np.float32), [0, 1], ValueError, r"linear: x has 9 features, w \(2, 4\) expects 4"),
    (np.zeros((2, 1, 2, 2), np.uint8), [0, 1], TypeError, "expects arrays of one dtype, .* got uint8, float32, float32"),
])
def test_a_batch_that_makes_no_sense_is_refused_and_the_model_stays_as_it_was(images, labels, error, message):
    model = linear_model()
    before = model.state_dict()
    with pytest.raises(error, match=message):
        train.fit(model, [(images, np.array(labels, int))], optim.SGD(model.parameters(), lr=0.1), 1)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_what_cannot_work_is_said_before_any_work_is_done(tmp_path):
    model = linear_model()

    def fit(**options):
        train.fit(model, DataLoader(blobs()), optim.SGD(model.parameters()), 1, after_step=pytest.fail, **options)

    with pytest.raises(ValueError, match="patience=3 .* validation is None"):
        fit(patience=3)
    with pytest.raises(ValueError, match="patience .* got 0"):
        fit(patience=0, validation=[])
    with pytest.raises(FileNotFoundError, match="there is no such directory to write to: .*nowhere"):
        fit(checkpoint=tmp_path / "nowhere" / "run.npz")


def test_a_loader_that_runs_only_once_is_an_error():
    model = linear_model()
    with pytest.raises(ValueError, match="no batch in epoch 2"):
        train.fit(model, iter(DataLoader(blobs())), optim.SGD(model.parameters()), 2)


# --- the bar ---


class FakeTerminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream, progress, shown", [(FakeTerminal, True, True), (FakeTerminal, False, False),
                                                     (io.StringIO, True, False)])
def test_the_bar_is_shown_on_a_terminal_only_and_not_with_progress_false(monkeypatch, stream, progress, shown):
    stderr = stream()
    monkeypatch.setattr(sys, "stderr", stderr)
    model = linear_model()
    train.fit(model, DataLoader(blobs(), 20), optim.SGD(model.parameters()), 2, progress=progress)
    assert ("epoch 2/2" in stderr.getvalue()) == shown
    assert bool(stderr.getvalue()) == shown


# --- scores ---


def test_evaluate_equals_a_plain_loop():
    model, data = linear_model(seed=3), blobs(23)
    n = errors = 0
    loss = 0.0
    for image, label in zip(data.images, data.labels, strict=True):
        z = model[1].weight.data.astype(float) @ image.ravel() + model[1].bias.data
        n += 1
        errors += max(range(2), key=lambda c, z=z: z[c]) != label
        loss += np.log(np.exp(z).sum()) - z[label]
    scores = train.evaluate(model, DataLoader(data, 7))
    assert scores == {"n": n, "errors": errors, "accuracy": (n - errors) / n, "loss": pytest.approx(loss / n, rel=1e-6)}
    assert 0 < errors < n  # or it would say little
    assert [type(value) for value in scores.values()] == [int, int, float, float]


def test_a_loss_that_float32_would_round_to_0_is_not_lost():
    batch = np.zeros((3, 1, 1, 1), np.float32), np.zeros(3, int)
    scores = train.evaluate(lambda images: np.float32([[20, 0]] * len(images)), [batch])
    assert scores["loss"] == pytest.approx(np.log1p(np.exp(-20)), rel=1e-6)  # 2 · 10⁻⁹


def test_evaluate_and_predict_take_any_function_of_arrays():
    data = blobs(20)

    def plan(images):
        assert isinstance(images, np.ndarray)
        brightness = images.sum(axis=(1, 2, 3))
        return np.stack([6 - brightness, brightness - 6], axis=1)

    predictions, labels = train.predict(plan, DataLoader(data, 6))
    np.testing.assert_array_equal(labels, data.labels)
    np.testing.assert_array_equal(predictions, data.labels)
    assert train.evaluate(plan, DataLoader(data, 6))["accuracy"] == 1.0
    assert train.evaluate(lambda images: plan(images).round().astype(np.int8), DataLoader(data, 6))["errors"] == 0


def test_evaluate_runs_in_inference_mode_and_leaves_the_modes_and_statistics_as_they_were():
    model, *_ = make_run()
    model[1].training = False  # a mixture
    before, modes = model.state_dict(), [module.training for _, module in model.named_modules()]
    generators = [rng.bit_generator.state for rng in model.generators()]
    first, second = (train.evaluate(model, validation()) for _ in range(2))
    assert first == second
    assert [module.training for _, module in model.named_modules()] == modes
    assert [rng.bit_generator.state for rng in model.generators()] == generators
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_after_an_error_the_modes_are_as_they_were_and_tensors_record_again():
    model = linear_model()
    with pytest.raises(ValueError, match="features"):
        train.evaluate(model, [(np.ones((2, 1, 3, 3), np.float32), np.zeros(2, np.int64))])
    assert all(module.training for _, module in model.named_modules())
    assert (Tensor([1.0], requires_grad=True) * 2.0).requires_grad


def test_nothing_is_recorded_while_a_model_is_evaluated():
    results = []
    model = linear_model()
    model.register_forward_hook(lambda module, inputs, y: results.append(y.requires_grad))
    train.evaluate(model, DataLoader(blobs()))
    assert results == [False]


def test_evaluate_names_a_label_that_is_no_class_and_a_loader_without_a_batch():
    with pytest.raises(ValueError, match="target 2 at position 1 is not a class from 0 to 1"):
        train.evaluate(linear_model(), [(np.ones((2, 1, 2, 2), np.float32), np.array([0, 2]))])
    with pytest.raises(ValueError, match="no batch"):
        train.evaluate(linear_model(), [])


def test_logits_are_the_models_outputs_in_the_loaders_order_with_its_labels():
    model, data = linear_model(seed=3), blobs(23)
    z, labels = train.logits(model, DataLoader(data, 7))
    np.testing.assert_array_equal(labels, data.labels)
    expected = data.images.reshape(23, 4) @ model[1].weight.data.T + model[1].bias.data
    np.testing.assert_allclose(z, expected, rtol=1e-5, atol=1e-6)


# --- forms of labels and outputs ---

ROW = np.float32([[[[1, 0], [0, 0]]]])  # images whose logits are the first two pixels
SIX = np.concatenate([ROW, ROW, ROW, ROW[..., ::-1], ROW[..., ::-1], ROW])  # the largest logit: 0 0 0 1 1 0
RIGHT = [0, 1, 0, 1, 0, 0]  # four of six


def pixels():
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    model[1].weight.data = np.eye(2, 4, dtype=np.float32) * 3
    return model


@pytest.mark.parametrize("labels", [
    np.array(RIGHT), np.array(RIGHT, np.uint8), np.eye(2, dtype=np.float32)[RIGHT], np.eye(2, dtype=bool)[RIGHT],
    0.2 + 0.6 * np.eye(2)[RIGHT], Tensor(np.array(RIGHT)),
], ids=["indices", "bytes", "one-hot", "booleans", "soft", "a Tensor"])
def test_the_accuracy_counts_labels_of_each_form(labels):
    model = pixels()
    history = train.fit(model, [(SIX, labels)], optim.SGD(model.parameters(), lr=0.0), 1)
    assert history[0]["accuracy"] == 4 / 6
    assert train.count_correct(model(SIX).data, labels) == (4, 6)
    if not isinstance(labels, Tensor):
        assert train.evaluate(model, [(SIX, labels)])["errors"] == 2


def test_an_image_without_a_label_does_not_count():
    model, labels = pixels(), np.array([0, -100, -100, 1, 0, 0])
    history = train.fit(model, [(SIX, labels)], optim.SGD(model.parameters(), lr=0.0), 1)
    scores = train.evaluate(model, [(SIX, labels)])
    assert history[0]["accuracy"] == 3 / 4
    assert (scores["n"], scores["errors"], scores["accuracy"]) == (4, 1, 3 / 4)
    assert scores["loss"] == pytest.approx(history[0]["loss"], rel=1e-6)


def test_the_accuracy_of_pixels_counts_each():
    z = np.zeros((1, 3, 1, 2))
    z[0, 2, 0, 0] = z[0, 1, 0, 1] = 1
    assert train.count_correct(z, np.array([[[2, 2]]])) == (1, 2)
    assert train.count_correct(z, np.eye(3)[[[[2, 1]]]].transpose(0, 3, 1, 2)) == (2, 2)


@pytest.mark.parametrize("z, labels", [
    ((6, 1), np.ones((6, 1))), ((6, 2), np.ones((6, 1))), ((6, 2), np.ones(6)), ((6,), np.ones(6, int)),
    ((6, 2), np.ones((6, 2), int)),
])
def test_labels_of_another_form_are_refused_with_their_shape(z, labels):
    with pytest.raises(ValueError, match=r"accuracy: labels .* are neither class indices \(6,\) nor probabilities"):
        train.count_correct(np.zeros(z), labels)


# --- regression ---


def line(n=40, column=True):
    """Images whose target is 2·(first pixel) − 1."""
    images = np.random.default_rng(0).normal(size=(n, 1, 2, 2)).astype(np.float32)
    return images, (2 * images[:, 0, :1, 0] - 1).reshape((n, 1) if column else n)


@pytest.mark.parametrize("loss", [F.mse_loss, nn.MSELoss(), lambda outputs, targets: F.mse_loss(outputs, targets)],
                         ids=["function", "module", "lambda"])
@pytest.mark.parametrize("column", [True, False])
def test_a_regression_learns_a_line_and_its_history_has_no_accuracy(loss, column):
    model = linear_model(classes=1)
    if not column:
        model.append(nn.Flatten(0))
    history = train.fit(model, [line(column=column)], optim.SGD(model.parameters(), lr=0.3), 100, loss)
    np.testing.assert_allclose(model[1].weight.data, [[2, 0, 0, 0]], atol=1e-3)
    np.testing.assert_allclose(model[1].bias.data, [-1], atol=1e-3)
    assert history[-1].keys() == {"epoch", "lr", "loss", "seconds"} and history[-1]["loss"] < 1e-5 < history[0]["loss"]


@pytest.mark.parametrize("labels, keys", [
    ([[2.0, -1.0], [0.5, 0.5]], {"loss"}), ([[0.0, 1.0], [1.0, 1.0]], {"loss"}),          # two numbers; two labels at once
    ([[0.0, 1.0], [1.0, 0.0]], {"loss", "accuracy"}), ([[0.25, 0.75], [1.0, 0.0]], {"loss", "accuracy"}),
])
def test_floats_of_several_outputs_are_a_regression_unless_they_are_probabilities(labels, keys):
    model, images = linear_model(classes=2), np.zeros((2, 1, 2, 2), np.float32)
    history = train.fit(model, [(images, np.float32(labels))], optim.SGD(model.parameters(), lr=0.1), 1, F.mse_loss)
    assert history[0].keys() == {"epoch", "lr", "seconds"} | keys


def test_evaluate_refuses_floats_that_are_no_probabilities():
    with pytest.raises(ValueError, match=r"evaluate: labels of floats \(2, 2\) are neither class indices nor probabilities"):
        train.evaluate(lambda images: np.ones((2, 2), np.float32), [(None, np.float32([[2, -1], [0.5, 0.5]]))])


def test_the_loss_of_a_regression_in_the_history_is_the_mean_over_all_examples():
    images, targets = line(6)
    model = linear_model(classes=1)
    z = images.reshape(6, 4) @ model[1].weight.data.T + model[1].bias.data
    batches = [(images[:4], targets[:4]), (images[4:], targets[4:])]
    history = train.fit(model, batches, optim.SGD(model.parameters(), lr=0.0), 1, F.mse_loss)
    assert history[0]["loss"] == pytest.approx(np.mean((z - targets) ** 2), rel=1e-6)


@pytest.mark.parametrize("loss", [F.cross_entropy, nn.CrossEntropyLoss()], ids=["function", "module"])
def test_one_column_of_floats_fits_no_loss_of_classification(loss):
    model = linear_model(classes=1)
    before = model[1].weight.data.copy()
    images, targets = line(6)
    with pytest.raises(ValueError, match=r"accuracy: labels float32 \(6, 1\) are neither class indices"):
        train.fit(model, [(images, np.abs(targets))], optim.SGD(model.parameters(), lr=0.1), 1, loss)
    np.testing.assert_array_equal(model[1].weight.data, before)


def test_validation_of_a_regression_is_refused_before_any_step():
    model = linear_model(classes=1)
    before = model[1].weight.data.copy()
    with pytest.raises(ValueError, match=r"fit: validation counts right classes, and outputs \(6, 1\) .* leave it out"):
        train.fit(model, [line(6)], optim.SGD(model.parameters(), lr=0.1), 1, F.mse_loss, validation=[line(6)])
    np.testing.assert_array_equal(model[1].weight.data, before)


# --- outputs that are no logits alone ---


def test_a_model_may_return_its_features_beside_the_logits():
    class WithFeatures(nn.Module):
        def __init__(self):
            self.inner = pixels()

        def forward(self, x):
            z = self.inner(x)
            return z, F.relu(z)

    def loss(outputs, labels):
        z, features = outputs
        return F.cross_entropy(z, labels) + F.mean(features) * 0.0

    model = WithFeatures()
    history = train.fit(model, [(SIX, np.array(RIGHT))], optim.SGD(model.parameters(), lr=0.0), 1, loss)
    assert history[0]["accuracy"] == 4 / 6 and train.evaluate(model, [(SIX, np.array(RIGHT))])["errors"] == 2
    with pytest.raises(TypeError, match=r"a loss takes one Tensor, got a tuple of 2"):
        train.fit(model, [(SIX, np.array(RIGHT))], optim.SGD(model.parameters(), lr=0.0), 1)


def test_a_softmax_at_the_end_is_one_warning_of_fit_and_one_of_evaluate():
    model = nn.Sequential(pixels(), nn.Softmax())
    message = "the model's outputs are probabilities .* leave out the softmax at the end"
    batches = [(SIX, np.array(RIGHT))] * 3
    with pytest.warns(UserWarning, match=f"fit: {message}") as caught:
        train.fit(model, batches, optim.SGD(model.parameters(), lr=0.0), 2)
    assert len(caught) == 1
    with pytest.warns(UserWarning, match=f"evaluate: {message}") as caught:
        train.evaluate(model, batches)
    assert len(caught) == 1


def test_another_loss_may_take_probabilities():
    model = nn.Sequential(pixels(), nn.Softmax())
    train.fit(model, [(SIX, np.array(RIGHT))], optim.SGD(model.parameters(), lr=0.0), 1,
              lambda p, y: F.binary_cross_entropy(p, np.eye(2)[y]))


@pytest.mark.parametrize("call", [train.evaluate, train.logits, train.predict,
                                  lambda model, data: train.fit(model, data, optim.SGD(model.parameters()), 1)])
def test_a_dataset_in_the_place_of_a_loader_is_refused(call):
    with pytest.raises(TypeError, match=r"the loader is a Dataset, .* expects batches: DataLoader\(dataset\)"):
        call(linear_model(), blobs())


# --- the same bits ---


def run_as_program(directory, mode, threads):
    program = [sys.executable, training_run.__file__, str(directory), mode]
    settings = {"NUMBA_NUM_THREADS": threads, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=os.environ | settings)


def finish(process):
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory):
    """The directory of a run that nothing has stopped, on one thread."""
    directory = tmp_path_factory.mktemp("whole")
    assert finish(run_as_program(directory, "whole", threads="1")) == "20 steps\n"
    return directory


def assert_same_bits(a, b):
    """Two checkpoint files hold the same, bit for bit, but for the seconds that the epochs took."""
    a, b = load_state(a), load_state(b)
    assert a.model.keys() == b.model.keys() and a.optimizer["state"].keys() == b.optimizer["state"].keys()
    for name in a.model:
        assert a.model[name].tobytes() == b.model[name].tobytes(), name
    for i, entry in a.optimizer["state"].items():
        assert {key: np.asarray(value).tobytes() for key, value in entry.items()} == {
            key: np.asarray(value).tobytes() for key, value in b.optimizer["state"][i].items()
        }
    assert a.optimizer["param_groups"] == b.optimizer["param_groups"]
    assert (a.schedule, a.generators, a.loader) == (b.schedule, b.generators, b.loader)
    assert without_seconds(a.history) == without_seconds(b.history)


def test_a_run_that_is_killed_in_the_middle_of_an_epoch_and_resumed_ends_with_the_same_bits(whole_run, tmp_path):
    process = run_as_program(tmp_path, "stuck", threads="2")
    assert process.stdout.readline() == "in the middle of epoch 2\n"
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(timeout=60) == -signal.SIGKILL
    process.stdout.close()
    assert len(load_state(tmp_path / "run.npz").history) == 1

    assert finish(run_as_program(tmp_path, "resumed", threads="2")) == "15 steps\n"
    assert_same_bits(tmp_path / "run.npz", whole_run / "run.npz")
    best, expected = (load_state(directory / "run.best.npz").model for directory in (tmp_path, whole_run))
    assert best.keys() == expected.keys() and all(best[name].tobytes() == expected[name].tobytes() for name in best)


def test_the_same_seed_gives_the_same_bits_with_one_thread_and_with_two(whole_run, tmp_path):
    finish(run_as_program(tmp_path, "whole", threads="2"))
    assert_same_bits(tmp_path / "run.npz", whole_run / "run.npz")


@pytest.mark.parametrize("optimizer_class", [optim.SGD, optim.AdamW, optim.RMSprop])
def test_resumed_in_new_objects_any_optimizer_goes_on_with_the_same_bits(optimizer_class, tmp_path):
    def fit(run, path, epochs, **options):
        model, optimizer, schedule, loader = run
        for group in optimizer.param_groups:
            if "momentum" in group:
                group["momentum"] = 0.9
        train.fit(model, loader, optimizer, epochs, schedule=schedule, checkpoint=path, **options)

    fit(make_run(optimizer_class), tmp_path / "whole.npz", 4)
    fit(make_run(optimizer_class), tmp_path / "parts.npz", 2)
    run = make_run(optimizer_class, seed=100)
    fit(run, tmp_path / "parts.npz", 4, history=resume(tmp_path / "parts.npz", *run))
    assert_same_bits(tmp_path / "parts.npz", tmp_path / "whole.npz")


def test_another_seed_gives_other_bits(tmp_path):
    states = []
    for seed in (0, 1):
        model, optimizer, _, loader = make_run(seed=seed)
        train.fit(model, loader, optimizer, 1)
        states.append(model.state_dict())
    assert not np.array_equal(states[0]["9.weight"], states[1]["9.weight"])


def test_the_best_path_is_beside_the_checkpoint():
    assert train.best_path("out/run.npz") == Path("out/run.best.npz")


def test_every_checkpoint_has_a_best_path_of_its_own():
    names = ["run", "run.npz", "run.old", "run.1.npz", "lr0.1", "lr0.2", "lr0.1.npz", "run.npz.npz", ".npz", "npz", "a.NPZ"]
    assert len({train.best_path(name) for name in names} | set(map(Path, names))) == 2 * len(names)
