"""Which of the two shelves the engine runs on, and that a student's own loops in the place of one train a network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nnlite import kernels
from nnlite.kernels import loops

ROOT = Path(__file__).parents[3]

# Train, compile, quantize and run the layer from its compressed form; print what a test wants to know.
WHOLE_ENGINE = """
import sys
import numpy as np
import nncompress, nnlite
from nncompress.sparse import CSR
from nnlite import functional as F, models, optim

model = models.cnn(in_channels=1, image_size=8)
optimizer = optim.Adam(model.parameters(), lr=0.01)
rng = np.random.default_rng(0)
x, labels = rng.standard_normal((8, 1, 8, 8)).astype(np.float32), rng.integers(0, 10, 8)
losses = []
for step in range(4):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), labels)
    loss.backward()
    optimizer.step()
    losses.append(float(loss.data))
model.eval()
logits, plan, int8 = model(x).data, nnlite.compile(model, x), nncompress.quantize(model, x)
assert np.abs(plan(x) - logits).max() < 1e-5 and np.abs(int8(x) - logits).max() < 0.2
CSR.from_dense(np.eye(3, dtype=np.float32)).matmul(np.ones((1, 3), np.float32))
nnlite.set_num_threads(1)
print(*losses)
"""


def run(program, folder=ROOT, **variables):
    """(lines of stdout, stderr) of a Python program with these environment variables, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in ("NNLITE_KERNELS", "NUMBA_DISABLE_JIT")}
    path = os.pathsep.join(str(folder / part) for part in ("", "compression", "transfer"))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300, cwd=folder,
                          env={**environment, "PYTHONPATH": path, **variables})
    return done.stdout.splitlines(), done.stderr


def test_loops_have_no_name_that_fast_has_not():
    if kernels.SHELF == "loops":
        pytest.skip("fast is tested without NNLITE_KERNELS")
    assert set(loops.__all__) <= set(kernels.fast.__all__)


@pytest.mark.parametrize("name", loops.__all__)
def test_every_name_of_the_shelf_is_the_packages_own(name):
    assert getattr(kernels, name) is getattr(sys.modules[f"nnlite.kernels.{kernels.SHELF}"], name)


@pytest.mark.parametrize("jit", ["0", "1"])
def test_the_whole_engine_runs_on_loops_without_fast_kernels_simd_or_threads(jit):
    tell = "print(*(name for name in sys.modules if name.startswith('nnlite.kernels.') and '.loops' not in name))"
    (losses, loaded), errors = run(WHOLE_ENGINE + tell, NNLITE_KERNELS="loops", NUMBA_DISABLE_JIT=jit)
    first, *_, last = map(float, losses.split())
    assert last < 0.7 * first, errors
    assert set(loaded.split()) <= {"nnlite.kernels.machine", "nnlite.kernels.machine.cache", "nnlite.kernels.machine.turn"}


def test_another_shelf_is_refused_by_name():
    _, errors = run("import nnlite.kernels", NNLITE_KERNELS="slow")
    assert errors.endswith("ValueError: NNLITE_KERNELS is 'slow', expects 'fast' or 'loops'\n")


def test_fast_kernels_that_are_not_compiled_are_refused_with_what_to_do():
    _, errors = run("import nnlite.kernels", NUMBA_DISABLE_JIT="1")
    assert errors.endswith("the fast kernels run only compiled: set NNLITE_KERNELS=loops, too\n")


STUDENTS_MATMUL = '''
import numpy as np


def matmul_formula(a, b):
    return np.einsum("mk,kn->mn", a, b)


def matmul(a, b, bias=None):
    """Column by column, and not even compiled."""
    calls.append(a.shape)
    c = np.zeros((a.shape[0], b.shape[1]), a.dtype)
    for n in range(b.shape[1]):
        for k in range(a.shape[1]):
            c[:, n] += a[:, k] * b[k, n]
        if bias is not None:
            c[:, n] += bias[n]
    return c


calls = []
'''


def test_a_students_own_loops_in_the_place_of_matmul_train_a_network(tmp_path):
    for package in "nnlite", "compression/nncompress":
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "nnlite/kernels/loops/matmul.py").write_text(STUDENTS_MATMUL)
    tell = "print(len(sys.modules['nnlite.kernels.loops.matmul'].calls))"
    (theirs, calls), errors = run(WHOLE_ENGINE + tell, tmp_path, NNLITE_KERNELS="loops")
    (ours,), _ = run(WHOLE_ENGINE, NNLITE_KERNELS="loops")
    assert int(calls) > 4 * 3, errors
    assert [float(loss) for loss in theirs.split()] == pytest.approx([float(loss) for loss in ours.split()], rel=1e-4)


def test_set_num_threads_on_loops_takes_any_number_and_uses_one():
    loops.set_num_threads(2)
    assert loops.most_threads() == 1
    with pytest.raises(ValueError, match="expects a whole number ≥ 1, got 0"):
        loops.set_num_threads(0)
