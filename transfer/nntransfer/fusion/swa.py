"""Stochastic weight averaging: the weights of many steps of one training become one model.

    average = StochasticWeightAverage(model, start=5 * len(loader), every=len(loader))
    fit(model, loader, optimizer, epochs=10, after_step=average.update)
    reestimate_statistics(average.model, loader)                                        # where it has BatchNorm
"""

import copy


class StochasticWeightAverage:
    """SWA: the plain mean of a training's weights at every c-th step. `model` has it, and shares nothing with what trains.

        n ← n + 1        θ_SWA ← θ_SWA + (θ − θ_SWA)/n        after the steps start, start + c, start + 2c, …

    model: the Module that trains.   start: the first step that counts, from 1.   every: c. `update()` is called after each
    step, as fit's `after_step`. Before the first step that counts, `model` has the weights of the beginning.
    Averaged running statistics do not fit the averaged weights: at the end, estimate them anew by
    `nntransfer.finetune.reestimate_statistics`. A checkpoint of `fit` does not hold the average.
    A mean in which older steps count less and less (EMA) is `nntransfer.distill.MeanTeacher`.
    Errors: ValueError for start or every below 1.
    Source: Izmailov et al. 2018 (arXiv 1803.05407), §3.2, algorithm 1.
    """

    def __init__(self, model, start=1, every=1):
        if start < 1 or every < 1:
            raise ValueError(f"StochasticWeightAverage: start and every are steps from 1 up, got start={start}, every={every}")
        self.start, self.every, self.steps, self.n = start, every, 0, 0
        self.model = copy.deepcopy(model).eval()
        self._pairs = list(zip(_arrays(self.model), _arrays(model), strict=True))

    def update(self):
        """Count a step, and take in the model's present weights if the step is one that counts."""
        self.steps += 1
        if self.steps < self.start or (self.steps - self.start) % self.every:
            return
        self.n += 1
        for mean, own in self._pairs:
            if self.n == 1 or mean.dtype.kind != "f":  # a whole number counts batches
                mean.data = own.data.copy()
            else:
                mean.data = mean.data + (own.data - mean.data) / mean.dtype.type(self.n)


def _arrays(model):
    return [tensor for _, tensor in (*model.named_parameters(), *model.named_buffers())]
