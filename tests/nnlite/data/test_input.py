from dataclasses import replace

import numpy as np
import pytest

from nnlite.data import Dataset, Input, Normalize, ToFloat, input_of, preprocessing
from nnlite.data.input import check_same_input, input_from_dict

GREY = Input((1, 24, 40), "uint8", (0.25,), (0.5,), ("circle", "cross"))


def test_the_input_of_a_dataset_has_its_shape_its_moments_and_its_names():
    images = np.zeros((4, 2, 1, 3), np.uint8)
    images[:2, 0], images[:, 1] = 255, 51
    dataset = Dataset(images, ["b", "a", "a", "b"])
    assert input_of(dataset, preprocessing(dataset)) == Input((2, 1, 3), "uint8", (0.5, 0.2), (0.5, 1.0), ("a", "b"))


def test_classes_without_names_are_called_by_their_numbers():
    table = Dataset(np.float64([[1], [3]]), [0, 1], classes=2)
    assert input_of(table, preprocessing(table)) == Input((1,), "float32", (2.0,), (1.0,), ("0", "1"))


def test_only_bytes_are_divided_by_255():
    assert GREY.preprocessing == [ToFloat(), Normalize((0.25,), (0.5,))]
    assert replace(GREY, dtype="float32").preprocessing == [Normalize((0.25,), (0.5,))]


def test_a_dict_of_lists_and_back():
    assert GREY.as_dict() == {"shape": [1, 24, 40], "dtype": "uint8", "mean": [0.25], "std": [0.5],
                              "names": ["circle", "cross"]}
    assert input_from_dict(GREY.as_dict()) == GREY


@pytest.mark.parametrize("field, value", [
    ("shape", [2, 24, 40]), ("shape", []), ("shape", [1, -24, 40]), ("shape", [True, 24, 40]), ("dtype", "int8"), ("dtype", 8),
    ("mean", [float("nan")]), ("mean", [1e300]), ("mean", 0.2), ("std", [0.0]), ("std", [1e-300]), ("std", [-1.0]),
    ("std", [1]), ("std", [0.5, 0.5]), ("names", []), ("names", ["a", "a"]), ("names", [1, 2]), ("names", None),
    ("names", ["caf\udce9", "tea"]),
])
def test_an_input_that_makes_no_sense_is_refused(field, value):
    with pytest.raises(ValueError, match="the input of the model is {.*" + field):
        input_from_dict({**GREY.as_dict(), field: value})


@pytest.mark.parametrize("change, problem", [
    ({"shape": (1, 0, 40)}, "the shape has to be one to three sizes from 1 up"),
    ({"dtype": "int8"}, "the dtype has to be uint8 or float32"),
    ({"std": (0.5, 0.5)}, "1 channels need as many means and deviations, got 1 and 2"),
    ({"std": (0.0,)}, "means and deviations have to be finite in float32, deviations above 0"),
    ({"mean": (1e300,)}, "means and deviations have to be finite in float32, deviations above 0"),
    ({"names": ("a", "a")}, "every class needs a name of its own"),
    ({"names": ("tea", b"caf\xe9".decode(errors="surrogateescape"))}, r"names have to be text in UTF-8, got 'caf\\udce9'"),
])
def test_the_refusal_says_what_does_not_fit(change, problem):
    with pytest.raises(ValueError, match=f"the input of the model is {{.*}}: {problem}$"):
        replace(GREY, **change)


@pytest.mark.parametrize("value", [None, [], "uint8", {}])
def test_what_is_no_input_is_refused(value):
    with pytest.raises(ValueError, match="the input of the model is "):
        input_from_dict(value)


@pytest.mark.parametrize("other, message", [
    ({"names": ("circle", "ring")}, "m.npz: class 1 is 'cross' in the file and 'ring' in the data; both need the same classes"),
    ({"names": ("cross", "circle")}, "m.npz: class 0 is 'circle' in the file and 'cross' in the data"),
    ({"names": ("circle",)}, r"m.npz tells 2 classes apart, the data has 1 \(--classes chooses some\)"),
    ({"dtype": "float32"}, "m.npz takes images of uint8, the data has float32; give bytes from 0 to 255"),
    ({"shape": (1, 40, 24)}, r"m.npz takes images of shape \(1, 24, 40\), the data has \(1, 40, 24\)"),
])
def test_data_of_other_images_or_classes_is_refused_with_the_first_difference(other, message):
    with pytest.raises(ValueError, match=message):
        check_same_input("m.npz", GREY, replace(GREY, **other))
    check_same_input("m.npz", GREY, replace(GREY, mean=(0.5,), std=(2.0,)))
