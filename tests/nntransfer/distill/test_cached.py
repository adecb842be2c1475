import numpy as np
import pytest

from nnlite import data, models, nn, optim, train
from nnlite import functional as F
from nnlite.nn.module import inference_mode
from nntransfer.distill import CachedLogits, TwoViews, WithCachedTeacher, cached_logits, softened


@pytest.fixture(scope="module")
def dataset():
    return data.load("digits")[0][:20]


def teachers(count=2):
    return [models.mlp(in_features=64, hidden=8, seed=seed) for seed in range(count)]


def asked(models_, dataset, n, down, right):
    """What the teachers say on average to image n, moved by hand."""
    x = dataset.images[n : n + 1]
    moved = np.zeros_like(x)
    H, W = x.shape[2:]
    for i in range(H):
        for j in range(W):
            if 0 <= i - down < H and 0 <= j - right < W:
                moved[0, 0, i, j] = x[0, 0, i - down, j - right]
    z = []
    for model in models_:
        with inference_mode(model):
            z.append(model(moved.astype(np.float32) / 255).data[0])
    return np.mean(z, axis=0)


def test_a_batch_comes_with_what_the_teachers_say_to_the_moved_images(dataset, tmp_path):
    cached = cached_logits(tmp_path / "logits.npz", teachers(), dataset, 2, [data.ToFloat()], batch_size=7)
    loader = data.DataLoader(dataset, 6, shuffle=True, indices=True, shift=data.RandomShift(2), transform=data.ToFloat())
    rows = 0
    for (_, labels, z), (_, _, indices, moves) in zip(WithCachedTeacher(loader, cached), fresh(loader), strict=True):
        assert z.dtype == np.float32 and labels.tolist() == dataset.labels[indices].tolist()
        for z_n, n, move in zip(z, indices, moves, strict=True):
            np.testing.assert_allclose(z_n, asked(teachers(), dataset, n, *move), atol=2e-3)  # float16 has 11 bits
            rows += 1
    assert rows == 20


def fresh(loader):
    """The same batches: a loader with the same generator."""
    return data.DataLoader(loader.dataset, 6, shuffle=True, indices=True, shift=loader.shift, transform=data.ToFloat())


def test_a_cache_is_read_again_and_one_of_others_is_refused(dataset, tmp_path):
    path, prepare = tmp_path / "logits.npz", [data.ToFloat()]
    first = cached_logits(path, teachers(), dataset, 1, prepare)
    written = path.read_bytes()
    again = cached_logits(path, teachers(), dataset, 1, prepare)
    assert (again.logits == first.logits).all() and path.read_bytes() == written and again.pixels == 1
    changed = teachers()
    changed[0].fc1.bias.data[0] += 1
    for other in ((changed, dataset, 1, prepare), (teachers(1), dataset, 1, prepare), (teachers(), dataset[1:], 1, prepare),
                  (teachers(), dataset, 2, prepare), (teachers(), dataset, 1, data.preprocessing("digits"))):
        with pytest.raises(ValueError, match=r"logits\.npz holds the logits of other teachers, images, shifts or transforms"):
            cached_logits(path, *other)


def test_a_loader_that_does_not_shift_gets_what_the_teachers_say_to_the_images_as_they_are(dataset, tmp_path):
    cached = cached_logits(tmp_path / "logits.npz", teachers(), dataset, 1, [data.ToFloat()])
    kept = np.array([4, 9, 11, 19])
    loader = data.DataLoader(dataset[kept], 3, indices=True, transform=[data.RandomShift(2), data.ToFloat()])  # another view
    z = np.concatenate([z for _, _, z in WithCachedTeacher(loader, cached.part(kept))])
    for z_n, n in zip(z, kept, strict=True):
        np.testing.assert_allclose(z_n, asked(teachers(), dataset, n, 0, 0), atol=2e-3)


def test_what_a_loader_does_not_say_is_refused(dataset):
    cached = CachedLogits(np.zeros((3, 3, 20, 10), np.float16))
    with pytest.raises(ValueError, match="has to say which images it gave"):
        WithCachedTeacher(data.DataLoader(dataset), cached)
    with pytest.raises(ValueError, match="has to say which images it gave.*got a TwoViews"):
        WithCachedTeacher(TwoViews(data.DataLoader(dataset, indices=True), [], []), cached)
    with pytest.raises(ValueError, match="shifts by up to 2 pixels, the logits are known up to 1"):
        WithCachedTeacher(data.DataLoader(dataset, indices=True, shift=data.RandomShift(2)), cached)
    with pytest.raises(ValueError, match="has 19 images, the logits are of 20"):
        WithCachedTeacher(data.DataLoader(dataset[1:], indices=True, shift=data.RandomShift(1)), cached)
    with pytest.raises(ValueError, match="there is no teacher"):
        cached_logits("unused.npz", [], dataset, 1, [])


def test_the_softened_loss_is_least_where_the_student_says_what_the_teacher_says_divided_by_t():
    z_t, y = np.array([[4.0, 0.0, -2.0]]), np.array([2])
    loss = softened(temperature=2.0)
    p = np.exp([2.0, 0.0, -1.0]) / np.exp([2.0, 0.0, -1.0]).sum()
    assert loss(z_t / 2, y, z_t).item() == pytest.approx(-(p * np.log(p)).sum(), rel=1e-6)
    assert loss(z_t, y, z_t).item() > loss(z_t / 2, y, z_t).item()
    with pytest.raises(ValueError, match="the temperature has to be above 0, got 0"):
        softened(0)


def test_a_student_trains_on_a_cache(dataset, tmp_path):
    cached = cached_logits(tmp_path / "logits.npz", teachers(), dataset, 1, [data.ToFloat()])
    loader = data.DataLoader(dataset, 5, shuffle=True, indices=True, shift=data.RandomShift(1), transform=data.ToFloat())
    student = models.mlp(in_features=64, hidden=4, seed=9)
    history = train.fit(student, WithCachedTeacher(loader, cached), optim.Adam(student.parameters(), lr=0.01), 3, softened(2.0))
    assert history[-1]["loss"] < history[0]["loss"]


class Chosen(nn.Module):
    """Another function of the same weights, as `act` says."""

    def __init__(self, act):
        self.flatten, self.fc, self.act = nn.Flatten(), nn.Linear(64, 10, rng=0), act

    def forward(self, x):
        return self.act(self.fc(self.flatten(x)))


def test_a_cache_of_the_same_weights_in_another_network_is_refused(dataset, tmp_path):
    for name, first, second in (("layers", nn.ReLU(), nn.Sigmoid()), ("slopes", nn.LeakyReLU(0.1), nn.LeakyReLU(0.2)),
                                ("functions", F.relu, F.sigmoid)):
        path = tmp_path / f"{name}.npz"
        cached_logits(path, [Chosen(first)], dataset, 0, [data.ToFloat()])
        with pytest.raises(ValueError, match="holds the logits of other teachers"):
            cached_logits(path, [Chosen(second)], dataset, 0, [data.ToFloat()])


def test_a_move_beyond_the_known_ones_and_one_model_in_the_lists_place_are_refused(dataset, tmp_path):
    cached = CachedLogits(np.zeros((3, 3, 20, 10), np.float16))
    with pytest.raises(ValueError, match="a move of 2 pixels, the logits are known up to 1"):
        cached.of([0, 1], [[0, 1], [0, -2]])
    assert cached.of([], np.zeros((0, 2), int)).shape == (0, 10)
    with pytest.raises(TypeError, match="cached_logits: expects a list of models, got one Sequential"):
        cached_logits(tmp_path / "logits.npz", teachers()[0], dataset, 0, [])
