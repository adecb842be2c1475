"""Options that several commands have, and the parser that says an error in one line."""

import argparse
from pathlib import Path

from nnlite.cli import converters as to
from nnlite.cli.choices import DATA


class Parser(argparse.ArgumentParser):
    def error(self, message):
        """One line, like every other error of the program."""
        self.exit(2, f"nnlite: error: {message} (see {self.prog} --help)\n")


def command(commands, name, text, *examples):
    """A command's parser, with its examples and --json."""
    told = "\n".join(f"Example:  {example}" for example in examples)
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.", epilog=told,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)  # the example stays on one line
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout instead of text")
    return parser


def add_data(parser, name="--data", default="digits", told="digits, which is built in"):
    """--data, --data-dir and --classes."""
    parser.add_argument(name, dest="data", type=to.data, default=default, metavar="DATA",
                        help=f"{', '.join(DATA)}; or your own: a .npz file (images, labels), a folder of images for each class "
                        f"in a folder, a .csv file with a column `label` (default: {told})")
    parser.add_argument("--data-dir", type=Path, metavar="DIR", help="directory with the data set's files")
    parser.add_argument("--classes", type=to.class_numbers(2), metavar="LIST",
                        help="only these classes of the data set, as in 5,6,7,8,9")


def add_no_names(parser):
    """--no-names, of the commands that write .nnz files."""
    parser.add_argument("--no-names", action="store_true", help="leave the names of the classes and the normalization out of "
                        "the file: 10 bytes and the length of the names; `predict` then needs --data")


def add_seed(parser):
    """--seed."""
    parser.add_argument("--seed", type=to.seed, default=0, help="the same seed gives the same result, bit for bit (default: 0)")


def add_dense(parser, what="the weights that are 0"):
    """--dense.   what: what is trained, too."""
    parser.add_argument("--dense", action="store_true", help=f"also train {what}; without --dense, pruned weights stay 0")


def add_labels(parser, epochs):
    """--labels-per-class and --epochs, for trainings on few labels."""
    parser.add_argument("--labels-per-class", type=to.whole(1), metavar="K",
                        help="train on K labelled images of each class, drawn by --seed (default: all)")
    parser.add_argument("--epochs", type=to.whole(0),
                        help=f"0 trains nothing (default: {epochs}; with few images more, so that there are 200 steps)")


def add_training(parser, epochs, lr):
    """--epochs (None: it is added elsewhere), --batch-size, --lr and --seed."""
    if epochs is not None:
        parser.add_argument("--epochs", type=to.whole(0), default=epochs, help=f"0 trains nothing (default: {epochs})")
    parser.add_argument("--batch-size", type=to.whole(1), default=64, help="(default: 64)")
    parser.add_argument("--lr", type=to.positive, default=lr,
                        help=f"largest learning rate; it falls to 0 along a cosine (default: {lr})")
    add_seed(parser)


def add_file(parser, text="trained model (.npz)", own=False):
    """FILE.   own: whether --model may name a class for it."""
    parser.add_argument("file", type=Path, metavar="FILE", help=text)
    if own:
        add_own(parser)


def add_own(parser, name="--model", what="the model"):
    """--model, or another name, for a class of the user's own."""
    parser.add_argument(name, type=to.own, metavar="FILE.py:NAME", help=f"where {what} is a class of your own: its file and "
                        "name, as in my_net.py:Net")


def add_out(parser, default):
    """--out."""
    parser.add_argument("--out", type=Path, default=Path(default), metavar="FILE", help=f"(default: {default})")
