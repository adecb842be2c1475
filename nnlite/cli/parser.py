"""What the command line accepts. Nothing heavy is imported here, so that `--help` answers at once."""

from pathlib import Path

from nnlite import __version__
from nnlite.cli import converters as to
from nnlite.cli.choices import CRITERIA, FUSIONS, LAW, LAWS, LOSSES, MODELS, OBSERVERS, SCORES, STRATEGIES
from nnlite.cli.options import (
    Parser,
    add_data,
    add_dense,
    add_file,
    add_labels,
    add_no_names,
    add_out,
    add_own,
    add_seed,
    add_training,
    command,
)


def build_parser():
    """The parser of `nnlite` and its commands; each command's module has the same name and a function `run(arguments)`."""
    parser = Parser(prog="nnlite", description="Neural networks from scratch: train, compress, transfer.",
                    epilog="Begin with `nnlite demo`. Each command has its own --help with an example.")
    parser.add_argument("--version", action="version", version=f"nnlite {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_demo, _train, _prune, _quantize, _distill, _finetune, _transfer, _fuse, _compress, _evaluate, _predict,
                _inspect, _import, _export, _report, _bench):
        add(commands)
    return parser


def _demo(commands):
    p = command(commands, "demo",
                "train, prune, quantize, code, distil and fine-tune a network on real digits in half a minute",
                "nnlite demo --out my-demo")
    p.add_argument("--out", type=Path, default=Path("nnlite-demo"), metavar="DIR", help="(default: nnlite-demo)")
    p.add_argument("--seed", type=to.seed, default=0, help="(default: 0)")


def _train(commands):
    p = command(commands, "train", "train a model and write it to a file",
                "nnlite train --model lenet-300-100 --epochs 10 --out model.npz",
                "nnlite train --data shapes --out model.npz")
    p.add_argument("--model", type=to.model, default="cnn", metavar="MODEL", help=f"{', '.join(MODELS)}; or your own class in "
                   "a file, as in my_net.py:Net, which gets those of in_channels, image_size, in_features, classes, width and "
                   "seed that its parameters name (default: cnn, the first article's network)")
    p.add_argument("--width", type=to.positive, default=1.0,
                   help="multiplier of the number of filters and neurons (default: 1)")
    add_data(p)
    add_labels(p, epochs=20)
    add_training(p, epochs=None, lr=0.02)
    p.add_argument("--resume", action="store_true", help="continue after the last complete epoch in --out, if the file exists; "
                   "all options except --epochs have to be those of the first run")
    add_dense(p, "weights that are pruned in the resumed file")
    add_out(p, "model.npz")


def _prune(commands):
    p = command(commands, "prune", "remove weights, or whole filters and neurons, and retrain",
                "nnlite prune model.npz --sparsity 0.9 --epochs 5 --out pruned.npz")
    add_file(p, own=True)
    what = p.add_mutually_exclusive_group()
    what.add_argument("--sparsity", type=to.fraction, default=0.9,
                      help="share of the weights that are set to 0; 1 leaves only the biases (default: 0.9)")
    what.add_argument("--filters", type=to.fraction, metavar="SHARE",
                      help="instead of single weights: share of the filters and neurons to remove; the arrays become smaller")
    what.add_argument("--pattern", type=to.pattern, metavar="N:M", help="instead of a share: keep N of every M weights that "
                      "follow each other along the inputs, such as 2:4; layers whose inputs M does not divide stay whole")
    p.add_argument("--criterion", choices=CRITERIA, default="magnitude", help="how much a weight matters; those of the lowest "
                   "scores go. From taylor to obs, it needs evidence, which is gathered from 512 training images; "
                   "geometric-median is for --filters only (default: magnitude)")
    p.add_argument("--scope", choices=("layer", "row", "global"), help="rank the weights within each layer, within "
                   "each row (the weights of one output), or over all layers together (default: layer)")
    add_data(p)
    add_training(p, epochs=5, lr=0.02)
    add_dense(p)
    add_out(p, "pruned.npz")


