import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnlite.data import DataLoader, Dataset, RandomCrop, RandomHorizontalFlip, RandomShift


def dataset_of(count):
    """Image n and label n both hold n."""
    n = np.arange(count)
    return Dataset(np.broadcast_to(n.astype(np.uint8)[:, None, None, None], (count, 1, 4, 4)), n, classes=count)


def one_pass(loader):
    """The labels of each batch, after checking that every image came along with its label."""
    batches = []
    for images, labels in loader:
        assert images.shape == (len(labels), 1, 4, 4)
        assert (images == labels[:, None, None, None]).all()
        batches.append(labels.tolist())
    return batches


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(1, 45), st.booleans(), st.booleans())
def test_one_pass_visits_every_sample_once(count, batch_size, shuffle, drop_last):
    if drop_last and batch_size > count:
        with pytest.raises(ValueError, match=f"batch_size {batch_size} with drop_last leaves no batch of {count}"):
            DataLoader(dataset_of(count), batch_size, drop_last=True)
        return
    loader = DataLoader(dataset_of(count), batch_size, shuffle, drop_last=drop_last)
    batches = one_pass(loader)
    visited = sum(batches, [])
    assert len(batches) == len(loader)
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert len(set(visited)) == len(visited)
    if drop_last:
        assert len(batches[-1]) == batch_size and len(visited) == count - count % batch_size
    else:
        assert len(visited) == count
    if not shuffle:
        assert visited == list(range(len(visited)))


def test_each_pass_has_a_new_order_and_a_seed_repeats_them_all():
    passes = [
        [one_pass(loader) for _ in range(3)]
        for loader in (DataLoader(dataset_of(50), 8, True, seed) for seed in (3, 3, np.random.default_rng(3), 4))
    ]
    assert passes[0] == passes[1] == passes[2] != passes[3]
    assert passes[0][0] != passes[0][1] != passes[0][2]


def test_with_the_generator_state_put_back_a_new_loader_goes_on_bit_for_bit():
    noise = np.random.default_rng(5).integers(0, 256, (30, 3, 8, 8), np.uint8)
    dataset = Dataset(noise, np.arange(30), classes=30)

    def make_loader(seed):
        augment = [RandomHorizontalFlip(), RandomShift(1), RandomCrop(8, 2)]
        return DataLoader(dataset, 7, shuffle=True, seed=seed, transform=augment)

    uninterrupted = make_loader(seed=0)
    for _ in range(2):
        list(uninterrupted)
    state = uninterrupted.rng.bit_generator.state
    resumed = make_loader(seed=99)
    resumed.rng.bit_generator.state = state
    for _ in range(2):
        for (images, labels), (images_resumed, labels_resumed) in zip(uninterrupted, resumed, strict=True):
            np.testing.assert_array_equal(images, images_resumed)
            np.testing.assert_array_equal(labels, labels_resumed)


def test_transforms_are_applied_in_turn_with_the_loaders_generator():
    seen = []

    def add_one(images, rng):
        seen.append(rng)
        return images + 1

    def double(images, rng):
        seen.append(rng)
        return images * 2

    loader = DataLoader(dataset_of(3), transform=[add_one, double])
    ((images, _),) = loader
    assert images[:, 0, 0, 0].tolist() == [2, 4, 6]
    assert seen == [loader.rng, loader.rng]
    ((images, _),) = DataLoader(dataset_of(3), transform=double)
    assert images[:, 0, 0, 0].tolist() == [0, 2, 4]


def test_a_transform_that_writes_into_its_batch_does_not_reach_the_dataset():
    def spoil(images, rng):
        images[:] = 77
        return images

    dataset = dataset_of(5)
    list(DataLoader(dataset, transform=spoil))
    assert dataset.images[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "8", None])
def test_a_batch_size_that_is_none_is_refused(batch_size):
    with pytest.raises(ValueError, match=f"batch_size {batch_size}, expected a whole number of at least 1"):
        DataLoader(dataset_of(5), batch_size)


def test_a_transform_has_to_be_callable():
    with pytest.raises(TypeError, match="transform 3 cannot be called"):
        DataLoader(dataset_of(5), transform=[3])


@pytest.mark.parametrize(
    "transform, error, message",
    [
        (lambda images, rng: None, TypeError, "returned NoneType, expected an array"),
        (lambda images, rng: images[:2], ValueError, r"returned \(2, 1, 4, 4\), expected \(5, C, H, W\)"),
        (lambda images, rng: images.reshape(5, -1), ValueError, r"returned \(5, 16\), expected \(5, C, H, W\)"),
    ],
)
def test_a_transform_has_to_return_the_batch(transform, error, message):
    with pytest.raises(error, match=message):
        list(DataLoader(dataset_of(5), transform=transform))


def test_a_loader_can_say_which_images_it_gave():
    images = np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1)
    dataset = Dataset(images, np.arange(10), classes=10)
    loader = DataLoader(dataset, 4, shuffle=True, indices=True, transform=lambda x, rng: x + 1)
    seen = []
    for batch, labels, indices in loader:
        assert batch.reshape(-1).tolist() == (indices + 1).tolist() and labels.tolist() == indices.tolist()
        seen += indices.tolist()
    assert sorted(seen) == list(range(10)) and seen != sorted(seen)


def test_a_loader_can_say_how_it_moved_each_image():
    images = np.random.default_rng(0).integers(1, 255, (10, 1, 5, 4)).astype(np.uint8)
    loader = DataLoader(Dataset(images, np.arange(10), classes=10), 4, shuffle=True, indices=True, shift=RandomShift(2),
                        transform=lambda x, rng: x.astype(np.float32))
    seen = set()
    for batch, _, indices, moves in loader:
        for x, n, (down, right) in zip(batch, indices, moves, strict=True):
            padded = np.pad(images[n], ((0, 0), (2, 2), (2, 2)))
            assert (x == padded[:, 2 - down : 7 - down, 2 - right : 6 - right]).all()
            seen.add((int(down), int(right)))
    assert len(seen) > 5 and all(abs(move) <= 2 for pair in seen for move in pair)
