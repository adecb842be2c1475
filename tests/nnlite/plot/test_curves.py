import pytest
from pictures import HISTORY, curves

from nnlite import plot


def test_training_curves_show_loss_and_accuracy_in_percent_of_both_parts():
    loss, accuracy = plot.training_curves(HISTORY).axes
    epochs = [1, 2, 3, 4]
    assert curves(loss) == {
        "training": (epochs, [2, 1, 2 / 3, 0.5]),
        "validation": (epochs, [1.5, 0.75, 0.5, 1.0]),
        "lowest: 0.5 in epoch 3": ([3], [0.5]),
    }
    assert curves(accuracy) == {
        "training": (epochs, [60, 70, 80, 90]),
        "validation": (epochs, [60, 85, 80, 70]),
        "highest: 85 in epoch 2": ([2], [85]),
    }
    assert [axes.get_title("left") for axes in (loss, accuracy)] == ["Loss", "Accuracy (%)"]
    assert {axes.get_xlabel() for axes in (loss, accuracy)} == {"epoch"}
    assert [text.get_text() for text in loss.get_legend().get_texts()] == list(curves(loss))


def test_a_learning_rate_that_changes_has_its_own_panel():
    history = [row | {"lr": lr} for row, lr in zip(HISTORY, [0.1, 0.1, 0.05, 0.01], strict=True)]
    *_, rate = plot.training_curves(history).axes
    assert rate.get_title("left") == "Learning rate"
    assert curves(rate) == {"learning rate": ([1, 2, 3, 4], [0.1, 0.1, 0.05, 0.01])}
    assert rate.get_ylim()[0] == 0


def test_missing_keys_leave_out_points_lines_and_panels():
    (axes,) = plot.training_curves([{"loss": 3.0}, {}, {"epoch": 7, "loss": 1.0}, {"loss": float("nan")}]).axes
    assert curves(axes) == {"training": ([1, 7], [3, 1]), "lowest: 1 in epoch 7": ([7], [1])}
    loss, accuracy = plot.training_curves([{"loss": 3.0, "validation_accuracy": 0.5}, {"loss": 2.0}]).axes
    assert list(curves(loss)) == ["training", "lowest: 2 in epoch 2"]
    assert list(curves(accuracy)) == ["validation", "highest: 50 in epoch 1"]


def test_one_epoch_is_seen_as_a_point_at_a_whole_number():
    loss, _ = plot.training_curves(HISTORY[:1]).axes
    assert {line.get_marker() for line in loss.lines} == {"o"}
    assert [tick for tick in loss.get_xticks() if 0.5 <= tick <= 1.5] == [1]


@pytest.mark.parametrize("history", [[], [{}], [{"epoch": 1, "lr": 0.1}, {"epoch": 2, "lr": 0.2}]])
def test_a_history_without_loss_or_accuracy_is_refused(history):
    with pytest.raises(ValueError, match=f"none of the {len(history)} epochs has a loss or an accuracy"):
        plot.training_curves(history)
