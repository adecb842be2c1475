"""Which C functions run a plan, in which order, and where in memory each result lies.

A flatten needs no function: results are (C, H, W) in memory, and so is its result. A max-pooling whose windows do not overlap
runs inside the convolution that it follows, so the larger result of the convolution takes no memory. All other results lie
in one array; two of them may share a place if one is no longer read when the other is made.
"""

from typing import NamedTuple

import numpy as np


class Call(NamedTuple):
    """A function to be called for step number `i`.

    sources: what it reads; target: where its result goes; both are C expressions.   pool: the max-pooling inside it, or None.
    """

    i: int
    sources: list
    target: str
    pool: object = None


def plan_calls(plan):
    """([Call], bytes that all results take together, the C expression of the last result)."""
    steps, pools = plan.steps, _pools_inside(plan)
    inside = {j for j, _ in pools.values()}
    origin, made = [0], []  # origin[i]: the step whose function writes the result of step i; made: these steps, in order
    for i in range(1, len(steps)):
        if steps[i].kind == "flatten":
            origin.append(origin[steps[i].inputs[0]])
        elif i in inside:
            origin.append(steps[i].inputs[0])
        else:
            origin.append(i)
            made.append(i)
    reads = {i: [origin[k] for k in steps[i].inputs] for i in made}
    in_memory = [i for i in made if not (i == len(steps) - 1 and plan.ends_in_sums)]
    born = {i: made.index(i) for i in in_memory}
    dies = {i: max([born[i], *(made.index(r) for r in made if i in reads[r])]) for i in in_memory}
    dies |= {origin[-1]: len(made)} if origin[-1] in born else {}
    sizes = {i: int(np.prod(steps[pools[i][0] if i in pools else i].shape)) for i in in_memory}
    places = _places(sizes, born, dies)
    names = {0: "image"} | {i: f"results + {place}" for i, place in places.items()}
    calls = [Call(i, [names[k] for k in reads[i]], names.get(i, "logits"), pools.get(i, (0, None))[1]) for i in made]
    return calls, max([places[i] + sizes[i] for i in in_memory], default=0), names.get(origin[-1], "logits")


def _pools_inside(plan):
    """{number of a convolution: (number of the max-pooling that runs inside it, its step)}."""
    found = {}
    for j, pool in enumerate(plan.steps):
        if pool.kind == "max_pool2d" and pool.options["padding"] == (0, 0):
            i = pool.inputs[0]
            apart = all(s >= k for s, k in zip(pool.options["stride"], pool.options["kernel"], strict=True))
            readers = sum(step.inputs.count(i) for step in plan.steps)
            if plan.steps[i].kind == "conv2d" and apart and readers == 1:
                found[i] = j, pool
    return found


def _places(sizes, born, dies):
    """{result: where it begins}. The largest comes first; each takes the first gap between those that live at its time."""
    places = {}
    for i in sorted(sizes, key=lambda i: (-sizes[i], i)):
        at = 0
        for k in sorted((k for k in places if born[k] <= dies[i] and born[i] <= dies[k]), key=places.get):
            if at + sizes[i] <= places[k]:
                break
            at = max(at, places[k] + sizes[k])
        places[i] = at
    return places