def _quantize(commands):
    p = command(commands, "quantize", "turn a model into one that computes in 8-bit integers",
                "nnlite quantize model.npz --bits 3 --rounding adaround --bias-correction --out model.nnz")
    add_file(p, own=True)
    bits = p.add_mutually_exclusive_group()
    bits.add_argument("--bits", type=to.whole(2, 8), help="bits of a weight, 2 to 8 (default: 8)")
    bits.add_argument("--bits-for-budget", type=to.whole(1), metavar="BYTES", help="instead: 2 to 8 bits for each layer, so "
                      "that the loss rises least and all weights, before they are coded, take at most BYTES. Many times slower")
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
    add_data(p)
    add_seed(p)
    add_no_names(p)
    add_out(p, "model.nnz")


def _compress(commands):
    p = command(commands, "compress", "prune, retrain, quantize and code a model into the smallest file",
                "nnlite compress model.npz --sparsity 0.92 --bits 5 --out model.nnz",
                "nnlite compress model.npz --data shapes --target-bytes 4000")
    add_file(p, own=True)
    budget = p.add_mutually_exclusive_group()
    budget.add_argument("--target-bytes", type=to.whole(1), metavar="N", help="search: a file of at most N bytes")
    budget.add_argument("--target-ratio", type=to.positive, metavar="R",
                        help="search: a file at least R times smaller than the parameters in float32")
    budget.add_argument("--max-drop", type=to.fraction, metavar="P", help="search: the smallest file whose accuracy on "
                        "held-out training images is at most P below the model's: 0.01 allows 97%% where the model has 98%%. "
                        "Takes five trainings")
    p.add_argument("--teacher", type=Path, nargs="+", metavar="FILE",
                   help="search: train on what these models (.npz) say on average, kept beside --out for all shifts")
    p.add_argument("--resume", action="store_true", help="search: go on after the last complete epoch of a stopped run")
    p.add_argument("--sparsity", type=to.fraction, help="without a search: share of the weights that are set to 0, including "
                   "those that already are (default: 0.9)")
    p.add_argument("--bits", type=to.whole(2, 8), help="without a search: bits of a weight, 2 to 8 (default: 6)")
    p.add_argument("--law", choices=LAWS, default="fixed", help=LAW)
    add_data(p)
    p.add_argument("--epochs", type=to.whole(0), help="(default: 5; for a search 20 or more, so that there are 3000 steps)")
    p.add_argument("--batch-size", type=to.whole(1), default=64, help="(default: 64)")
    p.add_argument("--lr", type=to.positive, help="largest learning rate (default: 0.02; for a search, which uses Adam, 0.002)")
    add_seed(p)
    add_dense(p)
    add_no_names(p)
    add_out(p, "model.nnz")


def _distill(commands):
    p = command(commands, "distill", "train a small model on the outputs of a large one",
                "nnlite distill model.npz --model lenet-300-100 --width 0.1 --out student.npz",
                "nnlite distill model.npz --without 3 --alpha 1",
                "nnlite distill model.npz --transfer-set noise")
    add_file(p, "the teacher (.npz or .nnz)")
    p.add_argument("--model", type=to.model, metavar="MODEL", help=f"the student: {', '.join(MODELS)}, or your own as in "
                   "my_net.py:Net (default: cnn)")
    add_own(p, "--teacher-model", "the teacher")
    p.add_argument("--width", type=to.positive, help="multiplier of its filters and neurons (default: 0.25)")
    p.add_argument("--student", type=Path, metavar="FILE", help="instead of a new student: train this one on (.npz)")
    p.add_argument("--loss", choices=LOSSES, default="hinton", help="hinton: the teacher's softened outputs; decoupled: these, "
                   "with the wrong classes weighted apart; hints: first a layer of the teacher, then hinton; attention, "
                   "relational: hinton, and where a layer is active, or how images lie to each other; mutual: student and "
                   "teacher train together, --out gets the student (default: hinton)")
    p.add_argument("--layers", type=to.layers, metavar="PAIRS", help="for hints, attention and relational: the student's "
                   "layer, a colon, the teacher's, as in relu1:relu1,relu2:relu3 (relational without --layers: the outputs)")
    p.add_argument("--weight", type=to.positive, help="of what attention (default: 10) or relational (default: 25) adds")
    p.add_argument("--temperature", type=to.between(1e-3, 1e3), help="by which logits are divided; not for mutual (default: 4)")
    p.add_argument("--alpha", type=to.fraction,
                   help="the teacher's share of the loss; not for mutual (default: 0.9; 1 without labels)")
    p.add_argument("--transfer-set", type=to.transfer_set, metavar="SET", help="what the student learns from instead of "
                   "--data: noise, or the images of another data set, as --data names one; only the teacher says what is on "
                   "them")
    p.add_argument("--without", type=to.class_numbers(1), metavar="LIST", help="classes of --data that the student never sees, "
                   "as in 3; the teacher may still say how much an image is like them")
    p.add_argument("--picture", type=Path, metavar="FILE", help="draw the training curves (.svg or .png)")
    add_data(p)
    add_training(p, epochs=20, lr=0.02)
    add_dense(p, "weights that are 0 in --student")
    add_out(p, "student.npz")


