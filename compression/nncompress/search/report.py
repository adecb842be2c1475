"""The report of a compression: its stages, each measured on held-out images."""

import statistics
import time
from dataclasses import asdict, dataclass, field

import numpy as np

import nnlite
from nnlite import train


@dataclass
class Stage:
    """One row: held-out accuracy, bytes, parameters (not 0), multiply-accumulates and milliseconds for one image.

    bytes: of the file, for the stage "file"; else those of the parameters in float32.
    """

    name: str
    epoch: int
    accuracy: float
    errors: int
    bytes: int
    parameters: int
    nonzero: int
    macs: int
    ms_per_image: float


@dataclass
class Report:
    """The stages in order, and a sentence that says why the search stopped; `print(report)` is a table."""

    budget: str
    stages: list = field(default_factory=list)
    stopped: str = ""

    def as_dict(self):
        """The report as dicts, lists, numbers and texts, which JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, found):
        """The Report of which `as_dict` gave `found`."""
        return cls(found["budget"], [Stage(**stage) for stage in found["stages"]], found["stopped"])

    def __str__(self):
        head = f"{'stage':12} {'epoch':>5} {'accuracy':>9} {'errors':>6} {'bytes':>10} {'not 0':>8} {'MACs':>11} {'µs':>8}"
        rows = [f"{s.name:12} {s.epoch:5} {s.accuracy:9.2%} {s.errors:6} {s.bytes:10,} {s.nonzero:8,} {s.macs:11,} "
                f"{1000 * s.ms_per_image:8.1f}" for s in self.stages]
        return "\n".join([f"budget: {self.budget}", head, *rows, self.stopped])


def float_stage(name, epoch, model, held_out, example):
    """The Stage of a model in float32."""
    counts, plan = nnlite.summary(model, example), nnlite.compile(model, example)
    return _stage(name, epoch, plan, held_out, 4 * counts.parameters, counts)


def file_stage(name, epoch, plan, held_out, size):
    """The Stage of an int8 plan that came from `size` bytes."""
    return _stage(name, epoch, plan, held_out, size, plan)


def _stage(name, epoch, plan, held_out, size, counts):
    scores = train.evaluate(plan, held_out)
    images = next(iter(held_out))[0]
    return Stage(name, epoch, scores["accuracy"], scores["errors"], int(size), counts.parameters, counts.nonzero, counts.macs,
                 milliseconds(plan, images) / len(images))


def milliseconds(plan, images, repeats=5):
    """The median time of one call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        plan(images)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(np.array(times))
