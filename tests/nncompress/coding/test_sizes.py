import numpy as np
import pytest

from nncompress.coding import coded_sizes


def test_the_sizes_of_a_worked_example():
    w = np.zeros(64, np.int8).reshape(4, 16)
    w[:, 3] = 1  # 4 ones, 60 zeros
    sizes = coded_sizes(w, 2)
    assert sizes["fixed width"] == 64 * 2 // 8
    assert sizes["entropy"] == pytest.approx((4 * 4 + 60 * np.log2(64 / 60)) / 8)
    assert sizes["Huffman"] == 64 // 8 + 5 + 1  # a bit each; the table: 5 bytes and two lengths of one bit
    # gaps 3, 15, 15, 15 in 4 bits, values in 2
    assert sizes["relative index"] == 4 * (4 + 2) // 8
    assert list(sizes) == ["entropy", "fixed width", "Huffman", "relative index", "relative, Huffman", "arithmetic"]


def test_contexts_beat_the_entropy_of_single_weights_and_huffman_does_not():
    rng = np.random.default_rng(0)
    p = np.outer(rng.choice([0.02, 0.6], 100), rng.choice([0.1, 1.0], 300))
    w = (rng.integers(1, 4, p.shape) * (rng.random(p.shape) < p)).astype(np.int8)
    sizes = coded_sizes(w, 3)
    assert sizes["arithmetic"] < 0.9 * sizes["entropy"] < sizes["entropy"] < sizes["Huffman"] < sizes["fixed width"]


@pytest.mark.parametrize("w", [np.full((2, 3), 4), np.zeros((0, 3), int)])
def test_weights_beyond_the_bits_are_refused(w):
    with pytest.raises(ValueError, match=r"coded_sizes: weights of shape .* do not fit 3 bits: they have to lie in -3\.\.3"):
        coded_sizes(w, 3)
