"""Mixed precision: each layer gets as many bits as it needs, and all together fit into a number of bytes.

    increases = bit_sensitivity(model, calibration, loss)
    bits = bits_for_budget(increases, sizes, most_bytes)
    plan = quantize(model, calibration, bits=bits)

Source: Dong et al. 2020, HAWQ-V2 (arXiv 1911.03852), §3.3: the layers' sensitivities are added up, and the best choices for
each size are found. Here the sensitivities are measured.
"""

from nncompress.quantization.post_training import quantize

BITS = tuple(range(2, 9))


def bit_sensitivity(model, calibration, loss, bits=BITS, **options):
    """How much the loss increases if one layer has fewer bits than 8 -> {name of a layer: {bits: increase}}.

        increase[layer][n] = L(n bits in this layer, 8 in the others) − L(8 bits in all layers)

    loss: loss(plan) -> a number, smaller for better. Measure it on data that training has not seen, for example
    `lambda plan: float(F.cross_entropy(plan(x), y).data)`.   bits: the numbers of bits to try.
    model, calibration, options: as `quantize` takes them. The calibration is read many times, so it is an array or a list.
    Errors: those of `quantize`.
    """
    eight = quantize(model, calibration, **options)
    before = loss(eight)
    return {step.name: {n: float(loss(quantize(model, calibration, bits={step.name: n}, **options)) - before) for n in bits}
            for step in eight.steps if step.w is not None}


def bits_for_budget(increases, sizes, most_bytes):
    """The bits of each layer whose increases of the loss add up to the smallest sum, in at most so many bytes.

        min Σ increase[layer][n]        over n for each layer, with Σ ⌈n · size / 8⌉ ≤ most_bytes

    increases: {name of a layer: {bits: increase}}, as `bit_sensitivity` gives them; sizes: {name: number of weights}
    -> {name: bits}. The search is exact: layer by layer it keeps every choice for which no other one is both smaller and
    better. Of equal sums the one with fewer bytes wins.
    ValueError where even the fewest bits do not fit, with the bytes that they take; for a layer without a size.

    >>> bits_for_budget({"fc1": {2: 0.5, 8: 0.0}, "fc2": {2: 0.9, 8: 0.0}}, {"fc1": 80, "fc2": 80}, 100)
    {'fc1': 2, 'fc2': 8}
    """
    missing = [name for name in increases if name not in sizes]
    if missing:
        raise ValueError(f"bits_for_budget: sizes has no entry for {', '.join(missing)}")
    front = [(0, 0.0, {})]  # (bytes, increase, bits), bytes rising, increase falling
    for name, choices in increases.items():
        longer = [(used + -(-n * sizes[name] // 8), total + increase, {**bits, name: n})
                  for used, total, bits in front for n, increase in choices.items()]
        front = _best(longer)
    fitting = [choice for choice in front if choice[0] <= most_bytes]
    if not fitting:
        raise ValueError(f"bits_for_budget: the fewest bits take {front[0][0]} bytes, the budget is {most_bytes}")
    return fitting[-1][2]


def _best(choices):
    """The choices that no other one beats: with at most as many bytes and at most the same sum."""
    front = []
    for choice in sorted(choices, key=lambda choice: choice[:2]):
        if not front or choice[1] < front[-1][1]:
            front.append(choice)
    return front
