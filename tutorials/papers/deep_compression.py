"""Deep Compression on MNIST: prune, share weights, code, and count the bytes after each of the three.

    python tutorials/papers/deep_compression.py lenet-300-100       one network, one seed
    python tutorials/papers/deep_compression.py lenet-5
    python tutorials/papers/deep_compression.py --quick             a small network on the bundled digits, some seconds
    python tutorials/papers/deep_compression.py --draw              the page and its pictures, from the recorded results

Train; remove the smallest weights of each layer in rounds, with a retraining after each, until the paper's part of the layer is
left; let the weights that stay share 2^bits − 1 values, and train these values; write the gaps between the weights and the
numbers of their values as bits, once of a fixed width and once in Huffman's code. The bytes are those of real streams: they are
decoded again, and the test images are counted on the decoded weights.
Nothing is chosen by the test images. Each of the four networks (trained, pruned, shared, shared and trained) is tested once.

Writes results/deep_compression-NETWORK.json and the page (see deep_compression_page.py).
Sources: Han, Mao, Dally 2016 (arXiv 1510.00149); for the curve of errors against sparsity Han et al. 2015 (arXiv 1506.02626).
"""

import argparse
import copy
import time
from pathlib import Path
from typing import NamedTuple

import deep_compression_page as page
import numpy as np
from result import write_result

from nncompress import quantize
from nncompress.coding import code_lengths, decode, encode, from_relative, pack_bits, to_relative, unpack_bits
from nncompress.coding.huffman import pack_lengths, unpack_lengths
from nncompress.nnz.file import to_bytes
from nncompress.pruning import Masks, criterion_masks, magnitude_scores, prunable_weights, prune_in_rounds, prune_remaining
from nncompress.quantization import look_up, share_weights
from nnlite import data, models, nn, optim
from nnlite.train import evaluate, fit

HERE = Path(__file__).resolve().parent
BATCH, INDEX_BITS, DECAY = 64, 5, 5e-4
SPARSITIES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99)


class Recipe(NamedTuple):
    """How a network is built and trained: epochs of the training, of each round of pruning, of the codebook, of the curve."""

    build: object
    data: str
    keep: dict  # {layer: part of its weights that stays}
    bits: dict  # {layer: bits of a weight}
    epochs: int
    rounds: int
    again: int
    codebook: int
    curve: int  # 0: no curve


FC = {"keep": {"fc1": 0.08, "fc2": 0.09, "fc3": 0.26}, "bits": {"fc1": 6, "fc2": 6, "fc3": 6}}
CONV = {"keep": {"conv1": 0.66, "conv2": 0.12, "fc1": 0.08, "fc2": 0.19},
        "bits": {"conv1": 8, "conv2": 8, "fc1": 5, "fc2": 5}}
RECIPES = {
    "lenet-300-100": Recipe(lambda seed: models.lenet_300_100(seed=seed), "mnist", **FC, epochs=20, rounds=5, again=6,
                            codebook=4, curve=3),
    "lenet-5": Recipe(lambda seed: models.lenet_5(seed=seed), "mnist", **CONV, epochs=12, rounds=4, again=3, codebook=2,
                      curve=0),
    "quick": Recipe(lambda seed: models.lenet_300_100(64, width=0.3, seed=seed), "digits", **FC, epochs=8, rounds=3, again=3,
                    codebook=2, curve=1),
}


def shorter(recipe, part):
    """The recipe with this part of its epochs, at least one each; without a curve where it had none."""
    counts = {name: max(min(1, getattr(recipe, name)), round(part * getattr(recipe, name)))
              for name in ("epochs", "again", "codebook", "curve")}
    return recipe._replace(**counts)


class Task(NamedTuple):
    """A recipe with its images and its seed."""

    recipe: Recipe
    training: data.Dataset
    test: data.Dataset
    seed: int

    def loader(self):
        return data.DataLoader(self.training, BATCH, shuffle=True, seed=self.seed, transform=[data.ToFloat()])

    def errors(self, model):
        """How many test images are wrong."""
        return evaluate(model, data.DataLoader(self.test, 500, transform=[data.ToFloat()]))["errors"]


def train(task, model, epochs, lr, masks=None):
    """SGD with momentum and weight decay, as in the paper's Caffe, at a rate that falls along a cosine -> the history."""
    loader = task.loader()
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=DECAY)
    schedule = optim.CosineAnnealingLR(optimizer, epochs * len(loader))
    return fit(model, loader, optimizer, epochs, schedule=schedule, after_step=masks.apply if masks else None)


