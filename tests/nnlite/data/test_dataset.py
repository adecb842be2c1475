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
        (IMAGES.astype(complex), LABELS, TypeError, "images are complex128, expected whole numbers or floats"),
        (IMAGES.astype(str), LABELS, TypeError, "images are <U.*, expected whole numbers or floats"),
        (IMAGES, LABELS.astype(np.float32), TypeError, "labels are float32, expected whole numbers or strings"),
        (IMAGES, None, TypeError, r"labels are None, .* model\(prepare\(images, name\)\)"),
        (IMAGES[0, 0, 0], LABELS, ValueError, r"shape \(2,\), expected \(N, C, H, W\), \(N, H, W\) or, for a table, \(N, F\)"),
        (np.zeros((3, 28, 28, 3)), LABELS, ValueError, r"looks like .*: call images.transpose\(0, 3, 1, 2\)"),
        (np.full((3, 2), 1e300), LABELS, ValueError, "row 0 holds 1e\\+300 at column 0, which is too large for float32"),
        (IMAGES, ["a", "b", "a"], ValueError, "labels are strings, so `classes` is the list of all names"),
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


def test_labels_may_be_names_which_are_sorted():
    dataset = Dataset(IMAGES, ["oak", "elm", "oak"])
    assert (dataset.labels.tolist(), dataset.classes, dataset.names) == ([1, 0, 1], 2, ("elm", "oak"))
    assert dataset.labels.dtype == np.int64
    assert repr(dataset) == "Dataset(3 images (1, 2, 2) float32, 2 classes: elm, oak)"
    of_pandas = Dataset(IMAGES, np.array(["oak", "elm", "oak"], object))
    assert of_pandas.labels.tolist() == [1, 0, 1]


def test_the_names_of_the_classes_may_be_given_in_their_order():
    for labels in (["oak", "elm", "oak"], [2, 0, 2]):
        dataset = Dataset(IMAGES, labels, ["elm", "ash", "oak"])
        assert (dataset.labels.tolist(), dataset.classes, dataset.names) == ([2, 0, 2], 3, ("elm", "ash", "oak"))


def test_the_names_stay_with_every_part_of_a_dataset():
    dataset = Dataset(np.zeros((6, 1, 2, 2)), [0, 1, 2] * 2, ["elm", "ash", "oak"])
    for part in (dataset[2:4], *dataset.split(0.5, 0), dataset.few(1, 0)):
        assert part.names == ("elm", "ash", "oak")
    some = dataset.of_classes([2, 0])
    assert (some.names, some.labels.tolist()) == (("oak", "elm"), [1, 0, 1, 0])


@pytest.mark.parametrize("labels, classes, message", [
    (["oak", "elm", "fir"], ["elm", "oak"], "label 'fir' at index 2 is not one of the classes elm, oak"),
    ([0, 1, 0], ["elm", "elm"], "two classes are named 'elm'"),
    ([0, 1, 2], ["elm", "oak"], "label 2 at index 2, expected 0 to 1"),
])
def test_names_that_do_not_fit_are_refused(labels, classes, message):
    with pytest.raises(ValueError, match=message):
        Dataset(IMAGES, labels, classes)


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int64, np.uint16, np.int8, bool])
def test_other_numbers_become_float32_and_bytes_and_float32_are_not_copied(dtype):
    images = np.array([[0, 1], [1, 0]], dtype)
    dataset = Dataset(images, [0, 1], 2)
    assert dataset.images.dtype == np.float32 and dataset.images.tolist() == [[0, 1], [1, 0]]
    for kept in (images.astype(np.uint8), images.astype(np.float32)):
        assert np.shares_memory(Dataset(kept, [0, 1], 2).images, kept)


def test_grey_images_get_a_channel_and_a_table_stays_one():
    assert Dataset(np.zeros((3, 24, 40), np.uint8), LABELS, 2).images.shape == (3, 1, 24, 40)
    table = Dataset(np.zeros((3, 7)), LABELS, 2)
    assert table.images.shape == (3, 7)
    assert repr(table) == "Dataset(3 rows (7,) float32, 2 classes)"


def test_every_fifth_gives_each_class_its_share_of_the_test_part():
    dataset = dataset_of([0] * 50 + [1] * 10 + [2] * 5, classes=3)
    train, test = dataset.every_fifth()
    assert np.bincount(test.labels).tolist() == [10, 2, 1] and len(train) == 52
    assert sorted(origins(train) + origins(test)) == list(range(65))
    assert origins(dataset.every_fifth()[1]) == origins(test) != [*range(0, 65, 5)]


def test_every_fifth_leaves_each_class_in_the_training_part_or_names_it():
    train, _ = dataset_of([0, 0, 1, 1, 2, 2], classes=4).every_fifth()
    assert set(train.labels) == {0, 1, 2}
    with pytest.raises(ValueError, match="class 1 has 1 sample, training and test need one each"):
        dataset_of([0, 0, 1], classes=2).every_fifth()
    with pytest.raises(ValueError, match="class 'oak' has 1 sample"):
        Dataset(IMAGES, ["elm", "elm", "oak"]).every_fifth()
