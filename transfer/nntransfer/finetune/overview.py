"""A table of the layers that will train and their learning rates, to look at before the training starts."""

from typing import NamedTuple

from nntransfer.finetune.layers import layer_groups


class LayerRow(NamedTuple):
    """One layer: its name, how many parameters it has, how many of them train, and the learning rates of those that train."""

    layer: str
    parameters: int
    training: int
    rates: list


class TrainingOverview(NamedTuple):
    """The rows of `what_trains`; as text, a table."""

    rows: list

    def __str__(self):
        cells = [("layer", "parameters", "train", "rate")]
        cells += [(row.layer, f"{row.parameters:,}", f"{row.training:,}", _rates(row)) for row in self.rows]
        total, training = sum(row.parameters for row in self.rows), sum(row.training for row in self.rows)
        cells.append(("all", f"{total:,}", f"{training:,}", f"{training / max(total, 1):.1%}"))
        widths = [max(len(row[i]) for row in cells) for i in range(4)]
        return "\n".join("  ".join([row[0].ljust(widths[0]), *(row[i].rjust(widths[i]) for i in (1, 2, 3))]) for row in cells)


def _rates(row):
    return ", ".join(f"{rate:.3g}" for rate in row.rates) or ("not in the optimizer" if row.training else "frozen")


def what_trains(model, optimizer):
    """The layers from the input to the head, with the parameters that train and their learning rates: a `TrainingOverview`.

    Layers are those of `layer_groups`. A parameter trains if requires_grad is True and the optimizer has it. One that
    requires a gradient and is missing in the optimizer counts as training, and its layer shows no rate.

    >>> from nnlite import models, optim
    >>> from nntransfer.finetune import freeze
    >>> model = models.cnn(classes=5)
    >>> freeze(model, "conv*")
    >>> print(what_trains(model, optim.SGD(model.parameters(), lr=0.1)))
    layer  parameters    train    rate
    conv1         448        0  frozen
    conv2       4,640        0  frozen
    fc1       262,272  262,272     0.1
    fc2           645      645     0.1
    all       268,005  262,917   98.1%
    """
    rate = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    rows = []
    for name, parameters in layer_groups(model).items():
        training = [p for p in parameters if p.requires_grad]
        rates = sorted({rate[id(p)] for p in training if id(p) in rate})
        rows.append(LayerRow(name, sum(p.data.size for p in parameters), sum(p.data.size for p in training), rates))
    return TrainingOverview(rows)