def prune(task, model):
    """Rounds that each remove the same part of what is left in a layer: after the last one its `keep` is left -> Masks."""
    recipe = task.recipe
    fractions = {f"{layer}.weight": 1 - keep ** (1 / recipe.rounds) for layer, keep in recipe.keep.items()}
    return prune_in_rounds(model, lambda masks: train(task, model, recipe.again, 0.01, masks), rounds=recipe.rounds,
                           fraction=fractions)[-1].masks


def share(task, model):
    """At most 2^bits − 1 values a layer: the code that is left means 0, which fillers have. Then these values are trained."""
    share_weights(model, {layer: 2**bits - 1 for layer, bits in task.recipe.bits.items()})
    untrained = task.errors(model)
    loader = task.loader()
    optimizer = optim.Adam(model.parameters(), lr=3e-4)
    schedule = optim.CosineAnnealingLR(optimizer, task.recipe.codebook * len(loader))
    fit(model, loader, optimizer, task.recipe.codebook, schedule=schedule)
    return untrained


def shared_layers(model):
    """{layer: (values, codes)} of a model that `share_weights` has changed; code i + 1 means values[i], code 0 means 0."""
    found = {}
    for name, layer in model.named_modules():
        if "parametrizations" in vars(layer):
            parametrized = layer.parametrizations["weight"]
            found[name] = parametrized.original.data, np.ascontiguousarray(parametrized[0].codes.data)
    return found


def huffman(symbols):
    """(table, bits) of symbols in Huffman's code, as bytes."""
    lengths = code_lengths(np.bincount(symbols))
    return pack_lengths(lengths), encode(symbols, lengths)


def streams(values, codes, bits):
    """The bytes of a layer, {name of the stream: bytes}: its values, then its codes and gaps in both forms."""
    gaps, entries = to_relative(codes.ravel(), INDEX_BITS)
    code_table, coded = huffman(entries)
    gap_table, coded_gaps = huffman(gaps)
    return {"values": values.tobytes(), "codes": pack_bits(entries, bits), "gaps": pack_bits(gaps, INDEX_BITS),
            "code table": code_table, "coded codes": coded, "gap table": gap_table, "coded gaps": coded_gaps}


def read_back(written, entries, bits, shape, coded):
    """The weight that the streams of a layer stand for, from the fixed or the coded form."""
    values, size = np.frombuffer(written["values"], np.float32), int(np.prod(shape))
    if coded:
        codes, gaps = (decode(written[f"coded {name}s"], unpack_lengths(written[f"{name} table"], 2**width)[0], entries)
                       for name, width in (("code", bits), ("gap", INDEX_BITS)))
    else:
        codes, gaps = (unpack_bits(written[name], width, entries) for name, width in (("codes", bits), ("gaps", INDEX_BITS)))
    return look_up(values, from_relative(gaps, codes, size).reshape(shape))


def measure(layer, values, codes, bits):
    """A row of the table: what is left of a layer, how many bits a stored entry takes, how many bytes each stream."""
    written = streams(values, codes, bits)
    entries = len(to_relative(codes.ravel(), INDEX_BITS)[0])
    for coded in (False, True):
        if not np.array_equal(read_back(written, entries, bits, codes.shape, coded), look_up(values, codes)):
            raise RuntimeError(f"{layer}: the streams do not give the weights back")
    size = {name: len(stream) for name, stream in written.items()}
    return {"layer": layer, "weights": codes.size, "kept": int(np.count_nonzero(codes)), "entries": entries, "bits": bits,
            "index_bits": INDEX_BITS, "coded_bits": round(8 * size["coded codes"] / entries, 3),
            "coded_index_bits": round(8 * size["coded gaps"] / entries, 3), "streams": size,
            "quantized": size["values"] + size["codes"] + size["gaps"],
            "coded": sum(size[name] for name in ("values", "code table", "coded codes", "gap table", "coded gaps"))}


def spread(w):
    """How many of the weights that are not 0 lie in each of 60 bins from −0.3 to 0.3, as one line of numbers."""
    counts, _ = np.histogram(w[w != 0], np.linspace(-0.3, 0.3, 61))
    return " ".join(map(str, counts))


