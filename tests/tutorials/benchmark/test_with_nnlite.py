import numpy as np
from benchmark import with_nnlite, works

from nnlite.bench import ours


def test_a_shrunk_model_has_half_of_each_layers_filters():
    whole, small = (build({"model": "cnn", "batch": 1}).state_dict() for build in (ours.build, with_nnlite.shrunk))
    assert [small[f"{name}.weight"].shape[0] for name in ("conv1", "conv2", "fc1", "fc2")] == [8, 16, 64, 10]
    assert [whole[f"{name}.weight"].shape[0] for name in ("conv1", "conv2", "fc1", "fc2")] == [16, 32, 128, 10]


def test_a_pruned_layer_gives_the_same_from_both_forms():
    dense, sparse = (with_nnlite.prepare(work)() for work in works.pruned_layer())
    x, w = works.layer_for(works.pruned_layer()[0])
    for y in (dense, sparse):
        np.testing.assert_allclose(y, x.astype(np.float64) @ w.T.astype(np.float64), rtol=0, atol=1e-4)


def test_a_shrunk_models_inference_gives_logits_and_other_works_are_those_of_the_bench():
    whole = {"do": "infer", "model": "cnn", "arithmetic": "float32", "batch": 2}
    small = with_nnlite.prepare({**whole, "shrunk": True})()
    assert small.shape == (2, 10)
    np.testing.assert_array_equal(with_nnlite.prepare(whole)(), ours.prepare(whole)())
    assert not np.array_equal(small, with_nnlite.prepare(whole)())
