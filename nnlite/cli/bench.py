"""nnlite bench: time training and inference of the models on this machine."""

import platform
import statistics
import time
from pathlib import Path

import numba
import numpy as np
from tqdm import tqdm

import nncompress
import nnlite
from nnlite import functional as F
from nnlite import models, optim
from nnlite.kernels.threads import most_threads

SIZES = {"cnn": (3, 32, 32), "mlp": (1, 28, 28), "lenet-300-100": (1, 28, 28), "lenet-5": (1, 28, 28), "resnet": (3, 32, 32)}
BATCHES = (1, 64, 256)


def run(arguments):
    names = arguments.model or ["cnn", "lenet-300-100", "lenet-5", "resnet"]
    rows = []
    for name in tqdm(names, "bench", disable=None, leave=False):
        rows += bench_model(name, arguments.seconds)
    result = {"machine": machine(), "rows": rows}
    return result, table(result)


def machine():
    return {"cpu": cpu_name(), "threads": most_threads(), "numba": numba.__version__, "numpy": np.__version__,
            "python": platform.python_version()}


def cpu_name():
    """The processor's own name where Linux tells it, else its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def bench_model(name, seconds):
    """Milliseconds of a training step and of float32 and int8 inference, as rows."""
    model, rng = getattr(models, name.replace("-", "_"))(), np.random.default_rng(0)
    images = rng.standard_normal((max(BATCHES), *SIZES[name])).astype(np.float32)
    labels = rng.integers(0, 10, len(images))
    optimizer = optim.SGD(model.parameters(), lr=1e-3)

    def training_step():
        optimizer.zero_grad()
        F.cross_entropy(model(images[:64]), labels[:64]).backward()
        optimizer.step()

    works = {("training step", 64): training_step}
    for what, plan in (("float32", nnlite.compile(model, images[:1])), ("int8", nncompress.quantize(model, images))):
        works |= {(what, batch): (lambda plan=plan, batch=batch: plan(images[:batch])) for batch in BATCHES}
    return [{"model": name, "work": what, "batch": batch, **time_calls(work, seconds)} for (what, batch), work in works.items()]


def time_calls(work, seconds):
    """Median and spread of the milliseconds of as many calls as fit into `seconds`, at least 5, after one to warm up."""
    work()
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return {"median_ms": round(statistics.median(times), 4), "min_ms": round(min(times), 4), "max_ms": round(max(times), 4),
            "runs": len(times)}


def table(result):
    machine = result["machine"]
    lines = [f"{machine['cpu']}, {machine['threads']} threads, Python {machine['python']}, NumPy {machine['numpy']}, "
             f"Numba {machine['numba']}; milliseconds", "",
             f"{'model':14} {'work':14} {'batch':>5} {'median':>9} {'min':>9} {'max':>9} {'µs per image':>13}"]
    for row in result["rows"]:
        lines.append(f"{row['model']:14} {row['work']:14} {row['batch']:5} {row['median_ms']:9.3f} {row['min_ms']:9.3f} "
                     f"{row['max_ms']:9.3f} {1000 * row['median_ms'] / row['batch']:13.1f}")
    return "\n".join(lines)