def first_layer(mask):
    """How many neurons look at each pixel, a line of numbers for each row of the image; None for a convolution."""
    side = round(mask[0].size ** 0.5)
    return [" ".join(map(str, row)) for row in mask.sum(axis=0).reshape(side, side)] if mask.ndim == 2 else None


def run(task):
    """One network through all stages -> what the page needs."""
    recipe, errors, spreads = task.recipe, {}, {}
    model = recipe.build(task.seed)
    largest = max(recipe.keep, key=lambda layer: prunable_weights(model)[f"{layer}.weight"].size)
    train(task, model, recipe.epochs, 0.05)
    errors["trained"], spreads["trained"] = task.errors(model), spread(prunable_weights(model)[f"{largest}.weight"])
    curve = tradeoff(task, model, errors["trained"]) if recipe.curve else []
    at_once = criterion_masks(model, magnitude_scores, {f"{name}.weight": 1 - keep for name, keep in recipe.keep.items()})
    spreads["pruned at once"] = spread(prunable_weights(model)[f"{largest}.weight"] * at_once[f"{largest}.weight"])
    masks = prune(task, model)
    errors["pruned"], spreads["pruned in rounds"] = task.errors(model), spread(prunable_weights(model)[f"{largest}.weight"])
    errors["shared"] = share(task, model)
    errors["shared, trained"] = task.errors(model)
    rows = [measure(name, values, codes, recipe.bits[name]) for name, (values, codes) in shared_layers(model).items()]
    for layer in [layer for layer in model.modules() if "parametrizations" in vars(layer)]:
        nn.remove_parametrization(layer, "weight")
    some = data.DataLoader(task.training[:1000], 500, transform=[data.ToFloat()])
    plan = quantize(model, some, per="layer")
    biases = sum(parameter.size for name, parameter in model.named_parameters() if name.endswith("bias"))
    return {"images": len(task.test), "recipe": {name: each for name, each in recipe._asdict().items() if name != "build"},
            "errors": errors, "layers": rows, "biases": biases, "curve": curve, "spread": spreads, "spread_of": largest,
            "pixels": first_layer(next(iter(masks.values()))),
            "nnz": {"bytes": len(to_bytes(plan)), "errors": task.errors(plan)}}


def tradeoff(task, trained, errors):
    """Errors against sparsity, over all layers together: as pruned, retrained, and in rounds, each from the round before."""
    rows = [{"sparsity": 0.0, "pruned": errors, "retrained": errors, "in rounds": errors}]
    stepwise, masks = copy.deepcopy(trained), None
    for sparsity in SPARSITIES:
        at_once = copy.deepcopy(trained)
        whole = criterion_masks(at_once, magnitude_scores, sparsity, scope="global")
        whole.apply()
        row = {"sparsity": sparsity, "pruned": task.errors(at_once)}
        train(task, at_once, task.recipe.curve, 0.01, whole)
        masks = masks or Masks(stepwise, {name: w != 0 for name, w in prunable_weights(stepwise).items()})
        left = sum(mask.size for mask in masks.values()) * (1 - sparsity)
        masks = prune_remaining(masks, 1 - left / masks.count, scope="global")
        train(task, stepwise, task.recipe.curve, 0.01, masks)
        rows.append(row | {"retrained": task.errors(at_once), "in rounds": task.errors(stepwise)})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("network", nargs="?", choices=[name for name in RECIPES if name != "quick"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", type=float, default=1.0, help="this part of all epochs, for a shorter run (default: 1)")
    parser.add_argument("--data-dir", type=Path, help="folder with MNIST's four files")
    parser.add_argument("--out", type=Path, default=HERE, help="folder for results/, the page and its pictures")
    parser.add_argument("--quick", action="store_true", help="a small network on the bundled digits; no page")
    parser.add_argument("--draw", action="store_true", help="only the page and its pictures")
    arguments = parser.parse_args()
    if not (arguments.network or arguments.quick or arguments.draw):
        parser.error("a network, --quick or --draw is needed")
    if not arguments.draw:
        name, started = "quick" if arguments.quick else arguments.network, time.time()
        recipe = shorter(RECIPES[name], arguments.part)
        task = Task(recipe, *data.load(recipe.data, arguments.data_dir), arguments.seed)
        path = arguments.out / "results" / f"deep_compression-{name}.json"
        record = write_result(path, run(task), seed=arguments.seed, started=started)
        print(page.table(name, record))
    if not arguments.quick:
        page.write(arguments.out)


if __name__ == "__main__":
    main()
