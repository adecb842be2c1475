"""What compiling the kernels costs:  python tutorials/benchmark/compiling.py   prints seconds.

Every piece of work is done twice in a process; the time of the first minus that of the second goes to the compiler or, where
a process before has filled Numba's cache, to reading the cache.
"""

import os
import subprocess
import sys
import tempfile
import time

from nnlite.bench.works import inference, training


def compile_cost():
    """Seconds that a process spends on kernels with an empty cache, and the next one: {"cold_s", "second_process_s"}."""
    with tempfile.TemporaryDirectory() as folder:
        cold, second = (_in_a_process(folder) for _ in range(2))
    return {"cold_s": cold, "second_process_s": second}


def _in_a_process(cache):
    command = [sys.executable, __file__]
    done = subprocess.run(command, env={**os.environ, "NUMBA_CACHE_DIR": cache}, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def first_minus_second(prepare, works):
    """Σ over the works of (time of the first preparation and call − time of the second)."""
    total = 0.0
    for work in works:
        times = []
        for _ in range(2):
            start = time.perf_counter()
            prepare(work)()
            times.append(time.perf_counter() - start)
        total += times[0] - times[1]
    return total


def main():
    from nnlite.bench.ours import prepare

    models = ["cnn", "lenet-300-100", "lenet-5", "resnet"]
    works = training(models) + [work for pair in inference(models, batches=(64,)) for work in pair]
    print(round(first_minus_second(prepare, works), 2))


if __name__ == "__main__":
    main()
