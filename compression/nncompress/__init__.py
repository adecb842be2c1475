"""nncompress: pruning, quantization, int8 inference and coding, all of it real: integers, bytes, milliseconds.

Rooms, in the order to read them:
    pruning        fewer weights, fewer filters
    lowrank        thin layers in the place of whole ones
    quantization   real numbers as small integers
    int8           inference with these integers
    coding         integers as few bits
    nnz            a compressed network as a file
    export_c       a compressed network as a C file for a small device
    search         the smallest file that meets a budget: all of it at once
    sparse         pruned layers run from their compressed form
    articles       the articles' formulas as they are written, and where they fall short
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "quantization.post_training": ["quantize"],
    "export_c.source": ["plan_to_c"],
    "int8.plan": ["Int8Plan"],
    "int8.product": ["matmul_int8", "pack_int8"],
    "nnz.file": ["inspect", "load", "save"],
    "search.budget": ["Budget"],
    "search.front": ["pareto"],
    "search.smallest_file": ["compress"],
}, rooms=("articles", "coding", "export_c", "int8", "lowrank", "nnz", "pruning", "quantization", "search", "sparse"))
