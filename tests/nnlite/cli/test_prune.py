import numpy as np
import pytest

import nncompress
import nnlite
from nncompress.pruning import collect, criterion_masks, prunable_weights, taylor_scores
from nnlite import checkpoint, load
from nnlite.cli import parser, prune
from nnlite.cli.common import make_task


def zeros(path):
    """{layer: (weights that are 0, weights)}"""
    return {name: (int((w == 0).sum()), w.size) for name, w in prunable_weights(load(path)).items()}


def test_in_every_layer_exactly_the_share_is_zero_after_retraining(trained, result_of):
    result = result_of("prune", trained, "--sparsity", 0.8, "--epochs", 2, "--out", "p.npz")
    assert all(zero == round(0.8 * n) for zero, n in zeros("p.npz").values())
    masks, state = checkpoint.load_state("p.npz").masks, load("p.npz").state_dict()
    for name, mask in masks.items():
        np.testing.assert_array_equal(mask, state[name] != 0)
    assert result["nonzero"] == result["parameters"] - sum(zero for zero, _ in zeros("p.npz").values())


def test_global_scope_counts_all_layers_together(trained, result_of):
    result_of("prune", trained, "--sparsity", 0.7, "--scope", "global", "--epochs", 1, "--out", "p.npz")
    removed, all_of_them = map(sum, zip(*zeros("p.npz").values(), strict=True))
    assert removed == round(0.7 * all_of_them)
    assert len({round(zero / n, 2) for zero, n in zeros("p.npz").values()}) > 1


def test_retraining_brings_back_what_pruning_took(trained, result_of):
    before = result_of("prune", trained, "--sparsity", 0.8, "--epochs", 0, "--out", "p.npz")
    after = result_of("prune", trained, "--sparsity", 0.8, "--epochs", 4, "--out", "p.npz")
    assert after["errors"] < before["errors"]
    assert [row["epoch"] for row in checkpoint.load_state("p.npz").history] == [1, 2, 3, 4]


def test_filters_go_and_the_arrays_shrink(trained, result_of):
    before = result_of("evaluate", trained)
    after = result_of("prune", trained, "--filters", 0.5, "--epochs", 1, "--out", "p.npz")
    shapes = {name: w.shape for name, w in prunable_weights(load("p.npz")).items()}
    assert shapes == {
        "conv1.weight": (4, 1, 3, 3), "conv2.weight": (8, 4, 3, 3), "fc1.weight": (32, 32), "fc2.weight": (10, 32)}
    assert after["macs"] == 4 * 9 * 64 + 8 * 4 * 9 * 16 + 32 * 32 + 32 * 10 < before["macs"]
    assert after["parameters"] == 4 * 10 + 8 * 37 + 32 * 33 + 10 * 33
    assert after["file_bytes"] < before["file_bytes"] / 2


def test_what_was_zero_before_stays_zero(trained, result_of):
    result_of("prune", trained, "--sparsity", 0.9, "--epochs", 1, "--out", "p.npz")
    result_of("prune", "p.npz", "--sparsity", 0.5, "--epochs", 2, "--out", "q.npz")
    assert zeros("q.npz") == zeros("p.npz")


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_a_sparsity_of_1_leaves_only_the_biases(trained, result_of, scope):
    result = result_of("prune", trained, "--sparsity", 1, "--scope", scope, "--epochs", 1, "--out", "p.npz")
    assert all(zero == n for zero, n in zeros("p.npz").values())
    assert result["nonzero"] == 8 + 16 + 64 + 10


def test_taking_out_all_filters_leaves_one_in_each_layer(trained, result_of):
    result_of("prune", trained, "--filters", 1, "--epochs", 1, "--out", "p.npz")
    assert [w.shape[0] for w in prunable_weights(load("p.npz")).values()] == [1, 1, 1, 10]


def test_all_zero_layers_cannot_be_pruned_but_can_be_quantized(trained, run, result_of, error_of):
    assert run("prune", trained, "--sparsity", 1, "--epochs", 0, "--out", "p.npz").code == 0
    message = "conv1.weight: all 72 scores are zero, so nothing says which 36 to remove"
    assert error_of("prune", "p.npz", "--sparsity", 0.5) == message
    assert error_of("compress", "p.npz", "--sparsity", 0.5) == message
    assert error_of("prune", "p.npz", "--filters", 0.5).startswith("shrink: conv1: all 8 scores are zero")
    assert result_of("quantize", "p.npz", "--out", "p.nnz")["errors"] == result_of("evaluate", "p.npz")["errors"]


def test_integers_cannot_be_pruned(trained, error_of):
    assert "holds integers, which can be trained or quantized no further" in error_of("prune", trained.with_suffix(".nnz"))


# ---- what is pruned stays pruned


def removed(path, masks):
    """Whether the weights that the masks remove are 0 in a file."""
    state = load(path).state_dict()
    return all(not state[name][~mask].any() for name, mask in masks.items())


@pytest.fixture
def pruned(trained, run):
    """The masks in p.npz, a pruned model whose file holds weights that are not 0 where its masks remove them."""
    assert run("prune", trained, "--sparsity", 0.8, "--epochs", 0, "--out", "p.npz").code == 0
    masks, model = checkpoint.load_state("p.npz").masks, load(trained)
    nnlite.save("p.npz", model, masks=masks)
    assert not removed("p.npz", masks) and masks.keys() == prunable_weights(model).keys()
    return masks