def _finetune(commands):
    p = command(commands, "finetune", "train a model on another task, with a new last layer",
                "nnlite finetune model.npz --classes 5,6,7,8,9 --labels-per-class 10 --out finetuned.npz",
                "nnlite finetune model.npz --classes 5,6,7,8,9 --strategy lora --rank 2 --baselines --picture bars.png")
    add_file(p, own=True)
    _add_tuning(p, "--data")


def _add_tuning(parser, data):
    parser.add_argument("--strategy", choices=STRATEGIES, default="gradual", help="head: only the new layer; features: the "
                        "same, each image passes through the other layers once; all: all layers; rates: all, each 2.6 times "
                        "slower than the one above it; gradual: first the new layer, then one more layer in each epoch; l2sp: "
                        "all, pulled towards the pretrained weights; lora: small adapters beside the pretrained weights; "
                        "lp-ft: half of the epochs the new layer, then all (default: gradual)")
    parser.add_argument("--decay", type=to.fraction, help="learning rate of each layer ÷ learning rate of the layer above it "
                        "(default: 1)")
    parser.add_argument("--rank", type=to.whole(1), help="of lora's adapters (default: 4)")
    parser.add_argument("--baselines", action="store_true", help="also train from the beginning, and the new layer alone, "
                        "for comparison")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the result (.svg or .png)")
    add_data(parser, data)
    add_labels(parser, epochs=10)
    add_training(parser, epochs=None, lr=0.02)
    add_dense(parser)
    add_out(parser, "finetuned.npz")


def _transfer(commands):
    p = command(commands, "transfer", "choose the pretrained model that suits a data set best, and fine-tune it",
                "nnlite transfer a.npz b.npz --target digits --classes 5,6,7,8,9 --labels-per-class 10 --out finetuned.npz")
    p.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="pretrained models (.npz)")
    add_own(p)
    p.add_argument("--by", choices=SCORES, default="logme", help="the score that chooses (default: logme)")
    _add_tuning(p, "--target")


def _fuse(commands):
    p = command(commands, "fuse", "make one model out of several of the same architecture",
                "nnlite fuse a.npz b.npz --method rebasin --out fused.npz",
                "nnlite fuse a.npz b.npz --method task --pretrained model.npz --scale 0.5")
    p.add_argument("files", type=Path, nargs="+", metavar="FILE", help="trained models (.npz)")
    add_own(p)
    p.add_argument("--method", choices=FUSIONS, default="average", help="average: the mean of all weights, for models that "
                   "were fine-tuned from one; rebasin: the same, after the neurons of each are put in the order of the first "
                   "one's; greedy: the mean of those that do no harm on every tenth training image; task: what the "
                   "fine-tunings of --pretrained have changed, added up; ensemble: the first model, trained on by what all of "
                   "them say (default: average)")
    p.add_argument("--pretrained", type=Path, metavar="FILE", help="task: the model that the files were fine-tuned from (.npz)")
    p.add_argument("--scale", type=to.between(-100, 100), help="task: factor of what is added; below 0, the tasks are "
                   "forgotten (default: 1)")
    p.add_argument("--picture", type=Path, metavar="FILE", help="draw the accuracies (.svg or .png)")
    add_data(p)
    p.add_argument("--epochs", type=to.whole(0), help="ensemble: how long the first model is trained on (default: 5)")
    p.add_argument("--lr", type=to.positive,
                   help="ensemble: largest learning rate; it falls to 0 along a cosine (default: 0.01)")
    p.add_argument("--batch-size", type=to.whole(1), default=64, help="(default: 64)")
    add_seed(p)
    add_out(p, "fused.npz")


