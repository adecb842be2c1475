import numpy as np
import pytest

from nncompress.nnz.file import from_bytes
from nncompress.search import Budget, Settings, compress, train_further
from nnlite import data, models, train
from nnlite import functional as F

QUICK = Settings(epochs=6, every=5, lr=5e-3)


def loaders():
    training, _ = data.load("digits")
    training, held_out = training[:600], training[600:800]
    return (data.DataLoader(training, 64, shuffle=True, seed=1, transform=data.ToFloat()),
            data.DataLoader(held_out, 200, transform=data.ToFloat()))


@pytest.fixture(scope="module")
def found():
    return compress(models.mlp(in_features=64, hidden=20), loaders(), Budget(bytes=700), settings=QUICK)


def test_what_is_removed_stays_removed_and_what_is_left_stays_on_its_grid(found):
    before = {name: p.data.copy() for name, p in found.model.named_parameters()}
    again = train_further(found, loaders(), Budget(bytes=700), epochs=3, lr=5e-3)
    moved = 0
    for name, p in again.model.named_parameters():
        assert not p.data[before[name] == 0].any()
        moved += np.count_nonzero(p.data != before[name])
        layer = name.split(".")[0]
        (step,) = {float(step.w_scale[0]) for step in found.plan.steps if step.name == layer}
        np.testing.assert_allclose(p.data / step, np.rint(p.data / step), atol=1e-5)
    assert moved > 20
    for name, p in found.model.named_parameters():
        np.testing.assert_array_equal(p.data, before[name])


def test_the_file_is_within_its_budget_again_and_scores_what_the_report_says(found):
    limit = 4 * len(found.data) // 5
    again = train_further(found, loaders(), Budget(bytes=limit), epochs=2, lr=5e-3)
    assert limit / 2 < len(again.data) <= limit
    scores = train.evaluate(from_bytes(again.data), loaders()[1])
    assert scores["errors"] == again.report.stages[-1].errors
    assert [stage.name for stage in again.report.stages] == ["start", "grid", "file"]


def test_the_loss_is_the_callers(found):
    """A loss that wants class 3 for every image: after some steps the network says nothing else."""
    again = train_further(found, loaders(), Budget(bytes=700), epochs=12, lr=5e-2,
                          loss=lambda logits, labels: F.cross_entropy(logits, np.full(len(labels), 3)))
    predicted, _ = train.predict(again.plan, loaders()[1])
    assert (predicted == 3).mean() > 0.9


def test_a_network_with_batch_norm_is_where_it_was_before_the_first_step():
    cnn = compress(models.resnet(in_channels=1, width=0.25), loaders(), Budget(ratio=8),
                   settings=Settings(epochs=4, every=5, lr=5e-3))
    again = train_further(cnn, loaders(), Budget(ratio=2), epochs=1, lr=1e-9)
    images, _ = next(iter(loaders()[1]))
    expected = cnn.plan(images)  # a code of an activation may lie one step away; a BatchNorm that learns again changes half
    np.testing.assert_allclose(again.plan(images), expected, atol=5e-3 * np.abs(expected).max())


def test_a_budget_in_accuracy_is_refused(found):
    with pytest.raises(ValueError, match=r"train_further: the budget is a drop of 1.00%, expected one in bytes or in weights"):
        train_further(found, loaders(), Budget(drop=0.01), epochs=1, lr=1e-3)
