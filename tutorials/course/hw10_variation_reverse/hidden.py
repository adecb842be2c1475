"""The tests that only the grader has."""

from math import log
from pathlib import Path

import numpy as np
from checking import dtype, refuses, same, tests_of

visible = tests_of(Path(__file__).with_name("visible.py"))
reverse, shannon = visible["reverse"], visible["shannon"]


def large_logits(student, rng):
    z_s, z_t = np.array([[2000.0, 0.0, 0.0]]), np.array([[0.0, 2000.0, 0.0]])
    l, dz = student.reverse_divergence(z_s, z_t, 2.0)
    same(l, 4 * 1000.0)
    same(dz, np.zeros((1, 3)))
    l, dz = student.jensen_shannon(z_s, z_t, 2.0)
    same(l, 4 * log(2), within=1e-12)
    same(dz, np.zeros((1, 3)))
    l, dz = student.reverse_divergence(np.array([[2 * log(3), 0.0, -9000.0]]), np.array([[0.0, 0.0, 9000.0]]), 2.0)
    same(l, 4 * (3 / 4 * log(3 / 4) + 1 / 4 * log(1 / 4) + 4500), within=1e-8)
    first = 2 * 3 / 4 * 1 / 4 * log(3)
    same(dz, [[first, -first, 0]], within=1e-8)
    l, dz = student.jensen_shannon(np.array([[2 * log(3), 0.0, -9000.0]]), np.array([[0.0, 2 * log(3), -9000.0]]), 2.0)
    same(l, 4 * (3 / 4 * log(3 / 2) + 1 / 4 * log(1 / 2)), within=1e-12)
    same(dz, [[first / 2, -first / 2, 0]], within=1e-12)


def equal_and_moved(student, rng):
    """A student like its teacher has nothing to learn; a number added to all logits of an example changes nothing."""
    z_s, z_t = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    for loss in (student.reverse_divergence, student.jensen_shannon):
        l, dz = loss(z_s, z_s + 3.0, 1.5)
        same(l, 0.0, within=1e-12)
        same(dz, np.zeros((3, 5)), within=1e-12)
        l, dz = loss(z_s, z_t, 1.5)
        moved, dz_moved = loss(z_s + rng.normal(size=(3, 1)), z_t + rng.normal(size=(3, 1)), 1.5)
        same(moved, l, within=1e-12)
        same(dz_moved, dz, within=1e-12)
        same(dz.sum(axis=1), np.zeros(3), within=1e-12)
        same(loss(np.ones((2, 1)), np.zeros((2, 1)), 1.5)[0], 0.0)


def float32_and_memory(student, rng):
    z_s, z_t = rng.normal(size=(2, 3)).astype(np.float32), rng.normal(size=(2, 3)).astype(np.float32)
    for loss, by_loops in ((student.reverse_divergence, reverse), (student.jensen_shannon, shannon)):
        l, dz = loss(z_s, z_t, 2.0)
        dtype(l, np.float32)
        dtype(dz, np.float32)
        same(l, by_loops(z_s.astype(float), z_t.astype(float), 2.0), within=1e-5)


def refusals(student, rng):
    z = np.zeros((2, 3))
    for loss in (student.reverse_divergence, student.jensen_shannon):
        same(loss(z, z, 1.0)[0], 0.0)                                                   # to refuse everything is no solution
        for T in (0, -1.0, np.nan, np.inf):
            refuses(loss, z, z, T)
        for z_s, z_t in ((z, z[:1]), (z, z[:, :2]), (z[0], z[0]), (z[:0], z[:0]), (z[:, :0], z[:, :0]), (z[None], z[None])):
            refuses(loss, z_s, z_t, 2.0)
