"""Git Re-Basin on MNIST: what lies halfway between two trainings, before and after their neurons are put in the same order.

    python tutorials/papers/rebasin.py                     lr 0.1, three pairs of networks, 10 epochs
    python tutorials/papers/rebasin.py --lr 0.02           smaller steps
    python tutorials/papers/rebasin.py --init lecun        weights that are √3 times as large at the beginning
    python tutorials/papers/rebasin.py --quick             the bundled digits, some seconds

Two networks 784-512-512-512-10 (ReLU) train on 50,000 images with SGD, momentum 0.9, a constant rate and batches of 500, from
different weights and in different order. Then one is matched to the other (`nntransfer.fusion.align`), and both losses, of
test images and of training images, are taken at 11 points of the line between them. The barrier is how far the loss rises
above the straight line between the losses of the ends.

Prints a table, adds the pairs to results/rebasin.json, draws results/rebasin.svg, and puts the table into rebasin.md. With
--pairs 0 nothing is trained: the table and the picture are those of the file.
Source: Ainsworth, Hayase & Srinivasa 2023 (arXiv 2209.04836), §5.1 and figure 2.
"""

import json
import time
from pathlib import Path

import numpy as np
from options import program_parser, read
from pages import fill
from result import write_result

from nnlite import data, models, optim, plot
from nnlite.train import fit
from nntransfer.fusion import align, barrier, scores_on_line

HERE = Path(__file__).resolve().parent
HELD_OUT = 10_000
POINTS = 11


def network(inputs, width, seed, init):
    """Three hidden layers; "lecun" makes the first weights √3 times as large: their variance is then 1/fan_in."""
    model = models.mlp(in_features=inputs, hidden=[width] * 3, seed=seed)
    if init == "lecun":
        for name, parameter in model.named_parameters():
            if name.endswith("weight"):
                parameter.data = parameter.data * np.float32(np.sqrt(3))
    return model


def pair(number, task, arguments):
    """Train two networks, match the second to the first -> one row of the table."""
    started, batch = time.time(), 50 if arguments.quick else 500
    ends = []
    for seed in (2 * number, 2 * number + 1):
        model = network(task["inputs"], task["width"], seed, arguments.init)
        loader = data.DataLoader(task["training"], batch, shuffle=True, seed=seed, transform=task["preprocessing"])
        fit(model, loader, optim.SGD(model.parameters(), lr=arguments.lr, momentum=0.9), arguments.epochs)
        ends.append(model.eval())
    first, second = ends
    matched = align(first, second, np.zeros((1, *task["training"].images.shape[1:]), np.float32), seed=number)
    row = {"pair": number, "lr": arguments.lr, "init": arguments.init, "epochs": arguments.epochs}
    for part in ("test", "training"):
        loader = data.DataLoader(task[part][:task["scored"]], 1000, transform=task["preprocessing"])
        row[part] = {"naive": compared(first, second, loader), "matched": compared(first, matched, loader)}
        row[part]["gone"] = 1 - row[part]["matched"]["barrier"] / max(row[part]["naive"]["barrier"], 1e-12)
    return row | {"seconds": round(time.time() - started, 1)}


def compared(first, second, loader):
    """The barrier, and losses and accuracies along the line."""
    rows = scores_on_line(first, second, loader, POINTS)
    losses = [row["loss"] for row in rows]
    return {"barrier": barrier(losses), "losses": losses, "accuracies": [row["accuracy"] for row in rows]}


def table(rows):
    lines = ["| lr, first weights | pair | test loss: ends | midway | matched | barrier gone: test | training "
             "| accuracy: ends | midway | matched |", "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
    for row in rows:
        naive, matched, middle = row["test"]["naive"], row["test"]["matched"], POINTS // 2
        lines.append(f"| {row['lr']:g}, {row['init']} | {row['pair']} | {naive['losses'][0]:.3f}, {naive['losses'][-1]:.3f} "
                     f"| {naive['losses'][middle]:.3f} | {matched['losses'][middle]:.3f} | {row['test']['gone']:.1%} "
                     f"| {row['training']['gone']:.1%} | {naive['accuracies'][0]:.2%}, {naive['accuracies'][-1]:.2%} "
                     f"| {naive['accuracies'][middle]:.2%} | {matched['accuracies'][middle]:.2%} |")
    return "\n".join(lines)


@plot.styled()
def picture(rows):
    """The losses of test images along the line, a panel for each setting."""
    settings = sorted({(row["lr"], row["init"]) for row in rows}, reverse=True)
    figure = plot.figure(3.2 * len(settings) + 1, 3.4)
    for axes, setting in zip(figure.subplots(1, len(settings), sharey=True, squeeze=False)[0], settings, strict=True):
        tests = [row["test"] for row in rows if (row["lr"], row["init"]) == setting]
        for kind, color, label in (("naive", plot.ORANGE, "neurons as they came"), ("matched", plot.BLUE, "neurons matched")):
            lines = axes.plot(np.linspace(0, 1, POINTS), np.transpose([test[kind]["losses"] for test in tests]), color=color)
            lines[0].set_label(label)
        axes.set(title=f"lr {setting[0]:g}, first weights: {setting[1]}", xlabel="from one network to the other")
    highest = max(max(row["test"]["naive"]["losses"]) for row in rows)
    figure.axes[0].set(ylabel="loss of test images", ylim=(0, 1.35 * highest))  # with room for the legend
    figure.axes[0].legend(loc="upper left")
    return figure


def main():
    parser = program_parser(__doc__)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--init", choices=("nnlite", "lecun"), default="nnlite", help="first weights (default: nnlite's own)")
    parser.add_argument("--pairs", type=int, default=3, help="pairs of networks; 0 draws what is there (default: 3)")
    parser.add_argument("--seed", type=int, default=0, help="number of the first pair (default: 0)")
    parser.add_argument("--epochs", type=int, help="(default: 10; 20 with --quick)")
    arguments = read(parser, "rebasin", quick="narrow networks on the bundled digits",
                     out="the JSON file, with a picture beside it")
    arguments.epochs = arguments.epochs or (20 if arguments.quick else 10)
    name, out, started = "digits" if arguments.quick else "mnist", arguments.out, time.time()
    training, test = data.load(name, arguments.data_dir)
    task = {"training": training if arguments.quick else training[:-HELD_OUT], "test": test, "scored": HELD_OUT,
            "preprocessing": data.preprocessing(name), "width": 64 if arguments.quick else 512,
            "inputs": int(np.prod(training.images.shape[1:]))}
    rows = earlier_rows(out, arguments)
    for number in range(arguments.seed, arguments.seed + arguments.pairs):
        rows.append(pair(number, task, arguments))
        if out is not None:  # after each pair: a run that is stopped has lost one pair at most
            write_result(out, {"rows": rows}, seed=arguments.seed, started=started)
    print(table(rows))
    if out is not None:
        plot.save(picture(rows), out.with_suffix(".svg"))
    if out == HERE / "results" / "rebasin.json":
        fill(HERE / "rebasin.md", {"pairs": table(rows)})


def earlier_rows(out, arguments):
    """The rows of other settings and other pairs in the file."""
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"] if out is not None and out.exists() else []
    new = range(arguments.seed, arguments.seed + arguments.pairs)
    return [row for row in rows if (row["lr"], row["init"]) != (arguments.lr, arguments.init) or row["pair"] not in new]


if __name__ == "__main__":
    main()
