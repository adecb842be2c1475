import numpy as np
import pytest

from nnlite.bench import ours, works
from nnlite.kernels.machine.memory import LINE

RUNGS = [("float32", rung) for rung in works.RUNGS["float32"]] + [("int8", rung) for rung in works.RUNGS["int8"]]


@pytest.mark.parametrize("arithmetic, rung", RUNGS)
def test_every_rung_computes_the_same_product(arithmetic, rung):
    work = {"do": "matmul", "M": 9, "K": 13, "N": 35, "rung": rung, "arithmetic": arithmetic}
    a, b = (x.astype(np.float64) for x in works.matrices_for(work))
    c = ours.prepare(work)()
    assert c.dtype == (np.float32 if arithmetic == "float32" else c.dtype) and c.dtype != np.int8
    np.testing.assert_allclose(c, a @ b, rtol=0, atol=14 * 2**-23 * (abs(a) @ abs(b)).max() if arithmetic == "float32" else 0)


@pytest.mark.parametrize("arithmetic, rung", [pair for pair in RUNGS if pair[1] != "BLAS"])
def test_every_rung_computes_the_same_convolution(arithmetic, rung):
    work = {"do": "conv", "N": 2, "C": 3, "O": 5, "size": 6, "rung": rung, "arithmetic": arithmetic}
    x, w = (array.astype(np.float64) for array in works.convolution_for(work))
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (1, 2))
    expected = np.einsum("nijcuv,uvco->nijo", windows, w[0])
    np.testing.assert_allclose(ours.prepare(work)(), expected, rtol=0, atol=1e-5 if arithmetic == "float32" else 0)


def test_room_behind_an_array_changes_nothing_in_it_and_it_begins_at_a_line_of_the_cache():
    x = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    roomy = ours.with_room(x)
    np.testing.assert_array_equal(roomy, x)
    behind = roomy.base.ctypes.data + roomy.base.nbytes - (roomy.ctypes.data + roomy.nbytes)
    assert roomy.flags.c_contiguous and behind >= 3 and roomy.ctypes.data % LINE == 0


def test_a_training_step_learns_its_batch():
    step = ours.prepare({"do": "train", "model": "mlp", "optimizer": "SGD", "batch": 8})
    losses = [step() for _ in range(50)]
    assert losses[0] == pytest.approx(np.log(10), rel=0.5) and losses[-1] < losses[0]


def test_int8_inference_stays_near_float32_and_says_the_same():
    float32, int8 = (ours.prepare(work)() for work in works.inference(["lenet-300-100"], [64])[0])
    assert float32.shape == int8.shape == (64, 10)
    assert np.abs(float32 - int8).max() < 0.1 * np.abs(float32).max()
    assert (float32.argmax(1) == int8.argmax(1)).mean() > 0.8
