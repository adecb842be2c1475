"""One array of weights in every coding of this room, beside the bound that no code of single symbols can beat."""

import numpy as np

from nncompress.coding.arithmetic import Coder
from nncompress.coding.bits import packed_size
from nncompress.coding.huffman import code_lengths, entropy_bits, pack_lengths
from nncompress.coding.layer import code_weights
from nncompress.coding.sparse import best_index_bits, relative_bits, to_relative


def coded_sizes(w, bits, W=1, H=1):
    """How many bytes the integer weights w (O, …), |w| < 2^(bits−1), take in each coding -> {coding: bytes}.

        entropy              N · H / 8, H by `entropy_bits`: the bound for codes that see one weight at a time
        fixed width          N · bits / 8
        Huffman              Σ count · length / 8, and the table of lengths
        relative index       gaps of the best width, and values of `bits` bits
        relative, Huffman    gaps and values in Huffman's code, with both tables, for the best width of a gap
        arithmetic           bit by bit with contexts (`layer`), inputs in maps of H × W; it may go below the entropy

    N is the number of weights.   Errors: ValueError for weights that do not fit the bits, and for none at all.

    >>> w = np.zeros((40, 100), np.int8)
    >>> w[::2, ::10] = 1
    >>> sizes = coded_sizes(w, bits=3)
    >>> sizes["fixed width"], sizes["entropy"] < 0.29 * 4000 / 8, sizes["arithmetic"] < 80
    (1500, True, True)
    """
    w, offset = np.asarray(w), 2 ** (bits - 1)
    if w.size == 0 or np.abs(w.astype(np.int64)).max() >= offset:
        raise ValueError(f"coded_sizes: weights of shape {w.shape} from {w.min(initial=0)} to {w.max(initial=0)} do not fit "
                         f"{bits} bits: they have to lie in {1 - offset}..{offset - 1}")
    flat = w.reshape(-1).astype(np.int64)
    index_bits = best_index_bits(flat, bits)
    coder = Coder(parts=4)
    code_weights(coder, w.reshape(len(w), -1).astype(np.int8), int(np.abs(flat).max()), W, H)
    return {
        "entropy": entropy_bits(np.bincount((flat + offset).astype(np.intp))) * flat.size / 8,
        "fixed width": packed_size(flat.size, bits),
        "Huffman": _huffman(flat + offset),
        "relative index": packed_size(relative_bits(flat, index_bits, bits), 1),
        "relative, Huffman": min(_relative_huffman(flat, width, offset) for width in range(1, 9)),
        "arithmetic": len(coder.finish()),
    }


def _huffman(symbols):
    """Bytes of symbols in Huffman's code, with its table."""
    if symbols.size == 0:
        return 0
    counts = np.bincount(symbols.astype(np.intp))
    lengths = code_lengths(counts)
    return len(pack_lengths(lengths)) + packed_size(int(counts @ lengths), 1)


def _relative_huffman(flat, index_bits, offset):
    gaps, values = to_relative(flat, index_bits)
    return _huffman(gaps.astype(np.int64)) + _huffman(values + offset)
