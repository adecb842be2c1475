"""The options of a compression: how long it trains, how hard it prunes, and when each part begins and ends."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Settings:
    """The options of `compress`. Times are fractions of the whole training, from 0 to 1.

    epochs     passes through the training loader, from 1 up
    lr         Adam's largest rate: 200 steps of warm-up, then a cosine down to 0
    decay      AdamW's weight decay
    share      at `start`, each group of filters or neurons keeps the fewest that have this share of its worth
    channels   instead: {epoch (1, 2, …): {group name: how many stay after this epoch}}
    start, end, freeze    from `start` to `end` the number of weights falls (`agp_sparsity`); until `freeze` removed weights may
               come back in exchange for others
    quantize, settle      from `quantize` on, weights lie on a grid; until `settle` its step follows their mean size
    levels     the mean size of a layer's weights in steps of its grid: one number, or {layer name: number}. 1 keeps little but
               the signs; 3 is fine
    gamma      the exponent γ of `loss_per_bit`
    every      steps between two prunings
    Errors: ValueError for numbers out of their range, and times out of order.
    """

    epochs: int = 20
    lr: float = 2e-3
    decay: float = 0.0
    share: float = 0.99
    channels: dict = field(default_factory=dict)
    start: float = 0.05
    end: float = 0.4
    freeze: float = 0.5
    quantize: float = 0.4
    settle: float = 0.7
    levels: float | dict = 1.5
    gamma: float = 1.0
    every: int = 40

    def __post_init__(self):
        levels = self.levels.values() if isinstance(self.levels, dict) else [self.levels]
        for name, value in [("epochs", self.epochs), ("lr", self.lr), ("every", self.every), *(("levels", v) for v in levels)]:
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"Settings: {name} has to be positive, got {value}")
        if not 0 < self.share <= 1:
            raise ValueError(f"Settings: share has to be above 0 and at most 1, got {self.share}")
        if not 0 <= self.start < self.end <= self.freeze <= 1 or not self.quantize < self.settle <= 1:
            raise ValueError("Settings: times have to be in order, 0 ≤ start < end ≤ freeze ≤ 1 and quantize < settle ≤ 1, got "
                             f"start {self.start}, end {self.end}, freeze {self.freeze}, quantize {self.quantize}, settle "
                             f"{self.settle}")

    def levels_of(self, layer):
        """The levels of one layer.   ValueError where the dict has none for it."""
        if isinstance(self.levels, dict) and layer not in self.levels:
            raise ValueError(f"Settings: levels has no entry for {layer}, only for {', '.join(self.levels)}")
        return self.levels[layer] if isinstance(self.levels, dict) else self.levels
