"""Writes integer_network.npz: a network of digits in integers, and for 120 test images the sums of its last layer by both laws.

The sums are computed here with Python's fractions and integers, not by the library's kernels.
"""

from fractions import Fraction
from math import floor
from pathlib import Path

import numpy as np

import nncompress
from nnlite import data, models, optim, train

digits, test = data.load("digits")
prepare = data.preprocessing("digits")
model = models.mlp(in_features=64, hidden=16)
loader = data.DataLoader(digits, batch_size=64, shuffle=True, seed=0, transform=prepare)
train.fit(model, loader, optim.SGD(model.parameters(), lr=0.05, momentum=0.9), epochs=20, progress=False)
some, _ = next(iter(data.DataLoader(digits, batch_size=500, transform=prepare)))
images, labels = next(iter(data.DataLoader(test, batch_size=120, transform=prepare)))
plan = nncompress.quantize(model, some)
pixels, _, first, last = plan.steps
q = plan.run(images)[1]


def folded(step, Z1):
    return (step.b - Z1 * step.w.sum(axis=1, dtype=np.int64)).astype(np.int32)


def half_away(x):
    return floor(abs(x) + Fraction(1, 2)) * (1 if x >= 0 else -1)


def by_fixed(acc, M):
    m, e = np.frexp(M)
    M0 = floor(Fraction(float(m)) * 2**31 + Fraction(1, 2))
    return half_away(floor(Fraction(acc * M0, 2**31) + Fraction(1, 2)) * Fraction(2) ** int(e))


def by_float(acc, M):
    return round(float(np.float32(acc) * np.float32(M)))


M = np.float64(pixels.S) * first.w_scale.astype(np.float64) / np.float64(first.S)
b1, b2 = folded(first, pixels.Z), folded(last, first.Z)
acc = q.astype(int) @ first.w.T.astype(int) + b1
sums = {}
for law, multiply in (("fixed", by_fixed), ("float", by_float)):
    real = np.array([[multiply(int(x), m) for x, m in zip(row, M, strict=True)] for row in acc])
    hidden = np.clip(first.Z + real, first.Z, 255)              # a ReLU: low = Z
    sums[law] = hidden @ last.w.T.astype(int) + b2
scale = float(first.S) * last.w_scale.astype(np.float64)
for law, result in sums.items():
    print(law, "wrong of 120:", (np.argmax(result * scale, axis=1) != labels).sum())
print("in floats:", (model.eval()(images).data.argmax(1) != labels).sum())
np.savez_compressed(Path(__file__).with_suffix(".npz"), q=q, w1=np.ascontiguousarray(first.w.T), b1=b1, M=M, Z=first.Z,
                    w2=np.ascontiguousarray(last.w.T), b2=b2, scale=scale, labels=labels.astype(np.uint8),
                    fixed=sums["fixed"].astype(np.int32), float=sums["float"].astype(np.int32))
