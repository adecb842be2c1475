"""What the command line accepts. Nothing heavy is imported here, so that `--help` answers at once."""

import argparse
from pathlib import Path

from nnlite import __version__

MODELS = ("cnn", "mlp", "lenet-300-100", "lenet-5", "resnet")
LAWS = ("fixed", "once", "float")
LAW = ("how sums are scaled back to 8 bits. fixed: in integers, rounded twice as gemmlowp does; once: in integers, rounded "
       "once, TensorFlow Lite's other way; float: in float32 as ONNX Runtime does (default: fixed)")
DATA = ("digits", "mnist", "fashion-mnist", "cifar10")
STRATEGIES = ("head", "features", "all", "rates", "gradual", "l2sp", "lora", "lp-ft")
SCORES = ("logme", "leep", "h-score")
LOSSES = ("hinton", "decoupled", "hints", "attention", "relational", "mutual")
FUSIONS = ("average", "rebasin", "greedy", "task", "ensemble")
OBSERVERS = ("minmax", "average", "percentile", "mse", "kl")
CRITERIA = ("magnitude", "squared", "geometric-median", "taylor", "fisher", "obd", "wanda", "obs", "random")


def build_parser():
    """The parser of `nnlite` and its commands; each command's module has the same name and a function `run(arguments)`."""
    parser = _Parser(prog="nnlite", description="Neural networks from scratch: train, compress, transfer.",
                     epilog="Begin with `nnlite demo`. Each command has its own --help with an example.")
    parser.add_argument("--version", action="version", version=f"nnlite {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_demo, _train, _prune, _quantize, _distill, _finetune, _transfer, _fuse, _compress, _evaluate, _predict,
                _inspect, _import, _export, _report, _bench):
        add(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, like every other error of the program."""
        self.exit(2, f"nnlite: error: {message} (see {self.prog} --help)\n")


def _command(commands, name, text, *examples):
    told = "\n".join(f"Example:  {example}" for example in examples)
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=told,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)  # the example stays on one line
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout instead of text")
    return parser


def _add_data(parser, name="--data", default="digits", told="digits, which is built in"):
    parser.add_argument(name, dest="data", type=_data, default=default, metavar="DATA",
                        help=f"{', '.join(DATA)}; or your own: a .npz file (images, labels), a folder of images for each class "
                        f"in a folder, a .csv file with a column `label` (default: {told})")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="directory with the data set's files")
    parser.add_argument("--classes", type=_class_numbers(2), metavar="LIST",
                        help="only these classes of the data set, as in 5,6,7,8,9")


def _add_no_names(parser):
    parser.add_argument("--no-names", action="store_true", help="leave the names of the classes and the normalization out of "
                        "the file: 10 bytes and the length of the names; `predict` then needs --data")


def _add_seed(parser):
    parser.add_argument("--seed", type=_seed, default=0, help="the same seed gives the same result, bit for bit (default: 0)")


def _add_dense(parser, what="the weights that are 0"):
    parser.add_argument("--dense", action="store_true", help=f"also train {what}; without --dense, pruned weights stay 0")


def _add_labels(parser, epochs):
    parser.add_argument("--labels-per-class", type=_whole(1), metavar="K",
                        help="train on K labelled images of each class, drawn by --seed (default: all)")
    parser.add_argument("--epochs", type=_whole(0),
                        help=f"0 trains nothing (default: {epochs}; with few images more, so that there are 200 steps)")


def _add_training(parser, epochs, lr):
    if epochs is not None:
        parser.add_argument("--epochs", type=_whole(0), default=epochs, help=f"0 trains nothing (default: {epochs})")
    parser.add_argument("--batch-size", type=_whole(1), default=64, help="(default: 64)")
    parser.add_argument("--lr", type=_positive, default=lr,
                        help=f"largest learning rate; it falls to 0 along a cosine (default: {lr})")
    _add_seed(parser)


def _add_file(parser, text="trained model (.npz)", own=False):
    parser.add_argument("file", type=Path, metavar="FILE", help=text)
    if own:
        _add_own(parser)


def _add_own(parser, name="--model", what="the model"):
    parser.add_argument(name, type=_own, metavar="FILE.py:NAME", help=f"where {what} is a class of your own: its file and "
                        "name, as in my_net.py:Net")


def _add_out(parser, default):
    parser.add_argument("--out", type=Path, default=Path(default), metavar="FILE", help=f"(default: {default})")


def _demo(commands):
    p = _command(commands, "demo",
                 "train, prune, quantize, code, distil and fine-tune a network on real digits in half a minute",
                 "nnlite demo --out my-demo")
    p.add_argument("--out", type=Path, default=Path("nnlite-demo"), metavar="DIR", help="(default: nnlite-demo)")
    p.add_argument("--seed", type=_seed, default=0, help="(default: 0)")


def _train(commands):
    p = _command(commands, "train", "train a model and write it to a file",
                 "nnlite train --model lenet-300-100 --epochs 10 --out model.npz")
    p.add_argument("--model", type=_model, default="cnn", metavar="MODEL", help=f"{', '.join(MODELS)}; or your own class in a "
                   "file, as in my_net.py:Net, which gets those of in_channels, image_size, in_features, classes, width and "
                   "seed that its parameters name (default: cnn, the first article's network)")
    p.add_argument("--width", type=_positive, default=1.0, help="multiplier of the number of filters and neurons (default: 1)")
    _add_data(p)
    _add_labels(p, epochs=20)
    _add_training(p, epochs=None, lr=0.02)
    p.add_argument("--resume", action="store_true", help="continue after the last complete epoch in --out, if the file exists; "
                   "all options except --epochs have to be those of the first run")
    _add_dense(p, "weights that are pruned in the resumed file")
    _add_out(p, "model.npz")


def _prune(commands):
    p = _command(commands, "prune", "remove weights, or whole filters and neurons, and retrain",
                 "nnlite prune model.npz --sparsity 0.9 --epochs 5 --out pruned.npz")
    _add_file(p, own=True)
    what = p.add_mutually_exclusive_group()
    what.add_argument("--sparsity", type=_fraction, default=0.9,
                      help="share of the weights that are set to 0; 1 leaves only the biases (default: 0.9)")
    what.add_argument("--filters", type=_fraction, metavar="SHARE",
                      help="instead of single weights: share of the filters and neurons to remove; the arrays become smaller")
    what.add_argument("--pattern", type=_pattern, metavar="N:M", help="instead of a share: keep N of every M weights that "
                      "follow each other along the inputs, such as 2:4; layers whose inputs M does not divide stay whole")
    p.add_argument("--criterion", choices=CRITERIA, default="magnitude", help="how much a weight matters; those of the lowest "
                   "scores go. From taylor to obs, it needs evidence, which is gathered from 512 training images; "
                   "geometric-median is for --filters only (default: magnitude)")
    p.add_argument("--scope", choices=("layer", "row", "global"), help="rank the weights within each layer, within "
                   "each row (the weights of one output), or over all layers together (default: layer)")
    _add_data(p)
    _add_training(p, epochs=5, lr=0.02)
    _add_dense(p)
    _add_out(p, "pruned.npz")


def _quantize(commands):
    p = _command(commands, "quantize", "turn a model into one that computes in 8-bit integers",
                 "nnlite quantize model.npz --bits 3 --rounding adaround --bias-correction --out model.nnz")
    _add_file(p, own=True)
    bits = p.add_mutually_exclusive_group()
    bits.add_argument("--bits", type=_whole(2, 8), help="bits of a weight, 2 to 8 (default: 8)")
    bits.add_argument("--bits-for-budget", type=_whole(1), metavar="BYTES", help="instead: 2 to 8 bits for each layer, so that "
                      "the loss rises least and all weights, before they are coded, take at most BYTES. Many times slower")
    p.add_argument("--per", choices=("channel", "layer"), default="channel",
                   help="one step of the weights for each output channel, or one for a whole layer (default: channel)")
    p.add_argument("--equalize", action="store_true", help="with --per layer: first bring the channels between two layers to "
                   "equal ranges; the model's output stays")
    p.add_argument("--observer", choices=OBSERVERS, default="minmax", help="the range of each activation. minmax: all that was "
                   "seen; average: a moving average of these over small batches; percentile: all but the last 0.01 percent on "
                   "each side; mse: least squared error; kl: least loss of information (default: minmax)")
    p.add_argument("--rounding", choices=("nearest", "adaround"), default="nearest", help="each weight becomes the nearest "
                   "integer, or the one above or below, whichever changes the layer's output least; adaround takes seconds to "
                   "minutes (default: nearest)")
    p.add_argument("--bias-correction", action="store_true",
                   help="the biases make up for the mean error of the rounded weights")
    p.add_argument("--law", choices=LAWS, default="fixed", help=LAW)
    _add_data(p)
    _add_seed(p)
    _add_no_names(p)
    _add_out(p, "model.nnz")


def _compress(commands):
    p = _command(commands, "compress", "prune, retrain, quantize and code a model into the smallest file",
                 "nnlite compress model.npz --sparsity 0.92 --bits 5 --out model.nnz",
                 "nnlite compress model.npz --target-bytes 4000")
    _add_file(p, own=True)
    budget = p.add_mutually_exclusive_group()
    budget.add_argument("--target-bytes", type=_whole(1), metavar="N", help="search: a file of at most N bytes")
    budget.add_argument("--target-ratio", type=_positive, metavar="R",
                        help="search: a file at least R times smaller than the parameters in float32")
    budget.add_argument("--max-drop", type=_fraction, metavar="P", help="search: the smallest file whose accuracy on held-out "
                        "training images is at most P below the model's; 0.01 is one percent. Takes five trainings")
    p.add_argument("--teacher", type=Path, nargs="+", metavar="FILE",
                   help="search: train on what these models (.npz) say on average, kept beside --out for all shifts")
    p.add_argument("--resume", action="store_true", help="search: go on after the last complete epoch of a stopped run")
    p.add_argument("--sparsity", type=_fraction, help="without a search: share of the weights that are set to 0, including "
                   "those that already are (default: 0.9)")
    p.add_argument("--bits", type=_whole(2, 8), help="without a search: bits of a weight, 2 to 8 (default: 6)")
    p.add_argument("--law", choices=LAWS, default="fixed", help=LAW)
    _add_data(p)
    p.add_argument("--epochs", type=_whole(0), help="(default: 5; for a search 20 or more, so that there are 3000 steps)")
    p.add_argument("--batch-size", type=_whole(1), default=64, help="(default: 64)")
    p.add_argument("--lr", type=_positive, help="largest learning rate (default: 0.02; for a search, which uses Adam, 0.002)")
    _add_seed(p)
    _add_dense(p)
    _add_no_names(p)
    _add_out(p, "model.nnz")


def _distill(commands):
    p = _command(commands, "distill", "train a small model on the outputs of a large one",
                 "nnlite distill model.npz --model lenet-300-100 --width 0.1 --out student.npz",
                 "nnlite distill model.npz --without 3 --alpha 1",
                 "nnlite distill model.npz --transfer-set noise")
    _add_file(p, "the teacher (.npz or .nnz)")
    p.add_argument("--model", type=_model, metavar="MODEL", help=f"the student: {', '.join(MODELS)}, or your own as in "
                   "my_net.py:Net (default: cnn)")
    _add_own(p, "--teacher-model", "the teacher")
    p.add_argument("--width", type=_positive, help="multiplier of its filters and neurons (default: 0.25)")
    p.add_argument("--student", type=Path, metavar="FILE", help="instead of a new student: train this one on (.npz)")
    p.add_argument("--loss", choices=LOSSES, default="hinton", help="hinton: the teacher's softened outputs; decoupled: these, "
                   "with the wrong classes weighted apart; hints: first a layer of the teacher, then hinton; attention, "
                   "relational: hinton, and where a layer is active, or how images lie to each other; mutual: student and "
                   "teacher train together, --out gets the student (default: hinton)")
    p.add_argument("--layers", type=_layers, metavar="PAIRS", help="for hints, attention and relational: the student's layer, "
                   "a colon, the teacher's, as in relu1:relu1,relu2:relu3 (relational without --layers: the outputs)")
    p.add_argument("--weight", type=_positive, help="of what attention (default: 10) or relational (default: 25) adds")
    p.add_argument("--temperature", type=_between(1e-3, 1e3), default=4.0, help="(default: 4)")
    p.add_argument("--alpha", type=_fraction, help="the teacher's share of the loss (default: 0.9; 1 without labels)")
    p.add_argument("--transfer-set", type=_transfer_set, metavar="SET", help="what the student learns from instead of --data: "
                   "noise, or the images of another data set, as --data names one; only the teacher says what is on them")
    p.add_argument("--without", type=_class_numbers(1), metavar="LIST", help="classes of --data that the student never sees, "
                   "as in 3; the teacher may still say how much an image is like them")
    p.add_argument("--picture", type=Path, metavar="FILE", help="draw the training curves (.svg or .png)")
    _add_data(p)
    _add_training(p, epochs=20, lr=0.02)
    _add_dense(p, "weights that are 0 in --student")
    _add_out(p, "student.npz")


def _finetune(commands):
    p = _command(commands, "finetune", "train a model on another task, with a new last layer",
                 "nnlite finetune model.npz --classes 5,6,7,8,9 --labels-per-class 10 --out finetuned.npz",
                 "nnlite finetune model.npz --classes 5,6,7,8,9 --strategy lora --rank 2 --baselines --picture bars.png")
    _add_file(p, own=True)
    _add_tuning(p, "--data")


def _add_tuning(parser, data):
    parser.add_argument("--strategy", choices=STRATEGIES, default="gradual", help="head: only the new layer; features: the "
                        "same, each image passes through the other layers once; all: all layers; rates: all, each 2.6 times "
                        "slower than the one above it; gradual: first the new layer, then one more layer in each epoch; l2sp: "
                        "all, pulled towards the pretrained weights; lora: small adapters beside the pretrained weights; "
                        "lp-ft: half of the epochs the new layer, then all (default: gradual)")
    parser.add_argument("--decay", type=_fraction, help="learning rate of each layer ÷ learning rate of the layer above it "
                        "(default: 1)")
    parser.add_argument("--rank", type=_whole(1), help="of lora's adapters (default: 4)")
    parser.add_argument("--baselines", action="store_true", help="also train from the beginning, and the new layer alone, "
                        "for comparison")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the result (.svg or .png)")
    _add_data(parser, data)
    _add_labels(parser, epochs=10)
    _add_training(parser, epochs=None, lr=0.02)
    _add_dense(parser)
    _add_out(parser, "finetuned.npz")


def _transfer(commands):
    p = _command(commands, "transfer", "choose the pretrained model that suits a data set best, and fine-tune it",
                 "nnlite transfer a.npz b.npz --target digits --classes 5,6,7,8,9 --labels-per-class 10 --out finetuned.npz")
    p.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="pretrained models (.npz)")
    _add_own(p)
    p.add_argument("--by", choices=SCORES, default="logme", help="the score that chooses (default: logme)")
    _add_tuning(p, "--target")


def _fuse(commands):
    p = _command(commands, "fuse", "make one model out of several of the same architecture",
                 "nnlite fuse a.npz b.npz --method rebasin --out fused.npz",
                 "nnlite fuse a.npz b.npz --method task --pretrained model.npz --scale 0.5")
    p.add_argument("files", type=Path, nargs="+", metavar="FILE", help="trained models (.npz)")
    _add_own(p)
    p.add_argument("--method", choices=FUSIONS, default="average", help="average: the mean of all weights, for models that "
                   "were fine-tuned from one; rebasin: the same, after the neurons of each are put in the order of the first "
                   "one's; greedy: the mean of those that do no harm on every tenth training image; task: what the "
                   "fine-tunings of --pretrained have changed, added up; ensemble: the first model, trained on by what all of "
                   "them say (default: average)")
    p.add_argument("--pretrained", type=Path, metavar="FILE", help="task: the model that the files were fine-tuned from (.npz)")
    p.add_argument("--scale", type=_between(-100, 100), default=1.0, help="task: factor of what is added; below 0, the tasks "
                   "are forgotten (default: 1)")
    p.add_argument("--picture", type=Path, metavar="FILE", help="draw the accuracies (.svg or .png)")
    _add_data(p)
    p.add_argument("--epochs", type=_whole(0), help="ensemble: how long the first model is trained on (default: 5)")
    _add_training(p, epochs=None, lr=0.01)
    _add_out(p, "fused.npz")


def _evaluate(commands):
    p = _command(commands, "evaluate", "measure a file: accuracy on the test part, size, time",
                 "nnlite evaluate model.nnz --json")
    _add_file(p, "model (.npz or .nnz)", own=True)
    _add_data(p)


def _predict(commands):
    p = _command(commands, "predict", "name the class of each image, with its probability",
                 "nnlite predict model.npz shapes/circle/1.png shapes/cross/2.png")
    _add_file(p, "model (.npz or .nnz)", own=True)
    p.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help=".png or .jpg, of the size that the model takes")
    _add_data(p, default=None, told="what the file says")


def _inspect(commands):
    p = _command(commands, "inspect", "show what is in a file, and what its bytes are spent on", "nnlite inspect model.nnz")
    _add_file(p, "model (.npz or .nnz)")


def _import(commands):
    p = _command(commands, "import", "make an .npz file of an ONNX file, or of weights that another program has trained",
                 "nnlite import weights.safetensors --model my_net.py:Net --data shapes --out model.npz")
    _add_file(p, "an .onnx file, or a state dict: .safetensors, or .npz as np.savez writes it")
    p.add_argument("--model", type=_model, metavar="MODEL", help=f"of a state dict: {', '.join(MODELS)}, or your own class in "
                   "a file, as in my_net.py:Net; its names and shapes have to be those of the file")
    p.add_argument("--width", type=_positive, help="multiplier of --model's filters and neurons (default: 1)")
    p.add_argument("--partial", action="store_true", help="take what has the same name on both sides, and list the rest")
    _add_data(p, default=None, told="none")
    p.add_argument("--shape", type=_sizes, metavar="C,H,W", help="instead of --data: the shape of an image")
    p.add_argument("--names", type=_names, metavar="LIST", help="the names of the classes, with commas between")
    p.add_argument("--mean", type=_numbers, metavar="LIST", help="of each channel, of pixels ÷ 255, or one for all")
    p.add_argument("--std", type=_numbers, metavar="LIST", help="by which x − mean is divided")
    _add_out(p, "model.npz")


def _export(commands):
    p = _command(commands, "export", "write a model as a file that other programs run: ONNX (.npz: float32; .nnz: integers), "
                 "C for a small device (.nnz), or safetensors (.npz)",
                 "nnlite export model.npz --out model.onnx\nExample:  nnlite export model.nnz --out model.c --flash")
    _add_file(p, "model (.npz or .nnz)", own=True)
    p.add_argument("--data", type=_data, metavar="DATA",
                   help="the data set whose images the model takes (default: what the file says, else digits)")
    weights = p.add_mutually_exclusive_group()
    weights.add_argument("--ram", action="store_true", help="C: the weights are plain numbers in flash, and memory holds "
                         "only results: the least RAM, and fast (the default)")
    weights.add_argument("--flash", action="store_true", help="C: the weights stay packed in flash as in the .nnz file, and "
                         "are unpacked row by row in each run: the least flash, more RAM, slower; compiled with "
                         "-DNNLITE_UNPACK, the first run keeps them in RAM")
    p.add_argument("--out", type=Path, default=Path("model.onnx"), metavar="FILE",
                   help="ends in .onnx, .c or .safetensors, which chooses the format (default: model.onnx)")


def _report(commands):
    p = _command(commands, "report", "write one HTML page about some model files, with tables and plots",
                 "nnlite report model.npz pruned.npz model.nnz --out report.html")
    p.add_argument("files", type=Path, nargs="+", metavar="FILE", help="models (.npz or .nnz)")
    _add_own(p)
    _add_data(p)
    _add_out(p, "report.html")


def _bench(commands):
    p = _command(commands, "bench", "time kernels, training and inference on this machine",
                 "nnlite bench --out bench.json --picture roofline.svg")
    p.add_argument("--model", choices=MODELS, action="append", help="may be given several times (default: all but mlp)")
    p.add_argument("--threads", type=_whole(1), metavar="N", help="(default: all cores)")
    p.add_argument("--seconds", type=_positive, default=0.25, help="time spent on each figure (default: 0.25)")
    p.add_argument("--out", type=Path, metavar="FILE", help="also write all figures to this file (JSON)")
    p.add_argument("--picture", type=Path, metavar="FILE", help="draw a roofline picture (.svg or .png)")


def _number(text):
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _positive(text):
    if not 0 < _number(text) < float("inf"):
        raise argparse.ArgumentTypeError(f"has to be a number above 0, got {text}")
    return float(text)


def _between(least, most):
    def convert(text):
        if not least <= _number(text) <= most:
            raise argparse.ArgumentTypeError(f"has to be a number from {least:g} to {most:g}, got {text}")
        return float(text)

    return convert


def _fraction(text):
    if not 0 <= _number(text) <= 1:
        raise argparse.ArgumentTypeError(f"has to be a number from 0 to 1, got {text}")
    return float(text)


def _pattern(text):
    n, _, m = text.partition(":")
    if not (n.isdecimal() and m.isdecimal() and len(text) < 20 and 0 < int(n) < int(m)):
        raise argparse.ArgumentTypeError(f"keeps N of every M weights, 0 < N < M, as in 2:4, got {text[:40]}")
    return int(n), int(m)


def _whole(least, most=None, limit=10**9):
    """A converter for whole numbers from `least` to `most`; without a `most`, up to `limit`."""
    def convert(text):
        try:
            value = int(text)
        except ValueError:  # also for more than 4300 digits
            value = limit + 1 if text.isdecimal() else least - 1
        if not least <= value <= (limit if most is None else most):
            limits = f"{least} or more" if value < least else f"at most {limit}"
            limits = limits if most is None else f"from {least} to {most}"
            raise argparse.ArgumentTypeError(f"has to be a whole number, {limits}, got {text[:40]}")
        return value

    return convert


def _data(text, others=""):
    if text not in DATA and Path(text).suffix.lower() not in (".npz", ".csv") and not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"has to be {others}one of {', '.join(DATA)}, or a .npz file, a .csv file or a "
                                         f"folder, got {text[:80]!r}")
    return text


def _model(text):
    if text not in MODELS:
        return _own(text, f"one of {', '.join(MODELS)}, or ")
    return text


def _own(text, others=""):
    file, _, name = text.rpartition(":")
    if not (file.endswith(".py") and name.isidentifier()):
        raise argparse.ArgumentTypeError(f"has to be {others}a class in a Python file, as in my_net.py:Net, got {text[:80]!r}")
    return text


def _names(text):
    names = [name.strip() for name in text.split(",")]
    if len(set(names)) < len(names) or len(names) < 2 or not all(names):
        raise argparse.ArgumentTypeError(f"has to be two or more different names with commas between, got {text[:80]!r}")
    return names


def _numbers(text):
    numbers = [_number(part) for part in text.split(",")]
    if not all(abs(number) < 1e30 for number in numbers):
        raise argparse.ArgumentTypeError(f"has to be numbers with commas between, as in 0.49,0.48,0.45, got {text[:80]!r}")
    return numbers


def _sizes(text):
    sizes = text.split(",")
    if len(sizes) not in (1, 3) or not all(size.isdecimal() and 0 < int(size[:9]) < 2**20 for size in sizes):
        raise argparse.ArgumentTypeError("has to be C,H,W, as in 1,28,28, or one number for rows of a table, got "
                                         f"{text[:80]!r}")
    return tuple(map(int, sizes))


def _seed(text):
    return _whole(0, limit=2**64 - 1)(text)


def _layers(text):
    pairs = [pair.split(":") for pair in text.split(",")]
    if not all(len(pair) == 2 and all(pair) for pair in pairs):
        raise argparse.ArgumentTypeError("has to be pairs of layers, the student's first, as in relu1:relu1,relu2:relu3, got "
                                         f"{text[:40]}")
    if len({student for student, _ in pairs}) < len(pairs):
        raise argparse.ArgumentTypeError(f"has a layer of the student twice: {text[:40]}")
    return dict(pairs)


def _transfer_set(text):
    return text if text == "noise" else _data(text, "noise or ")


def _class_numbers(least):
    def convert(text):
        try:
            classes = [int(part) for part in text.split(",")]
        except ValueError:
            raise argparse.ArgumentTypeError(f"has to be class numbers with commas between, as in 5,6,7, got {text}") from None
        if len(set(classes)) != len(classes) or len(classes) < least:
            raise argparse.ArgumentTypeError(f"has to be {('one', 'two')[least - 1]} or more different classes, got {text}")
        return classes

    return convert