def _evaluate(commands):
    p = command(commands, "evaluate", "measure a file: accuracy on the test part, size, time",
                "nnlite evaluate model.nnz --json")
    add_file(p, "model (.npz or .nnz)", own=True)
    add_data(p)


def _predict(commands):
    p = command(commands, "predict", "name the class of each image or table row, with its probability",
                "nnlite predict model.npz shapes/circle/1.png shapes/cross/2.png",
                "nnlite predict model.npz new.csv")
    add_file(p, "model (.npz or .nnz)", own=True)
    p.add_argument("images", type=Path, nargs="+", metavar="IMAGE",
                   help=".png or .jpg, of the size that the model takes; for a model of table rows a .csv file, with the "
                        "columns in the order of the training table")
    add_data(p, default=None, told="what the file says")


def _inspect(commands):
    p = command(commands, "inspect", "show what is in a file, and what its bytes are spent on", "nnlite inspect model.nnz")
    add_file(p, "model (.npz or .nnz)")


def _import(commands):
    p = command(commands, "import", "make an .npz file of an ONNX file, or of weights that another program has trained",
                "nnlite import weights.safetensors --model my_net.py:Net --data digits --out model.npz")
    add_file(p, "an .onnx file, or a state dict: .safetensors, or .npz as np.savez writes it")
    p.add_argument("--model", type=to.model, metavar="MODEL", help=f"of a state dict: {', '.join(MODELS)}, or your own class "
                   "in a file, as in my_net.py:Net; its names and shapes have to be those of the file")
    p.add_argument("--width", type=to.positive, help="multiplier of --model's filters and neurons (default: 1)")
    p.add_argument("--partial", action="store_true", help="take what has the same name on both sides, and list the rest")
    add_data(p, default=None, told="none")
    p.add_argument("--shape", type=to.sizes, metavar="C,H,W", help="instead of --data: the shape of an image")
    p.add_argument("--names", type=to.names, metavar="LIST", help="the names of the classes, with commas between")
    p.add_argument("--mean", type=to.numbers, metavar="LIST", help="of each channel, of pixels ÷ 255, or one for all")
    p.add_argument("--std", type=to.numbers, metavar="LIST", help="by which x − mean is divided")
    add_out(p, "model.npz")


def _export(commands):
    p = command(commands, "export", "write a model as a file that other programs run: ONNX (.npz: float32; .nnz: integers), "
                "C for a small device (.nnz), or safetensors (.npz)",
                "nnlite export model.npz --out model.onnx\nExample:  nnlite export model.nnz --out model.c --flash")
    add_file(p, "model (.npz or .nnz)", own=True)
    p.add_argument("--data", type=to.data, metavar="DATA",
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
    p = command(commands, "report", "write one HTML page about some model files, with tables and plots",
                "nnlite report model.npz pruned.npz model.nnz --out report.html")
    p.add_argument("files", type=Path, nargs="+", metavar="FILE", help="models (.npz or .nnz)")
    add_own(p)
    add_data(p)
    add_out(p, "report.html")


def _bench(commands):
    p = command(commands, "bench", "time kernels, training and inference on this machine",
                "nnlite bench --out bench.json --picture roofline.svg")
    p.add_argument("--model", choices=MODELS, action="append", help="may be given several times (default: all but mlp)")
    p.add_argument("--threads", type=to.whole(1), metavar="N", help="(default: all cores)")
    p.add_argument("--seconds", type=to.positive, default=0.25, help="time spent on each figure (default: 0.25)")
    p.add_argument("--out", type=Path, metavar="FILE", help="also write all figures to this file (JSON)")
    p.add_argument("--picture", type=Path, metavar="FILE", help="draw a roofline picture (.svg or .png)")
