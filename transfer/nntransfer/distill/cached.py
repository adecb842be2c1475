"""Cached logits: the teachers' logits for every training image under every shift, computed once and kept on disk.

A student that trains for 40 epochs on shifted images would ask its teachers 40 times. There are only (2p + 1)² shifts by up to
p pixels, so the answers fit into a file: 275 MB for 55,000 images, 25 shifts and 10 classes in float16.

    cached = cached_logits("teacher.npz", teachers, dataset, pixels=2, prepare=[ToFloat()])
    loader = DataLoader(dataset, 128, shuffle=True, transform=[ToFloat()], indices=True, shift=RandomShift(2))
    fit(student, WithCachedTeacher(loader, cached), optimizer, epochs, loss=softened(temperature=2))

Source of the jitter and of soft targets: Hinton, Vinyals & Dean 2015 (arXiv 1503.02531), §2 and §3.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from nnlite import Tensor, compile
from nnlite import functional as F
from nnlite.data.transforms import RandomShift
from nnlite.files import check_writable, write_atomically
from nnlite.nn.lists import list_of_models


class CachedLogits(NamedTuple):
    """The teachers' mean logits of each image under each shift.

        logits[down + p, right + p, n] = 1/M Σ_m teacher_m(prepare(x_n moved by (down, right)))

    logits: (2p + 1, 2p + 1, N, classes) float16, of M teachers, N images x_n and moves of up to p pixels.
    Source: Hinton, Vinyals & Dean 2015 (arXiv 1503.02531), §2 and §3.
    """

    logits: np.ndarray

    @property
    def pixels(self):
        """The largest shift p."""
        return len(self.logits) // 2

    def of(self, indices, moves):
        """The logits of images `indices` (n,), moved by `moves` (n, 2) -> (n, classes) float32.

        Errors: ValueError for a move of more than p pixels, which would be another image's place in the array.
        """
        moves = np.asarray(moves)
        if np.abs(moves).max(initial=0) > self.pixels:
            raise ValueError(f"CachedLogits: a move of {np.abs(moves).max()} pixels, the logits are known up to {self.pixels}")
        down, right = moves.T + self.pixels
        return self.logits[down, right, indices].astype(np.float32)

    def part(self, chosen):
        """The `CachedLogits` of the images `chosen` only, numbers (n,) or a slice; they are numbered 0, 1, … from then on."""
        return CachedLogits(self.logits[:, :, chosen])


def cached_logits(path, teachers, dataset, pixels, prepare, batch_size=500):
    """The `CachedLogits` in the file `path`; without the file they are computed and written.

        logits[down + p, right + p, n] = 1/M Σ_m teacher_m(prepare(x_n moved by (down, right)))

    teachers    a list of M Modules; they infer, as plans of `nnlite.compile`
    dataset     a Dataset of N images x_n.   pixels: p, the largest shift, 0 and up
    prepare     the transforms that the teachers' images pass through after the shift, as `data.preprocessing` gives them
    Errors: ValueError for a file of other teachers, images, shifts or transforms (by a SHA-256 of all four), for no teacher,
    and for logits beyond float16's ±65504; TypeError for one Module in the list's place; OSError where the file cannot be
    written.
    """
    teachers, path = list_of_models("cached_logits", teachers), Path(path)
    if not teachers:
        raise ValueError("cached_logits: there is no teacher")
    plans = [compile(teacher, _prepared(dataset.images[:1], prepare)) for teacher in teachers]
    fingerprint = _fingerprint(teachers, plans, dataset, pixels, prepare)
    if path.exists():
        with np.load(path, allow_pickle=False) as file:
            if str(file["fingerprint"]) != fingerprint:
                raise ValueError(f"cached_logits: {path} holds the logits of other teachers, images, shifts or transforms than "
                                 "these; name another file, or delete it")
            return CachedLogits(file["logits"])
    check_writable(path)
    logits = _compute(plans, dataset, RandomShift(pixels), prepare, batch_size)
    write_atomically(path, lambda stream: np.savez(stream, logits=logits, fingerprint=np.array(fingerprint)))
    return CachedLogits(logits)


def _fingerprint(teachers, plans, dataset, pixels, prepare):
    """A SHA-256 of everything that the logits depend on: also of the layers and steps, which may differ at the same weights."""
    digest = hashlib.sha256(repr((pixels, list(prepare), teachers, plans)).encode())
    for array in (dataset.images, *(a for teacher in teachers for a in teacher.state_dict().values())):
        digest.update(repr((array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def _compute(plans, dataset, shift, prepare, batch_size):
    sides, N = 2 * shift.pixels + 1, len(dataset)
    logits = np.zeros((sides, sides, N, dataset.classes), np.float16)
    starts = [(d, r, k) for d in range(sides) for r in range(sides) for k in range(0, N, batch_size)]
    for d, r, k in tqdm(starts, "teachers", leave=False, disable=None):
        images = dataset.images[k : k + batch_size]
        images = shift.moved(images, *np.full((2, len(images)), [[d], [r]]) - shift.pixels)
        images = _prepared(images, prepare)
        z = sum(plan(images) for plan in plans) / len(plans)
        if not np.abs(z).max() <= np.finfo(np.float16).max:
            raise ValueError(f"cached_logits: the teachers' logits reach {np.abs(z).max():g}, float16 ends at 65504")
        logits[d, r, k : k + batch_size] = z
    return logits


def _prepared(images, prepare):
    for transform in prepare:
        images = transform(images, None)
    return images


class WithCachedTeacher:
    """The batches of a loader, each with the teachers' logits for its images: (images, labels, teacher_logits).

    The logits are those of the image as it was moved by the loader's `shift`; without a shift, of the image as it is. They do
    not depend on the loader's random transforms: with these, the student sees another view than its teachers did.

    loader: a DataLoader with indices=True.   cached: CachedLogits of the same dataset, with at least the pixels of
    loader.shift.   Errors: ValueError for a loader without indices, and for other numbers of images or larger shifts.
    """

    def __init__(self, loader, cached):
        if not getattr(loader, "indices", False):
            raise ValueError("WithCachedTeacher: the loader has to say which images it gave, as DataLoader(…, indices=True) "
                             f"does; got a {type(loader).__name__}")
        if loader.shift is not None and loader.shift.pixels > cached.pixels:
            raise ValueError(f"WithCachedTeacher: the loader shifts by up to {loader.shift.pixels} pixels, the logits are "
                             f"known up to {cached.pixels}")
        if len(loader.dataset) != cached.logits.shape[2]:
            raise ValueError(f"WithCachedTeacher: the loader has {len(loader.dataset)} images, the logits are of "
                             f"{cached.logits.shape[2]}")
        self.loader, self.cached = loader, cached

    @property
    def rng(self):
        """The loader's generator, so that a checkpoint can keep its state."""
        return self.loader.rng

    def __len__(self):
        return len(self.loader)

    def __iter__(self):
        for images, labels, indices, *moves in self.loader:
            moves = moves[0] if moves else np.zeros((len(indices), 2), int)
            yield images, labels, self.cached.of(indices, moves)


def softened(temperature):
    """A loss on batches with a teacher: the cross-entropy from the teacher's softened probabilities.

        L = −1/N Σ_n Σ_c softmax(z_t/T)_nc · ln softmax(z_s)_nc

    This is distillation at temperature T by a student whose logits are taken to be z_s T, without the labels and without the
    factor T², so its size does not depend on T.

    -> loss(logits z_s (N, C), labels, teacher_logits z_t (N, C)).   Errors: ValueError for T ≤ 0.
    Source: Hinton, Vinyals & Dean 2015 (arXiv 1503.02531), §2, eq. 1.
    """
    if not temperature > 0:
        raise ValueError(f"softened: the temperature has to be above 0, got {temperature}")

    def loss(logits, labels, teacher_logits):
        return F.cross_entropy(logits, F.softmax(Tensor(teacher_logits) / temperature).data)

    return loss
