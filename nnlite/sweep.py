"""Many runs of one function: each of some settings with each of some seeds, on as many processes as there are.

    rows = sweep(train_one, {"small": {"width": 0.5}, "large": {"width": 1.0}}, seeds=range(3), folder="runs")

Every finished run is a JSON file in the folder, so a sweep that was stopped goes on where it was.
"""

import json
import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from nnlite.files import write_atomically


def sweep(function, settings, seeds, folder, executor=None, progress=True):
    """function(seed=seed, **setting) for each setting and seed -> rows {"name", "seed", "setting", "result", "seconds"}.

    function    gives what JSON can hold. Other processes have to be able to import it: it stands in a module, not in a
                notebook or in another function.
    settings    {name: {argument: value}}, with values that JSON can hold.   seeds: whole numbers
    folder      where the row of each finished run is kept, as NAME-seedSEED.json; it is made if it is missing. A row that is
                there is not run again
    executor    any of concurrent.futures, or what has its `submit`, such as Dask's client.get_executor(); it is not shut down.
                None: a pool with a new process for each core, each on one thread

    The rows come in the order of the settings, then of the seeds, whatever finished first. A new row is as its file gives it
    later, with lists for tuples.
    Errors: ValueError for a row in the folder that is of another setting under the same name, and for a name that is not a
    file's. What a run raises is raised again after all others are done, which are kept; so is TypeError for a result that JSON
    cannot hold.
    """
    folder, todo, rows = Path(folder), {}, {}
    seeds = [int(seed) for seed in seeds]
    for name, setting in settings.items():
        if Path(name).name != name or name in ("", ".", ".."):
            raise ValueError(f"sweep: {name!r} cannot be part of a file's name")
        for seed in seeds:
            path = folder / f"{name}-seed{seed}.json"
            if path.exists():
                rows[name, seed] = _read(path, setting)
            else:
                todo[name, seed] = path
    folder.mkdir(parents=True, exist_ok=True)
    if todo:
        own = executor is None
        executor = _processes(len(todo)) if own else executor
        try:
            rows |= _run(function, settings, todo, executor, progress)
        finally:
            if own:
                executor.shutdown(cancel_futures=True)
    return [rows[name, seed] for name in settings for seed in seeds]


def _read(path, setting):
    row = json.loads(path.read_text(encoding="utf-8"))
    if row["setting"] != json.loads(json.dumps(setting)):
        raise ValueError(f"sweep: {path} is of the setting {row['setting']}, this sweep has {setting} under that name; name "
                         "another folder, or delete the file")
    return row


def _processes(runs):
    """A pool of new processes, which does not inherit threads or locks."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return ProcessPoolExecutor(min(runs, cores), multiprocessing.get_context("spawn"), initializer=_one_thread)


def _one_thread():
    """Each process on one thread: Numba reads this variable when it is first imported."""
    os.environ["NUMBA_NUM_THREADS"] = "1"


def _run(function, settings, todo, executor, progress):
    """The rows of the runs that are missing, each written when it is finished; then the first error, if there was one."""
    futures = {executor.submit(_one, function, settings[name], seed): (name, seed) for name, seed in todo}
    rows, errors = {}, []
    for future in tqdm(_finished(futures), "sweep", total=len(futures), leave=False, disable=None if progress else True):
        name, seed = key = futures[future]
        try:
            result, seconds = future.result()
            row = {"name": name, "seed": seed, "setting": settings[name], "result": result, "seconds": round(seconds, 3)}
            text = json.dumps(row, indent=1) + "\n"
        except Exception as error:
            error.add_note(f"in the run {name}, seed {seed}")
            errors.append(error)
            continue
        rows[key] = json.loads(text)  # as a later sweep will read it
        write_atomically(todo[key], lambda stream, text=text: stream.write(text.encode()))
    if errors:
        raise errors[0]
    return rows


def _finished(futures):
    """The futures as they finish; those of another library, which `as_completed` does not know, in their order."""
    try:
        yield from as_completed(futures)
    except AttributeError:
        yield from futures


def _one(function, setting, seed):
    started = time.perf_counter()
    return function(seed=seed, **setting), time.perf_counter() - started
