import numpy as np
import pytest

from nnlite import data
from nntransfer.distill import InStep, TwoViews, Unlabelled, noise, without_classes


def numbered(N, first=0, classes=5):
    """Images whose pixels say which they are."""
    images = np.broadcast_to((first + np.arange(N, dtype=np.uint8))[:, None, None, None], (N, 1, 2, 2)).copy()
    return data.Dataset(images, np.arange(N) % classes, classes)


def test_batches_of_two_loaders_come_in_step_and_the_shorter_begins_anew():
    few, rest = data.DataLoader(numbered(3), 2, shuffle=True), data.DataLoader(numbered(12, 100), 4, shuffle=True)
    loader = InStep(few, rest)
    batches = list(loader)
    assert len(batches) == len(loader) == 3
    assert [len(images) for images, _ in batches] == [2 + 4, 1 + 4, 2 + 4]
    for images, labels in batches:
        pixels = images[:, 0, 0, 0].astype(int)
        assert (labels == np.where(pixels < 100, pixels % 5, -1)).all() and (np.diff(pixels >= 100).sum() == 1)
    assert sorted(int(p) for images, _ in batches for p in images[:, 0, 0, 0] if p >= 100) == list(range(100, 112))


def test_one_generator_serves_both_so_that_its_state_repeats_a_pass():
    loader = InStep(*[data.DataLoader(numbered(8), 2, shuffle=True, seed=seed) for seed in (1, 2)])
    list(loader)
    state = loader.rng.bit_generator.state
    first = list(loader)
    loader.rng.bit_generator.state = state
    for (a, la), (b, lb) in zip(first, loader, strict=True):
        assert (a == b).all() and (la == lb).all()


def test_images_of_different_shape_do_not_come_in_one_batch():
    with pytest.raises(ValueError, match=r"labelled images are \(1, 2, 2\) uint8, the others \(1, 3, 3\) uint8"):
        InStep(data.DataLoader(numbered(3)), data.DataLoader(Unlabelled(np.zeros((3, 1, 3, 3), np.uint8))))


def test_two_views_draw_from_one_generator_one_after_the_other():
    loader = TwoViews(data.DataLoader(numbered(4), 4), *[lambda images, rng: images + rng.random()] * 2)
    ((student, labels, teacher),) = loader
    rng = np.random.default_rng(0)
    assert labels.tolist() == [0, 1, 2, 3] and len(loader) == 1 and loader.dataset is loader.loader.dataset
    assert (student[:, 0, 0, 0] == np.arange(4) + rng.random()).all()
    assert (teacher[:, 0, 0, 0] == np.arange(4) + rng.random()).all()


def test_images_without_labels_are_a_dataset_whose_labels_are_all_minus_1():
    images = Unlabelled(np.zeros((4, 1, 2, 2), np.uint8), classes=3)
    assert images.labels.tolist() == [-1] * 4 and images[1:3].labels.tolist() == [-1, -1] and images[0][1] == -1
    assert [len(part) for part in images.split(0.5, 0)] == [2, 2]
    for choose in (lambda: images.few(1, 0), lambda: images.of_classes([2])):
        with pytest.raises(ValueError, match="none of the 4 images has a label"):
            choose()


def test_a_class_is_left_out_and_the_others_keep_their_numbers():
    left = without_classes(numbered(10), [3, 4])
    assert left.labels.tolist() == [0, 1, 2, 0, 1, 2] and left.classes == 5
    with pytest.raises(ValueError, match="there is no class 7, the dataset has classes 0 to 4"):
        without_classes(numbered(10), [7])
    with pytest.raises(ValueError, match=r"none of the 10 samples is of another class than \[0, 1, 2, 3, 4\]"):
        without_classes(numbered(10), list(range(5)))


def test_noise_is_uniform_and_the_seed_fixes_it():
    images = noise(200, (1, 8, 8), rng=3).images
    assert images.shape == (200, 1, 8, 8) and images.dtype == np.uint8
    assert abs(images.mean() - 127.5) < 3 and images.min() == 0 and images.max() == 255
    assert (images == noise(200, (1, 8, 8), rng=3).images).all() and (images != noise(200, (1, 8, 8), rng=4).images).any()