@pytest.mark.parametrize("line", [
    "prune p.npz --sparsity 0.5 --epochs 1",
    "prune p.npz --sparsity 0.5 --scope row --epochs 1",
    "finetune p.npz --strategy all --epochs 2",
    "distill TRAINED --student p.npz --epochs 1",
])
def test_a_pruned_file_stays_pruned_in_every_command_and_its_masks_go_on(pruned, trained, run, line):
    words = [trained if word == "TRAINED" else word for word in line.split()]
    assert run(*words, "--out", "q.npz").code == 0
    if words[0] == "finetune":
        pruned.pop("fc2.weight")  # a new layer
    assert removed("q.npz", pruned)
    for name, mask in checkpoint.load_state("q.npz").masks.items():
        np.testing.assert_array_equal(mask, pruned[name])
    assert run(*words, "--dense", "--out", "dense.npz").code == 0
    assert not removed("dense.npz", pruned)


def test_a_pruned_file_stays_pruned_when_it_is_shrunk(pruned, run):
    assert run("prune", "p.npz", "--filters", 0.5, "--epochs", 1, "--out", "q.npz").code == 0
    masks, state = checkpoint.load_state("q.npz").masks, load("q.npz").state_dict()
    assert masks["conv2.weight"].shape == state["conv2.weight"].shape == (8, 4, 3, 3)
    assert removed("q.npz", masks) and all(0.5 < (~mask).mean() for mask in masks.values())


@pytest.mark.parametrize("command", [["quantize", "--bits", 8], ["compress", "--sparsity", 0, "--epochs", 1, "--bits", 8]])
def test_a_pruned_file_stays_pruned_in_integers(pruned, run, command):
    assert run(command[0], "p.npz", *command[1:], "--out", "p.nnz").code == 0
    layers = {step.name: step.w for step in nncompress.load("p.nnz").steps if step.w is not None}
    assert list(layers) == ["conv1", "conv2", "fc1", "fc2"]
    for name, w in layers.items():  # filters and neurons may stand in another order
        assert 0 < np.count_nonzero(w) <= np.count_nonzero(pruned[f"{name}.weight"])


def test_a_scope_is_about_single_weights(trained, error_of):
    assert error_of("prune", trained, "--filters", 0.5, "--scope", "global").startswith("--scope ranks single weights")
    assert error_of("prune", trained, "--pattern", "2:4", "--scope", "row").startswith("--scope ranks single weights")


# ---- criteria and patterns


def test_the_parser_names_the_criteria_that_there_are():
    assert parser.CRITERIA == tuple(prune.CRITERIA)


def test_each_criterion_chooses_other_weights_and_the_library_the_same(trained, run):
    model, found = load(trained), {}
    task = make_task("digits")
    chosen = np.random.default_rng(0).permutation(len(task.train))[:512]
    loader = [(task.prepared(task.train.images[chosen]), task.train.labels[chosen])]
    for name in ("magnitude", "taylor", "wanda", "obs", "random"):
        assert run("prune", trained, "--criterion", name, "--sparsity", 0.5, "--epochs", 0, "--out", "p.npz").code == 0
        found[name] = load("p.npz").state_dict()["fc1.weight"] != 0
        assert (~found[name]).sum() == round(0.5 * found[name].size)
    assert len({mask.tobytes() for mask in found.values()}) == 5
    masks = criterion_masks(model, taylor_scores, 0.5, collect(model, loader, what=["gradient"]))
    np.testing.assert_array_equal(found["taylor"], masks["fc1.weight"])


@pytest.mark.parametrize("criterion", ["fisher", "geometric-median"])
def test_filters_go_by_any_criterion(trained, run, criterion):
    line = ("prune", trained, "--filters", 0.5, "--criterion", criterion, "--epochs", 0, "--out", "p.npz")
    assert run(*line).code == 0
    assert load("p.npz").state_dict()["conv2.weight"].shape == (8, 4, 3, 3)


def test_of_four_neighbours_two_stay_and_a_layer_that_does_not_fit_is_named(trained, result_of):
    result = result_of("prune", trained, "--pattern", "2:4", "--epochs", 1, "--out", "p.npz")
    state = load("p.npz").state_dict()
    for name in ("conv2.weight", "fc1.weight", "fc2.weight"):
        by_fours = np.moveaxis(state[name], 1, -1).reshape(-1, 4)
        assert ((by_fours != 0).sum(axis=1) <= 2).all()
    assert (state["conv1.weight"] != 0).all()
    assert result["note"] == "conv1.weight (1): the inputs are not a multiple of 4, so nothing was removed there"


@pytest.mark.parametrize("options, message", [
    (["--pattern", "4:2"], "argument --pattern: keeps N of every M weights, 0 < N < M, as in 2:4, got 4:2 (see nnlite "
                           "prune --help)"),
    (["--pattern", "2:7"], "prune: the pattern 2:7 fits no layer, their inputs are conv1.weight 1, conv2.weight 8, "
                           "fc1.weight 64, fc2.weight 64"),
    (["--criterion", "geometric-median"], "--criterion geometric-median scores whole filters and not single weights: use it "
                                          "with --filters"),
])
def test_what_does_not_fit_is_refused(trained, error_of, options, message):
    assert error_of("prune", trained, *options) == message


def test_a_global_share_that_would_empty_a_layer_is_refused(trained, error_of):
    message = error_of("prune", trained, "--sparsity", 0.9999, "--scope", "global")
    assert message.startswith("prune: a sparsity of 0.9999 over all layers would remove all ")
    assert "leave some elsewhere" in message
