import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlite.data import Dataset


def dataset_of(labels, classes):
    """Every image is filled with its own index, so that an image tells where it came from."""
    labels = np.array(labels, np.int64)
    images = np.arange(len(labels), dtype=np.float32)[:, None, None, None] + np.zeros((1, 2, 3, 4), np.float32)
    return Dataset(images, labels, classes)


def origins(dataset):
    return dataset.images[:, 0, 0, 0].astype(int).tolist()


def test_length_repr_and_pairs():
    dataset = dataset_of([2, 0, 1], classes=3)
    assert len(dataset) == 3
    assert repr(dataset) == "Dataset(3 images (2, 3, 4) float32, 3 classes)"
    image, label = dataset[1]
    assert image.shape == (2, 3, 4) and image[0, 0, 0] == 1 and label == 0
    assert [label for _, label in dataset] == [2, 0, 1]


def test_slices_index_arrays_and_masks_give_datasets():
    dataset = dataset_of([0, 1, 2, 1, 0], classes=3)
    for index, expected in [
        (slice(1, 4), [1, 2, 3]),
        (slice(None, None, -2), [4, 2, 0]),
        (np.array([3, 3, 0]), [3, 3, 0]),
        ([4, 1], [4, 1]),
        (dataset.labels == 1, [1, 3]),
    ]:
        part = dataset[index]
        assert origins(part) == expected
        assert part.labels.tolist() == [dataset.labels[i] for i in expected]
        assert part.classes == 3


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 9), min_size=2, max_size=30), st.floats(0, 1), st.integers(0, 5))
def test_split_deals_every_sample_to_one_part(labels, fraction, seed):
    dataset = dataset_of(labels, classes=10)
    if round(fraction * len(labels)) in (0, len(labels)):
        with pytest.raises(ValueError, match="leaves one part empty"):
            dataset.split(fraction, seed)
        return
    first, rest = dataset.split(fraction, seed)
    assert len(first) == round(fraction * len(labels))
    assert sorted(origins(first) + origins(rest)) == list(range(len(labels)))
    for part in (first, rest):
        assert part.labels.tolist() == [labels[i] for i in origins(part)]


def test_split_is_random_and_repeats_with_its_seed():
    dataset = dataset_of([0] * 100, classes=1)
    first = [origins(dataset.split(0.5, rng)[0]) for rng in (1, 1, np.random.default_rng(1), 2)]
    assert first[0] == first[1] == first[2] != first[3]
    assert first[0] != list(range(50))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.integers(1, 5), st.integers(0, 5))
def test_few_takes_as_many_of_every_class_or_names_the_class_that_is_short(labels, per_class, seed):
    dataset = dataset_of(labels, classes=3)
    counts = [labels.count(k) for k in range(3)]
    short = [k for k in range(3) if counts[k] < per_class]
    if short:
        message = f"{per_class} samples per class asked, class {short[0]} has {counts[short[0]]}"
        with pytest.raises(ValueError, match=message):
            dataset.few(per_class, seed)
        return
    few = dataset.few(per_class, seed)
    assert np.bincount(few.labels, minlength=3).tolist() == [per_class] * 3
    assert origins(few) == sorted(set(origins(few)))
    assert few.labels.tolist() == [labels[i] for i in origins(few)]
    assert origins(few) == origins(dataset.few(per_class, seed))


def test_few_never_takes_a_sample_twice():
    assert origins(dataset_of([0, 1, 2] * 10, classes=3).few(10, 0)) == list(range(30))


def test_few_of_nothing_is_refused():
    with pytest.raises(ValueError, match="0 samples per class asked"):
        dataset_of([0, 1], classes=2).few(0, 0)


def test_of_classes_keeps_and_relabels():
    part = dataset_of([9, 0, 5, 7, 5, 1], classes=10).of_classes([5, 6, 7, 8, 9])
    assert origins(part) == [0, 2, 3, 4]
    assert part.labels.tolist() == [4, 0, 2, 0]
    assert part.labels.dtype == np.int64
    assert part.classes == 5


def test_of_classes_takes_the_classes_in_the_given_order():
    assert dataset_of([0, 1, 2], classes=3).of_classes([2, 0]).labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    "classes, message",
    [
        ([0, 3], "no class 3, the dataset has classes 0 to 2"),
        ([-1], "no class -1"),
        ([1, 1], "class 1 is named twice"),
        ([], "no samples"),
    ],
)
def test_of_classes_refuses(classes, message):
    with pytest.raises(ValueError, match=message):
        dataset_of([0, 1, 2], classes=3).of_classes(classes)


IMAGES = np.zeros((3, 1, 2, 2), np.float32)
LABELS = np.array([0, 1, 0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_pixel_that_is_no_number_is_named(value):
    images = IMAGES.copy()
    images[2, 0, 1, 0] = value
    with pytest.raises(ValueError, match=f"image 2 holds {value} at channel 0, row 1, column 0"):
        Dataset(images, LABELS, 2)


@pytest.mark.parametrize("label, index", [(2, 1), (-1, 2)])
def test_a_label_out_of_range_is_named_with_its_index(label, index):
    labels = LABELS.copy()
    labels[index] = label
    with pytest.raises(ValueError, match=f"label {label} at index {index}, expected 0 to 1"):
        Dataset(IMAGES, labels, 2)


@pytest.mark.parametrize(
    "images, labels, error, message",
    [
        (IMAGES.astype(np.float64), LABELS, TypeError, "images are float64, expected uint8 or float32"),
        (IMAGES, LABELS.astype(np.float32), TypeError, "labels are float32, expected whole numbers"),
        (IMAGES, None, TypeError, r"labels are None, .* model\(prepare\(images, name\)\)"),
        (IMAGES[0], LABELS, ValueError, r"shape \(1, 2, 2\), expected \(N, C, H, W\)"),
        (IMAGES, LABELS[:, None], ValueError, r"shape \(3, 1\), expected \(N,\)"),
        (IMAGES[:2], LABELS, ValueError, "2 images but 3 labels"),
        (IMAGES[:0], LABELS[:0], ValueError, r"no samples, images have shape \(0, 1, 2, 2\)"),
    ],
)
def test_what_does_not_fit_is_refused(images, labels, error, message):
    with pytest.raises(error, match=message):
        Dataset(images, labels, 2)


def test_an_empty_selection_is_refused():
    with pytest.raises(ValueError, match="no samples"):
        Dataset(IMAGES, LABELS, 2)[3:]


@pytest.mark.parametrize("labels", [[2, 0, 1], np.array([2, 0, 1], np.uint8), np.array([2, 0, 1], np.int32)])
def test_labels_may_be_any_whole_numbers(labels):
    dataset = Dataset(np.zeros((3, 1, 2, 2), np.uint8), labels, classes=3)
    assert dataset.labels.dtype == np.int64 and dataset.labels.tolist() == [2, 0, 1]


@pytest.mark.parametrize("classes", [0, 2.5, None])
def test_the_number_of_classes_is_a_whole_one(classes):
    with pytest.raises(ValueError, match=f"classes is {classes}, expected a whole number of at least 1"):
        Dataset(np.zeros((3, 1, 2, 2), np.uint8), [0, 0, 0], classes)
