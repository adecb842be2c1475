import numpy as np
import pytest

from nncompress.nnz.file import from_bytes
from nncompress.search import Budget, Settings, compress
from nnlite import data, models, nn, optim, train
from nnlite.nn.module import inference_mode

QUICK = Settings(epochs=8, every=5, lr=5e-3)


def loaders(seed=0):
    training, _ = data.load("digits")
    training, held_out = training[:600], training[600:800]
    return (data.DataLoader(training, 64, shuffle=True, seed=seed, transform=data.ToFloat()),
            data.DataLoader(held_out, 200, transform=data.ToFloat()))


def test_the_file_meets_a_budget_in_bytes_and_scores_what_the_report_says():
    model = models.lenet_300_100(in_features=64, width=0.3)
    before = {name: a.copy() for name, a in model.state_dict().items()}
    found = compress(model, loaders(), Budget(bytes=1500), settings=QUICK)
    assert 900 < len(found.data) <= 1500
    stages = {stage.name: stage for stage in found.report.stages}
    assert list(stages) == ["start", "structures", "weights", "grid", "file"]
    assert stages["file"].bytes == len(found.data) and stages["file"].accuracy > 0.6
    scores = train.evaluate(from_bytes(found.data), loaders()[1])
    assert scores["errors"] == stages["file"].errors
    assert stages["structures"].parameters < stages["start"].parameters
    assert "the file has" in found.report.stopped and "the budget is 1,500 bytes" in str(found.report)
    for name, a in model.state_dict().items():
        np.testing.assert_array_equal(a, before[name])  # the given model stays as it is


def test_the_plan_has_the_models_weights_and_says_what_the_model_says():
    found = compress(models.mlp(in_features=64, hidden=20), loaders(), Budget(weights=300), settings=QUICK)
    assert 0 < found.plan.nonzero <= 300
    for step in found.plan.steps[2:]:  # the file may give units another order, and leaves dead ones out
        w, on_grid = getattr(found.model, step.name).weight.data, step.w * step.w_scale[:, None]
        assert np.isin(np.float32(on_grid), np.float32(w)).all() and np.count_nonzero(w) - np.count_nonzero(on_grid) < 20
    images, _ = next(iter(loaders()[1]))
    with inference_mode(found.model):
        z = found.model(images).data
    assert (found.plan(images).argmax(axis=1) == z.argmax(axis=1)).mean() > 0.97
    assert found.plan.steps[0].S == np.float32(1 / 255) and found.plan.steps[0].Z == 0


def test_a_run_that_was_stopped_goes_on_to_the_same_file(tmp_path, monkeypatch):
    whole = compress(models.mlp(in_features=64, hidden=20), loaders(), Budget(bytes=900), settings=QUICK)
    path, fit = tmp_path / "run.npz", train.fit

    def stop(model, loader, optimizer, epochs, *rest, **options):
        if epochs == 6:
            raise KeyboardInterrupt
        return fit(model, loader, optimizer, epochs, *rest, **options)

    monkeypatch.setattr(train, "fit", stop)
    with pytest.raises(KeyboardInterrupt):
        compress(models.mlp(in_features=64, hidden=20), loaders(), Budget(bytes=900), settings=QUICK, checkpoint=path)
    monkeypatch.setattr(train, "fit", fit)
    resumed = compress(models.mlp(in_features=64, hidden=20), loaders(), Budget(bytes=900), settings=QUICK, checkpoint=path)
    assert resumed.data == whole.data
    with pytest.raises(ValueError, match="from a run with other settings or another budget"):
        compress(models.mlp(in_features=64, hidden=20), loaders(), Budget(bytes=950), settings=QUICK, checkpoint=path)
    with pytest.raises(ValueError, match="from a run with other settings or another budget"):
        compress(models.mlp(in_features=64, hidden=20), loaders(), Budget(weights=300), settings=QUICK, checkpoint=path)


@pytest.mark.parametrize("build", [
    lambda: models.cnn(in_channels=1, image_size=8, width=0.5),
    lambda: models.resnet(in_channels=1, width=0.25),
    lambda: nn.Sequential(nn.Conv2d(1, 4, 3, rng=0), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4, rng=1), nn.ReLU(), nn.Flatten(),
                          nn.Linear(64, 10, rng=2)),
])
def test_other_models_are_compressed_too(build):
    settings = Settings(epochs=4, every=5, lr=5e-3)
    found = compress(build(), loaders(), Budget(ratio=8), settings=settings)
    assert len(found.data) * 8 <= 4 * found.report.stages[0].parameters
    assert found.report.stages[-1].accuracy > 0.2


def test_a_budget_in_accuracy_gives_the_smallest_file_of_some_runs():
    model = models.mlp(in_features=64, hidden=20)
    found = compress(model, loaders(), Budget(drop=0.0), settings=QUICK)
    start, end = found.report.stages[0], found.report.stages[-1]
    assert end.accuracy >= start.accuracy and "smallest of 5 runs within a drop of 0.00%" in found.report.stopped


def test_a_search_for_a_budget_in_accuracy_that_was_stopped_goes_on_to_the_same_file(tmp_path, monkeypatch):
    model, fit, calls = models.mlp(in_features=64, hidden=20), train.fit, []
    fit(model, loaders()[0], optim.Adam(model.parameters(), lr=5e-3), epochs=4, progress=False)
    options = {"budget": Budget(drop=0.2), "settings": Settings(epochs=2, every=5, lr=5e-3)}

    def counted(*arguments, **others):
        calls.append(1)
        if len(calls) == last:
            raise KeyboardInterrupt
        return fit(*arguments, **others)

    monkeypatch.setattr(train, "fit", counted)
    last = None
    whole = compress(model, loaders(), **options)
    epochs, last = len(calls), len(calls) + 6
    with pytest.raises(KeyboardInterrupt):
        compress(model, loaders(), **options, checkpoint=tmp_path / "run.npz")
    resumed = compress(model, loaders(), **options, checkpoint=tmp_path / "run.npz")
    assert resumed.data == whole.data
    assert len(calls) - last < epochs - 3                                       # most of five epochs were not done again
    assert len(resumed.data) > 60 and all(path.name.startswith("run-") for path in tmp_path.iterdir())


def test_a_training_of_few_steps_keeps_no_more_weights_than_it_may():
    found = compress(models.mlp(in_features=64, hidden=20), loaders(), Budget(weights=200), settings=Settings(epochs=1))
    assert 0 < found.plan.nonzero <= 200


def test_a_budget_that_empties_a_layer_is_refused():
    with pytest.raises(ValueError, match="the budget is too small for this model"):
        compress(models.mlp(in_features=64, hidden=20), loaders(), Budget(weights=1), settings=QUICK)
