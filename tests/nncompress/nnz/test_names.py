import copy
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from networks import random_plan
from small_files import GOLDEN, golden_plan, small_file

from nncompress import inspect, load, save
from nncompress.nnz.fields import Fields
from nncompress.nnz.file import from_bytes, to_bytes
from nncompress.nnz.names import code_input
from nnlite.data import Input
from nnlite.errors import FormatError

ARTIFACTS = Path(__file__).parents[3] / "tutorials/papers/artifacts"
INPUT = Input((1, 2, 2), "uint8", (0.5,), (0.25,), ("oak", "elm"))  # of the golden plan: images of 1×2×2, two classes


def named(**changed):
    plan = golden_plan()
    plan.input = replace(INPUT, **changed)
    return plan


def bits_of(input, steps):
    fields = Fields("net.nnz")
    code_input(fields, input, steps)
    return fields.spent["names"]


@pytest.mark.parametrize("input", [
    INPUT, replace(INPUT, names=("0", "1")), replace(INPUT, dtype="float32", mean=(-1e-40,), std=(3e38,)),
    replace(INPUT, mean=(0.0,), std=(1.0,)), replace(INPUT, names=("", "naïve 木")), replace(INPUT, names=("1", "0")),
])
def test_the_names_part_comes_back_with_mean_and_deviation_in_float32(input):
    plan = golden_plan()
    plan.input = input
    loaded = from_bytes(to_bytes(plan))
    rounded = {name: tuple(float(np.float32(value)) for value in getattr(input, name)) for name in ("mean", "std")}
    assert loaded.input == replace(input, **rounded)
    assert to_bytes(loaded) == to_bytes(plan)


@pytest.mark.parametrize("mean, std", [((0.1307, 0.1307), (0.25, 0.5)), ((0.5, 0.5), (0.1, 0.1)), ((1.0, -2.0), (3.0, 4.0))])
def test_each_channel_has_its_own_mean_and_deviation(mean, std):
    plan = from_bytes(small_file(5))
    plan.input = replace(plan.input, mean=mean, std=std)
    again = from_bytes(to_bytes(plan)).input
    assert (again.mean, again.std) == tuple(tuple(float(np.float32(v)) for v in values) for values in (mean, std))


def test_a_file_without_names_is_the_same_as_ever():
    assert to_bytes(golden_plan()).hex() == GOLDEN and from_bytes(bytes.fromhex(GOLDEN)).input is None
    assert to_bytes(named())[3] == 3


@pytest.mark.parametrize("path", sorted(ARTIFACTS.glob("*.nnz")), ids=lambda path: path.stem)
def test_the_record_files_are_written_again_byte_for_byte(path):
    data = path.read_bytes()
    plan = from_bytes(data)
    assert plan.input is None and data[3] == 2
    assert to_bytes(plan) == data


def test_what_the_part_takes_by_hand():
    """Bytes: 1 bit; all channels the same: 1; the mean 1/2: not 0, positive, then 1 + 4 + 5 bits, as 1/4; numbers: 1 bit."""
    steps = golden_plan().steps
    assert bits_of(replace(INPUT, names=("0", "1")), steps) == pytest.approx(1 + 1 + 2 + 10 + 10 + 1, abs=0.01)
    # two names of three letters: for each γ(3 + 1) in 5 bits, and 24 bits
    assert bits_of(INPUT, steps) == pytest.approx(24 + 1 + 2 * (5 + 24), abs=0.01)


def test_mnists_part_takes_at_most_11_bytes():
    plan = from_bytes((ARTIFACTS / "lenet-5.nnz").read_bytes())
    before = len(to_bytes(plan))
    plan.input = Input((1, 28, 28), "uint8", (0.1307,), (0.3081,), tuple(map(str, range(10))))
    assert 0 < len(to_bytes(plan)) - before <= 11


def test_inspect_says_what_the_part_holds_and_takes(tmp_path):
    save(tmp_path / "a.nnz", named())
    found = inspect(tmp_path / "a.nnz")
    assert found.input == INPUT and found.version == 3
    assert found.parts["names"] == pytest.approx((25 + 58) / 8, abs=0.01) and sum(found.parts.values()) == found.file_bytes
    assert "images uint8, mean 0.5, deviation 0.25; classes oak, elm" in str(found).splitlines()
    found.parts["padding"] = -0.01  # real numbers of bits may add up to a little more than the file
    assert "padding               0.0    0.0%" in str(found).splitlines()
    save(tmp_path / "b.nnz", golden_plan())
    assert inspect(tmp_path / "b.nnz").input is None and "classes" not in str(inspect(tmp_path / "b.nnz"))


def test_a_loaded_plan_keeps_its_names_when_it_is_copied_and_saved(tmp_path):
    save(tmp_path / "a.nnz", named())
    plan = load(tmp_path / "a.nnz")
    for twin in (plan, copy.deepcopy(plan), pickle.loads(pickle.dumps(plan))):
        save(tmp_path / "b.nnz", twin)
        assert (tmp_path / "b.nnz").read_bytes() == (tmp_path / "a.nnz").read_bytes()
    x = np.arange(4, dtype=np.float32).reshape(1, 1, 2, 2)
    np.testing.assert_array_equal(plan(x), golden_plan()(x))


@pytest.mark.parametrize("changed, message", [
    ({"shape": (1, 4, 1)}, r"the Input has 2 classes and images of shape \(1, 4, 1\), the plan has 2 classes and \(1, 2, 2\)"),
    ({"names": ("oak", "elm", "ash")}, "the Input has 3 classes"),
    ({"names": ("oak", "e" * 256)}, "the length of the name of class 1 is more than 255"),
])
def test_names_that_do_not_fit_the_plan_are_not_written(changed, message, tmp_path):
    with pytest.raises(FormatError, match=f"a.nnz: near byte .*: {message}"):
        save(tmp_path / "a.nnz", named(**changed))
    assert not list(tmp_path.iterdir())


def test_two_classes_of_one_name_in_a_file_are_refused(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Input, "__post_init__", lambda input: None)  # so that such a file can be written
        data = to_bytes(named(names=("oak", "oak")))
    assert len(data) == len(to_bytes(named()))
    with pytest.raises(FormatError, match="net.nnz: near byte .*: the input of the model is .*'names': .*'oak', 'oak'"):
        from_bytes(data, "net.nnz")


def test_a_plan_that_gives_images_cannot_have_names_of_classes():
    plan = next(plan for plan, _ in map(random_plan, range(60)) if len(plan.steps[-1].shape) == 3)
    plan.input = INPUT
    with pytest.raises(FormatError, match="is not one number for each class"):
        to_bytes(plan)
