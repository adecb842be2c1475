"""Entropy coding: arrays of small integers in, bytes out; nothing here knows about models.

Read in this order:
    bits        fields of a fixed width, packed without gaps
    sparse      mostly-zero arrays as gaps and values (Deep Compression, figure 2)
    huffman     frequent symbols get short codes
    streams     one array as bytes that say how they are coded: by bits or huffman, whichever is shorter
    arithmetic  a bit of probability p costs log2(1/p), also where that is far below one
    mixing      where the probabilities come from: contexts that count, and a mixer that learns
    layer       the contexts of a layer's weights
    sizes       one array in every coding, beside its entropy
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "bits": ["pack_bits", "packed_size", "unpack_bits"],
    "huffman": ["code_lengths", "codes", "decode", "encode", "entropy_bits"],
    "sizes": ["coded_sizes"],
    "sparse": ["best_index_bits", "from_relative", "relative_bits", "to_relative"],
    "streams": ["decode_stream", "encode_stream", "split_stream", "stream_budget"],
}, rooms=("arithmetic", "bits", "huffman", "layer", "mixing", "sizes", "sparse", "streams"))
