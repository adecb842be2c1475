"""The contents of a file as a table, and where its bytes go."""

from dataclasses import dataclass, field

import numpy as np

from nnlite.data import Input

PARTS = ("positions", "signs", "sizes", "biases",  # as `nncompress.coding.layer` counts them
         "values", "indices", "codebooks", "scales", "header", "names", "padding", "checksum")


@dataclass
class LayerSize:
    """One layer in a file.

    shape: of the weights in the file.   dense_shape: of the same layer before dead units were left out.
    bits: of a weight.   form: how the weights are coded, in words.   nonzero: how many weights are not 0.
    bytes: of its scales, biases and weights together.   parts: {part: bytes}, which add up to `bytes`.
    """

    name: str
    kind: str
    shape: tuple
    dense_shape: tuple
    bits: int
    form: str
    nonzero: int
    bytes: float
    parts: dict = field(default_factory=dict)


@dataclass
class Inspection:
    """The contents of a file.

    layers: a LayerSize for each layer.   parts: {part: bytes}, which add up to file_bytes (a part may end inside a byte).
    parameters, macs: of the plan.
    """

    path: str
    version: int
    file_bytes: int
    law: str
    input_shape: tuple
    layers: list
    parts: dict
    parameters: int
    macs: int
    input: Input | None

    @property
    def dense_bytes(self):
        """Bytes of all weights and biases in float32, dead units included."""
        return 4 * sum(int(np.prod(layer.dense_shape)) + layer.dense_shape[0] for layer in self.layers)

    @property
    def by_layer(self):
        """{layer: {part: bytes}}; "the rest" is what belongs to no layer. `nnlite.plot.bytes_of_parts` draws it."""
        rows = {layer.name: layer.parts for layer in self.layers}
        rest = {part: size - sum(parts.get(part, 0) for parts in rows.values()) for part, size in self.parts.items()}
        return rows | {"the rest": {part: max(size, 0.0) for part, size in rest.items() if abs(size) > 1e-9}}

    def __str__(self):
        lines = [f"{self.path}: {self.file_bytes:,} bytes (version {self.version}), law {self.law}, input {self.input_shape}, "
                 f"{len(self.layers)} layers", f"in float32 its layers, dead units included, have {self.dense_bytes:,} bytes: "
                 f"{self.dense_bytes / self.file_bytes:.1f} times as many", *([str(self.input)] if self.input else []), "",
                 f"{'layer':20} {'of':>14} {'weights':>14} {'not 0':>9} {'bits':>4}  {'form':18} {'bytes':>9} {'bits each':>9}"]
        for layer in self.layers:
            of, shape = ("×".join(map(str, s)) for s in (layer.dense_shape, layer.shape))
            lines.append(f"{layer.name:20} {of:>14} {shape:>14} {layer.nonzero:9,} {layer.bits:4}  {layer.form:18} "
                         f"{layer.bytes:9,.0f} {8 * layer.bytes / max(layer.nonzero, 1):9.2f}")
        lines += ["", f"{'part':12} {'bytes':>12} {'share':>7}"]
        for part, size in self.parts.items():
            if size:
                lines.append(f"{part:12} {size:z12,.1f} {size / self.file_bytes:z7.1%}")
        return "\n".join([*lines, f"{'total':12} {sum(self.parts.values()):12,.1f} {1:7.1%}"])
