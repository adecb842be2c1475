"""One run of `compress`: from the dense model to a file that meets the budget, in one training."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from nncompress.int8.plan import Int8Plan
from nncompress.nnz.file import from_bytes, to_bytes
from nncompress.pruning.groups import dependency_groups
from nncompress.pruning.schedule import agp_sparsity
from nncompress.quantization.post_training import quantize
from nncompress.search.budget import BudgetTooSmall
from nncompress.search.curvature import RankOneCurvature
from nncompress.search.folding import fold, folded_batch_norms, freeze
from nncompress.search.latent import OnGrid
from nncompress.search.ranking import best_masks
from nncompress.search.report import Report, file_stage, float_stage
from nncompress.search.structures import channel_worth, most_worth, shrink_all, weight_maps, with_share
from nnlite import checkpoint as checkpoints
from nnlite import nn, optim, train

CALIBRATION, WARM_UP = 512, 200  # images to find the ranges of activations with; steps in which the rate rises
LOOKS = 30  # how often in a training the size of the file is looked at, at most
BITS_PER_WEIGHT = 4.5  # a first guess of what a kept weight takes in the file


class Compressed(NamedTuple):
    """The result of `compress`.

    plan: an Int8Plan, as the file gives it.   data: the file's bytes.   report: a `Report`.   model: the floats on their grid.
    """

    plan: Int8Plan
    data: bytes
    report: Report
    model: nn.Module


class Run:
    """One training from the dense model to the file."""

    def __init__(self, model, data, budget, loss, settings, law="fixed", checkpoint=None, input=None):
        self.model, (self.training, self.held_out), self.loss = model, data, loss
        self.settings, self.law, self.checkpoint, self.history = settings, law, checkpoint, []
        self.input = input
        self.calibration = _first_images(self.training, CALIBRATION)
        self.example = self.calibration[:1]
        self.grid = OnGrid(model, lambda params: optim.AdamW(params, lr=settings.lr, weight_decay=settings.decay))
        self.grid.watch = self.curvature = RankOneCurvature()
        for layer in self.grid.layers:
            settings.levels_of(layer)
        self.total, self.taken = max(2, settings.epochs * len(self.training)), 0
        warm_up = min(WARM_UP, self.total // 10 + 1)
        falling = optim.CosineAnnealingLR(self.grid.inner, max(1, self.total - warm_up))
        self.schedule = optim.LinearWarmup(self.grid.inner, warm_up, then=falling, start_factor=0.01)
        self.maps = weight_maps(model, self.example)
        parameters = sum(p.size for p in model.parameters())
        self.limit = budget.most_bytes(parameters)
        self.K = budget.weights or max(1, int(8 * self.limit / BITS_PER_WEIGHT))
        self.norms = folded_batch_norms(model, self.example)
        self.folded = None  # these, once their scales are in the weights
        self.dense = None  # how many weights and biases there were when pruning began
        self.report = Report(str(budget))

    def finish(self, progress):
        """Train to the end, write the file in memory, and verify it."""
        if self.checkpoint is not None and Path(self.checkpoint).exists():
            self.resume()
        else:
            self.report.stages.append(float_stage("start", 0, self.model, self.held_out, self.example))
        with tqdm(total=self.settings.epochs, initial=len(self.history), desc="compress", leave=False,
                  disable=None if progress else True) as bar:
            for epoch in range(len(self.history) + 1, self.settings.epochs + 1):
                self.history = train.fit(self.model, self.training, self.grid, epoch, self.loss, schedule=self.schedule,
                                         after_step=self.after_step, history=self.history, progress=False)
                self.after_epoch(epoch)
                bar.set_postfix(loss=f"{self.history[-1]['loss']:.4f}", weights=f"{self.kept():,}", refresh=False)
                bar.update()
        return self.verified()

    @property
    def done(self):
        """The share of the training's steps that is done, 0 to 1."""
        return self.taken / self.total

    def kept(self):
        """How many weights and biases of layers are kept."""
        return sum(int(np.count_nonzero(mask)) for mask in self.grid.masks.values())

    def after_step(self):
        """Count the step and, if it is time, prune: the sparsity follows `agp_sparsity`, then removed weights may come back."""
        self.taken += 1
        s = self.settings
        if self.taken % s.every == 0 and s.start <= self.done < s.freeze:
            self.dense = self.dense or self.kept()
            part = agp_sparsity(self.done, start=s.start, steps=s.end - s.start, final=1 - min(1, self.K / self.dense))
            self.grid.set_masks(self.best(round(self.dense * (1 - part)), self.grid.masks))

    def best(self, K, masks, latents=None):
        """Masks that keep the K most valuable weights and biases; `masks` say what a place costs."""
        latents = latents or {name: t.data for name, t in self.grid.latents.items()}
        return best_masks(latents, masks, self.curvature, self.maps, K, self.settings.gamma)

    def after_epoch(self, epoch):
        """Between two epochs: filters go, BatchNorms are folded, the grid is set, K is adapted, a checkpoint is written."""
        s = self.settings
        self.cut_structures(epoch)
        if s.quantize <= self.done and self.folded is None:
            self.report.stages.append(float_stage("weights", epoch, self.model, self.held_out, self.example))
            self.folded = self.norms
            fold(self.model, self.folded, self.grid, self.curvature)
        if s.quantize <= self.done < s.settle or s.quantize <= self.done and not self.grid.steps:
            self.grid.set_steps(self.steps())
        if self.limit is None and s.freeze <= self.done and self.kept() > self.K:  # a training of few steps
            self.grid.set_masks(self.best(self.K, self.grid.masks))
        if self.limit is not None and epoch % max(1, s.epochs // LOOKS) == 0:
            self.look_at_the_limit()
        if self.checkpoint is not None:
            self.save()

    def epoch_of(self, part):
        """The first epoch at whose end this part of the training is done."""
        return int(np.ceil(part * self.settings.epochs - 1e-9))

    def cut_structures(self, epoch):
        """Remove filters and neurons: those of little worth after chosen epochs, dead ones if a tenth of a group is dead."""
        groups, s = dependency_groups(self.model, self.example), self.settings
        importance = {name: t.data**2 * self.curvature.of(name, t.shape) for name, t in self.grid.latents.items()}
        by_share = not s.channels and s.share < 1 and epoch == self.epoch_of(s.start)
        if epoch in s.channels:
            keep = {g.name: most_worth(channel_worth(g, importance), s.channels[epoch].get(g.name, g.size)) for g in groups}
        elif by_share:
            keep = {g.name: with_share(channel_worth(g, importance), s.share) for g in groups}
        elif s.start < self.done < s.settle:
            keep = {g.name: np.flatnonzero(channel_worth(g, self.grid.masks)) for g in groups}
            keep = {g.name: keep[g.name] for g in groups if 0 < len(keep[g.name]) < 0.9 * g.size}
        else:
            return
        if keep:
            shrink_all(self.model, self.example, keep, [self.grid, self.curvature])
            self.maps = weight_maps(self.model, self.example)
        if by_share or epoch in s.channels:
            self.report.stages.append(float_stage("structures", epoch, self.model, self.held_out, self.example))

    def steps(self):
        """Each layer's step: the mean size of its kept weights ÷ levels, rounded to float16 as the file keeps it."""
        steps = {}
        for layer, (weight, *_) in self.grid.layers.items():
            kept = np.abs(self.grid.latents[weight].data[self.grid.masks[weight]])
            steps[layer] = float(np.float16(kept.mean() / self.settings.levels_of(layer))) or 2.0**-24
        return steps

    def look_at_the_limit(self):
        """Adapt to the limit in bytes: find K anew while weights may come back; later, remove weights that are too many.

        Nothing happens before the middle of the pruning, because the network changes too much until then.
        """
        s = self.settings
        if self.done >= s.freeze and self.grid.steps:
            self.fit_into_the_limit()
        elif self.done > (s.start + s.end) / 2 and (self.folded is not None or not self.norms):
            self.aim_at_the_limit()

    def aim_at_the_limit(self):
        """K ← the largest number of weights whose file, if the model were pruned and rounded now, is within the limit.

        At most as many removed weights come back as are kept, because the removed ones stopped learning when they left.
        """
        masks, steps = self.grid.masks, dict(self.grid.steps)

        def size(K):
            self.grid.set_masks(self.best(K, masks))
            self.grid.set_steps(self.steps())
            return self.size()

        self.K = largest_within(self.limit, size, 2 * self.kept())
        self.grid.steps = steps
        self.grid.set_masks(masks)

    def fit_into_the_limit(self):
        """Remove the least valuable weights, of those that are not rounded to 0, until the file is within the limit."""
        if self.size() > self.limit:
            parameters = dict(self.model.named_parameters())
            kept = {name: parameters[name].data != 0 for name in self.grid.latents}
            latents = {name: np.where(kept[name], t.data, 0) for name, t in self.grid.latents.items()}

            def size(K):
                self.grid.set_masks(self.best(K, kept, latents))
                return self.size()

            K = largest_within(self.limit, size, sum(int(mask.sum()) for mask in kept.values()))
            self.grid.set_masks(self.best(K, kept, latents))

    def size(self):
        """The bytes of the model's file as it is."""
        return len(to_bytes(self.plan()))

    def plan(self):
        """The int8 plan of the model as it is."""
        input_scale = 1 / 255 if _is_bytes(self.calibration) else None
        plan = quantize(self.model, self.calibration, law=self.law, per="layer", steps=self.grid.steps, input_scale=input_scale)
        plan.input = self.input
        return plan

    def verified(self):
        """The result: the file, decoded and scored on the held-out images -> Compressed."""
        epoch = len(self.history)
        if self.limit is not None:
            self.fit_into_the_limit()
        self.report.stages.append(float_stage("grid", epoch, self.model, self.held_out, self.example))
        data = to_bytes(self.plan())
        plan = from_bytes(data)
        self.report.stages.append(file_stage("file", epoch, plan, self.held_out, len(data)))
        start, end = self.report.stages[0], self.report.stages[-1]
        self.report.stopped = (f"stopped after {epoch} epochs: the file has {len(data):,} bytes, the budget is "
                               f"{self.report.budget}; held-out accuracy went from {start.accuracy:.2%} to {end.accuracy:.2%}")
        return Compressed(plan, data, self.report, self.model)

    def save(self):
        """Write the checkpoint, from which `resume` goes on with the same bits."""
        state = {"taken": self.taken, "K": self.K, "dense": self.dense, "folded": self.folded,
                 "settings": repr(self.settings), "curvature": self.curvature.state_dict(), "report": self.report.as_dict()}
        checkpoints.save(self.checkpoint, self.model, optimizer=self.grid, schedule=self.schedule, loader=self.training,
                         history=self.history, metadata={"compress": state})

    def resume(self):
        """Go on from the checkpoint.   ValueError if it is from a run with other settings or another budget."""
        state = checkpoints.load_state(self.checkpoint).metadata.get("compress", {})
        if state.get("settings") != repr(self.settings) or state["report"]["budget"] != self.report.budget:
            raise ValueError(f"compress: {self.checkpoint} is from a run with other settings or another budget; name another "
                             "file, or delete it")
        self.folded = state["folded"]
        freeze(self.model, self.folded or [])
        self.history = checkpoints.resume(self.checkpoint, self.model, self.grid, self.schedule, self.training)
        self.taken, self.K, self.dense = state["taken"], state["K"], state["dense"]
        self.curvature.load_state_dict(state["curvature"])
        self.report = Report.from_dict(state["report"])
        self.maps = weight_maps(self.model, self.example)


def largest_within(limit, size, most):
    """The largest K ≤ most with size(K) ≤ limit, found by bisection to within 1 %; size is taken to rise with K.

    Errors: ValueError where no K of those tried is small enough.
    Source: bisection, as in Press et al., Numerical Recipes, 3rd edition, §9.1.1.
    """
    low, high = 0, most
    if size(most) <= limit:
        return most
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        if (found := size(middle)) <= limit:
            low = middle
        else:
            high = middle
    if low == 0:
        raise BudgetTooSmall(f"compress: a file of {limit:,} bytes is too small: with one weight left it has {found:,}")
    return low


def _first_images(loader, count):
    """The first `count` images of one pass, float32."""
    images, seen = [], 0
    for batch, *_ in loader:
        images.append(batch)
        seen += len(batch)
        if seen >= count:
            break
    if not images:
        raise ValueError("compress: the training loader gives no batch")
    return np.concatenate(images)[:count]


def _is_bytes(images):
    """Whether all inputs are whole pixels ÷ 255."""
    pixels = 255 * images
    return images.min() >= 0 and images.max() <= 1 and np.abs(pixels - np.rint(pixels)).max() < 1e-3
