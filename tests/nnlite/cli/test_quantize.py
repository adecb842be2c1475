from functools import partial

import numpy as np
import pytest

import nncompress
import nnlite
from nncompress.nnz.file import to_bytes
from nncompress.quantization import bits_for_budget, equalize
from nncompress.quantization.observers import Entropy, MovingAverage, Percentile, SquaredError
from nncompress.quantization.rounding import adaround
from nnlite.cli import quantize as command
from nnlite.cli.common import make_task


def test_the_file_holds_the_model_in_integers(trained, result_of, tmp_path):
    result = result_of("quantize", trained, "--out", "q.nnz")
    assert result["file"] == "q.nnz" and result["arithmetic"] == "int8"
    assert result == result_of("evaluate", "q.nnz") | {"ms_per_image": result["ms_per_image"]}
    assert result["file_bytes"] == (tmp_path / "q.nnz").stat().st_size < trained.stat().st_size / 3
    plan, state = nncompress.load(tmp_path / "q.nnz"), nnlite.load(trained).state_dict()
    for step in plan.steps:
        if step.w is not None:  # each number is the nearest of its 255 steps
            w = state[f"{step.name}.weight"]
            scale = step.w_scale.reshape(-1, *[1] * (w.ndim - 1))
            assert (abs(step.w * scale - w) <= 0.5001 * scale).all()


def test_bits_and_law_are_those_that_were_asked_for(trained, result_of):
    sizes = []
    for bits in (8, 4):
        result = result_of("quantize", trained, "--bits", bits, "--law", "float", "--out", "q.nnz")
        sizes.append(result["file_bytes"])
        inspected = result_of("inspect", "q.nnz")
        assert inspected["law"] == "float" and {layer["bits"] for layer in inspected["layers"]} == {bits}
    assert sizes[1] < 0.7 * sizes[0]
    assert result_of("quantize", trained, "--law", "once", "--out", "q.nnz")["accuracy"] > 0.9
    assert result_of("inspect", "q.nnz")["law"] == "once"


def test_the_same_command_writes_the_same_bytes(trained, result_of, tmp_path):
    for name in ("a.nnz", "b.nnz"):
        result_of("quantize", trained, "--out", name)
    assert (tmp_path / "a.nnz").read_bytes() == (tmp_path / "b.nnz").read_bytes()
    assert (tmp_path / "a.nnz").read_bytes() == trained.with_suffix(".nnz").read_bytes()


def test_integers_cannot_be_quantized_again(trained, error_of):
    path = trained.with_suffix(".nnz")
    assert error_of("quantize", path) == (f"{path} holds integers, which can be trained or quantized no further; give the "
                                          ".npz file that it was made from")


@pytest.mark.parametrize("flags, options", [
    ("--observer average", {"observer": partial(MovingAverage, rate=0.1)}),
    ("--observer percentile", {"observer": Percentile}),
    ("--observer mse", {"observer": SquaredError}),
    ("--observer kl", {"observer": Entropy}),
    ("--bits 3 --bias-correction", {"bits": 3, "correct_bias": True}),
    ("--bits 3 --per layer", {"bits": 3, "per": "layer"}),
    ("--bits 3 --per layer --equalize", {"bits": 3, "per": "layer"}),
    ("--bits 2 --rounding adaround", {"bits": 2, "rounding": partial(adaround, steps=30)}),
])
def test_each_flag_is_the_library_s_option(flags, options, trained, result_of, tmp_path, monkeypatch):
    monkeypatch.setitem(command.ROUNDINGS, "adaround", partial(adaround, steps=30))
    assert result_of("quantize", trained, *flags.split(), "--no-names", "--out", "q.nnz")["accuracy"] > 0.2
    images, model = make_task("digits").calibration(0), nnlite.load(trained)
    usual = nncompress.quantize(model, images)
    model = equalize(model, images[:2]) if "--equalize" in flags else model
    batches = [images[i : i + 32] for i in range(0, 512, 32)] if "average" in flags else images
    expected = to_bytes(nncompress.quantize(model, batches, **options))
    assert (tmp_path / "q.nnz").read_bytes() == expected != to_bytes(usual)


def test_bias_correction_gives_more_right_answers_with_two_bits(trained, result_of):
    plain = result_of("quantize", trained, "--bits", 2, "--out", "q.nnz")
    assert result_of("quantize", trained, "--bits", 2, "--bias-correction", "--out", "q.nnz")["errors"] < plain["errors"]


def test_a_budget_gives_each_layer_its_bits(trained, run, result_of, monkeypatch):
    increases = {name: {2: loss, 8: 0.0} for name, loss in (("conv1", 9.0), ("conv2", 1.0), ("fc1", 2.0), ("fc2", 8.0))}
    monkeypatch.setattr(command, "bit_sensitivity", lambda *arguments, **options: increases)
    bits = result_of("quantize", trained, "--bits-for-budget", 3000, "--out", "q.nnz")["bits"]
    sizes = {"conv1": 8 * 9, "conv2": 16 * 8 * 9, "fc1": 64 * 64, "fc2": 64 * 10}
    assert bits == bits_for_budget(increases, sizes, 3000) == {"conv1": 8, "conv2": 8, "fc1": 2, "fc2": 8}
    assert run("quantize", trained, "--bits-for-budget", 3000, "--out", "q.nnz").out.endswith(
        "bits: conv1 8, conv2 8, fc1 2, fc2 8\n")
    assert {step.name: step.bits for step in nncompress.load("q.nnz").steps if step.w is not None} == bits


def test_the_loss_chooses_the_bits_of_a_budget(trained, result_of):
    sizes = np.array([8 * 9, 16 * 8 * 9, 64 * 64, 64 * 10])
    bits = result_of("quantize", trained, "--bits-for-budget", 3500, "--out", "q.nnz")["bits"]
    assert (np.ceil(sizes * list(bits.values()) / 8)).sum() <= 3500 and max(bits.values()) > min(bits.values())


@pytest.mark.parametrize("flags, sentence", [
    ("--equalize", "--equalize makes the channels of a layer fit one step; with --per channel each has its own"),
    ("--bits 8 --bits-for-budget 4000",
     "argument --bits-for-budget: not allowed with argument --bits (see nnlite quantize --help)"),
    ("--bits-for-budget 100", "--bits-for-budget 100: the weights take 1490 bytes with 2 bits each"),
    ("--bits-for-budget 0",
     "argument --bits-for-budget: has to be a whole number, 1 or more, got 0 (see nnlite quantize --help)"),
])
def test_what_cannot_be_is_one_sentence(flags, sentence, trained, error_of):
    assert error_of("quantize", trained, *flags.split(), "--out", "q.nnz") == sentence
