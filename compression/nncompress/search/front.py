"""The front of errors against bytes: of many compressions, those that no other one beats in both.

In a file of its own, since the processes import the function that they run:

    def run(seed, limit):
        found = nncompress.compress(models.lenet_5(seed=seed), loaders(seed), nncompress.Budget(bytes=limit), progress=False)
        return {"bytes": len(found.data), "errors": found.report.stages[-1].errors}

    if __name__ == "__main__":
        settings = {"small": {"limit": 2000}, "large": {"limit": 8000}}
        rows, front = nncompress.pareto(run, settings, seeds=range(3), folder="runs", picture="front.svg")
"""

from nnlite.plot.front import errors_against_bytes
from nnlite.sweep import sweep


def pareto_front(points):
    """The indices of the points that are not dominated, in the order of their first number.

        i is on the front  ⇔  no j has x_j ≤ x_i and y_j ≤ y_i, one of them smaller

    points: pairs (x, y), both the better the smaller, such as bytes and errors. Of equal points the first is on the front.
    Source: Pareto 1906; as a rule for points, Kung, Luccio & Preparata 1975, J. ACM 22, §1.

    >>> pareto_front([(3, 1), (1, 5), (2, 4), (2, 6), (4, 1)])
    [1, 2, 0]
    """
    front, least = [], float("inf")
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], points[i][1], i)):
        if points[i][1] < least:
            front.append(i)
            least = points[i][1]
    return front


def pareto(run, settings, seeds, folder, executor=None, picture=None):
    """Run settings × seeds and find the front of errors against bytes -> (rows, front).

    run         run(seed=…, **setting) -> {"bytes": …, "errors": …, …}, in a module that other processes can import
    settings, seeds, folder, executor   as for `nnlite.sweep.sweep`: the folder keeps each finished run
    picture     a file (.svg or .png) to draw all runs, and the front, into

    rows are those of the sweep, front the rows on it, from the smallest file to the largest.
    Errors: as `sweep`; ValueError for a run that gives no bytes or no errors.
    """
    rows = sweep(run, settings, seeds, folder, executor)
    for row in rows:
        if not {"bytes", "errors"} <= row["result"].keys():
            raise ValueError(f"pareto: the run {row['name']}, seed {row['seed']} gave {sorted(row['result'])}, expected bytes "
                             "and errors among them")
    points = [(row["result"]["bytes"], row["result"]["errors"]) for row in rows]
    front = pareto_front(points)
    if picture is not None:
        errors_against_bytes(points, front, picture)
    return rows, [rows[i] for i in front]
