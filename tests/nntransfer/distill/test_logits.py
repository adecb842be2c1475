import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import check_gradients

from nnlite import Tensor, compile, data, models, nn, no_grad, optim, train
from nnlite import functional as F
from nnlite.checkpoint import resume
from nntransfer import WithTeacher, distillation, distillation_loss


def logits(seed, N=6, C=4, scale=3.0):
    """Student's and teacher's logits (N, C) in float64, and labels (N,)."""
    rng = np.random.default_rng(seed)
    return scale * rng.standard_normal((N, C)), scale * rng.standard_normal((N, C)), rng.integers(0, C, N)


def softmax_by_loops(z):
    return [[math.exp(z_c) / sum(math.exp(z_k) for z_k in row) for z_c in row] for row in z]


def loss_by_loops(z_s, z_t, y, T, alpha):
    hard, p, q = softmax_by_loops(z_s), softmax_by_loops(z_t / T), softmax_by_loops(z_s / T)
    N, C = z_s.shape
    total = 0.0
    for n in range(N):
        total -= (1 - alpha) * math.log(hard[n][y[n]])
        for c in range(C):
            total += alpha * T * T * p[n][c] * math.log(p[n][c] / q[n][c])
    return total / N


def gradient(z_s, z_t, y, T, alpha):
    z_s = Tensor(z_s, requires_grad=True)
    distillation_loss(z_s, z_t, y, temperature=T, alpha=alpha).backward()
    return z_s.grad


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 1000), N=st.integers(1, 7), C=st.integers(1, 6), T=st.floats(0.5, 20), alpha=st.floats(0, 1))
def test_the_loss_is_its_formula(seed, N, C, T, alpha):
    z_s, z_t, y = logits(seed, N, C)
    expected = loss_by_loops(z_s, z_t, y, T, alpha)
    # C terms of about |ln p| ≤ 40 in float64, times T², for the rounding of what cancels
    loss = distillation_loss(z_s, z_t, y, temperature=T, alpha=alpha)
    assert loss.item() == pytest.approx(expected, rel=1e-12, abs=1e-13 * T * T)


def test_the_divergence_is_from_the_teacher_to_the_student_and_not_back():
    teacher, student = [[math.log(3.0), 0.0]], [[0.0, 0.0]]  # probabilities (3/4, 1/4) and (1/2, 1/2)
    there = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)  # 0.131
    back = 0.5 * math.log(2 / 3) + 0.5 * math.log(2.0)  # 0.144
    only_the_teacher = {"temperature": 1, "alpha": 1}
    loss = distillation_loss(np.array(student), np.array(teacher), [0], **only_the_teacher)
    assert loss.item() == pytest.approx(there, rel=1e-12)
    loss = distillation_loss(np.array(teacher), np.array(student), [0], **only_the_teacher)
    assert loss.item() == pytest.approx(back, rel=1e-12)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_loss_is_a_mean_over_examples_so_that_the_same_batch_twice_costs_the_same(alpha):
    z_s, z_t, y = logits(0)
    once = distillation_loss(z_s, z_t, y, temperature=4, alpha=alpha).item()
    twice = distillation_loss(np.tile(z_s, (2, 1)), np.tile(z_t, (2, 1)), np.tile(y, 2), temperature=4, alpha=alpha).item()
    assert twice == pytest.approx(once, rel=1e-13)


@pytest.mark.parametrize("T", [1.0, 4.0, 20.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_gradient_is_the_published_one(T, alpha):
    z_s, z_t, y = logits(1)
    N, C = z_s.shape
    hard = np.array(softmax_by_loops(z_s)) - np.eye(C)[y]
    soft = np.array(softmax_by_loops(z_s / T)) - np.array(softmax_by_loops(z_t / T))
    expected = ((1 - alpha) * hard + alpha * T * soft) / N
    np.testing.assert_allclose(gradient(z_s, z_t, y, T, alpha), expected, rtol=1e-10, atol=1e-14 * T)


def test_the_gradient_equals_central_differences():
    _, z_t, y = logits(2)
    check_gradients(lambda z_s: distillation_loss(z_s, z_t, y, temperature=3, alpha=0.7), z_t.shape)


def test_thanks_to_t_squared_the_gradient_does_not_fade_at_high_temperatures():
    # eq. 4 of the paper: for T large against the logits, ∂L/∂z_s = (z_s − z_t) / (N C), each row with mean 0; no T in it
    z_s, z_t, y = logits(3, scale=0.5)
    N, C = z_s.shape
    expected = (z_s - z_s.mean(1, keepdims=True) - z_t + z_t.mean(1, keepdims=True)) / (N * C)
    for T in (100.0, 1000.0):
        # the next term of softmax(z/T) is smaller by max |z|/T
        np.testing.assert_allclose(gradient(z_s, z_t, y, T, 1.0), expected, atol=2 * np.abs(expected).max() / T)


def test_alpha_0_is_the_cross_entropy_with_the_labels():
    z_s, z_t, y = logits(4)
    plain = Tensor(z_s, requires_grad=True)
    F.cross_entropy(plain, y).backward()
    assert distillation_loss(z_s, z_t, y, temperature=4, alpha=0).item() == F.cross_entropy(z_s, y).item()
    np.testing.assert_array_equal(gradient(z_s, z_t, y, 4, 0), plain.grad)


@pytest.mark.parametrize("T", [1.0, 8.0])
def test_a_student_that_equals_its_teacher_has_nothing_to_learn_from_it(T):
    z, _, y = logits(5)
    rounding = 1e-14 * T * T
    assert distillation_loss(z, z, y, temperature=T, alpha=1).item() == pytest.approx(0, abs=rounding)
    np.testing.assert_allclose(gradient(z, z, y, T, 1), 0, atol=rounding)


def test_the_same_constant_on_all_logits_of_an_example_changes_nothing():
    z_s, z_t, y = logits(6)
    expected = distillation_loss(z_s, z_t, y, temperature=4, alpha=0.7).item()
    assert distillation_loss(z_s + 100, z_t - 1000, y, temperature=4, alpha=0.7).item() == pytest.approx(expected, rel=1e-11)


def test_a_teacher_that_is_certain_gives_a_finite_loss():
    z_t = np.array([[1e4, 0.0, -1e4]], np.float32)
    loss = distillation_loss(np.zeros((1, 3), np.float32), z_t, [0], temperature=1, alpha=1)
    assert loss.dtype == np.float32
    assert loss.item() == pytest.approx(math.log(3), rel=1e-6)  # KL((1, 0, 0) ‖ uniform)


def test_targets_may_be_probabilities():
    z_s, z_t, y = logits(7)
    by_index = distillation_loss(z_s, z_t, y, temperature=2, alpha=0.4).item()
    assert distillation_loss(z_s, z_t, np.eye(4)[y], temperature=2, alpha=0.4).item() == pytest.approx(by_index, rel=1e-13)


def test_no_gradient_reaches_the_teacher():
    z_s, z_t, y = logits(8)
    student, teacher = Tensor(z_s, requires_grad=True), Tensor(z_t, requires_grad=True)
    distillation_loss(student, teacher, y, temperature=4, alpha=0.5).backward()
    assert student.grad is not None
    assert teacher.grad is None


@pytest.mark.parametrize("T", [0, -1.0, math.nan, math.inf, 10**400])
def test_a_temperature_that_is_not_positive_and_finite_is_an_error(T):
    z_s, z_t, y = logits(9)
    with pytest.raises(ValueError, match=rf"distillation_loss: the temperature has to be above 0 and its square .*, got {T}"):
        distillation_loss(z_s, z_t, y, temperature=T, alpha=0.5)
    with pytest.raises(ValueError, match=rf"distillation: the temperature has to be above 0 and its square .*, got {T}"):
        distillation(T, 0.5)


@pytest.mark.parametrize("alpha", [-0.1, 1.5, math.nan])
def test_a_share_outside_0_to_1_is_an_error(alpha):
    z_s, z_t, y = logits(9)
    with pytest.raises(ValueError, match=rf"alpha.* has to be in \[0, 1\], got {alpha}"):
        distillation_loss(z_s, z_t, y, temperature=4, alpha=alpha)
    with pytest.raises(ValueError, match=rf"alpha.* has to be in \[0, 1\], got {alpha}"):
        distillation(4, alpha)


def test_logits_of_other_shapes_are_an_error_that_names_both():
    with pytest.raises(ValueError, match=r"student's logits have shape \(6, 4\), the teacher's \(6, 10\)"):
        distillation_loss(np.zeros((6, 4)), np.zeros((6, 10)), np.zeros(6, int), temperature=4, alpha=0.5)
    with pytest.raises(ValueError, match=r"shape \(4,\), the teacher's \(4,\)"):
        distillation_loss(np.zeros(4), np.zeros(4), np.zeros(4, int), temperature=4, alpha=0.5)
    with pytest.raises(ValueError, match=r"shape \(0, 4\), the teacher's \(0, 4\), expected one shape \(N, C\) with N ≥ 1"):
        distillation_loss(np.zeros((0, 4)), np.zeros((0, 4)), np.zeros(0, int), temperature=4, alpha=0.5)
    with pytest.raises(ValueError, match=r"logits \(6, 4\) need class indices \(6,\) .* got int64 \(5,\)"):
        distillation_loss(np.zeros((6, 4)), np.zeros((6, 4)), np.zeros(5, int), temperature=4, alpha=0.5)


def digits(seed=0, **options):
    training, _ = data.load("digits")
    return data.DataLoader(training[:256], 32, shuffle=True, seed=seed, transform=data.preprocessing("digits"), **options)


def test_the_loss_for_fit_takes_its_arguments_in_the_order_of_a_batch():
    z_s, z_t, y = logits(10)
    assert distillation(3, 0.6)(z_s, y, z_t).item() == distillation_loss(z_s, z_t, y, temperature=3, alpha=0.6).item()


def test_the_teacher_answers_to_the_very_images_of_the_student_augmentation_included():
    training, _ = data.load("digits")
    loader = data.DataLoader(training[:64], 32, transform=[*data.preprocessing("digits"), data.RandomShift(2)])
    teacher = models.mlp(64, 8)
    batches = WithTeacher(loader, teacher)
    assert len(batches) == 2
    seen = list(batches)
    for images, labels, teacher_logits in seen:
        assert isinstance(teacher_logits, np.ndarray) and teacher_logits.shape == (len(labels), 10)
        with no_grad():
            np.testing.assert_array_equal(teacher_logits, teacher(images).data)
    (first, *_), *_ = batches  # another pass, other shifts
    assert (first != seen[0][0]).any()


def test_the_teacher_infers_and_stays_as_it_was():
    teacher = nn.Sequential(models.resnet(in_channels=1, width=0.25), nn.Dropout(0.5, rng=0))
    batches = WithTeacher(digits(), teacher)
    before, rng_before = teacher.state_dict(), teacher.generators()[0].bit_generator.state
    teacher[0].eval()  # only a part of it: the modes are to be as they were
    images, labels, teacher_logits = next(iter(batches))
    assert teacher.training and not teacher[0].training
    np.testing.assert_array_equal(teacher_logits, teacher.eval()(images).data)
    for name, array in teacher.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert teacher.generators()[0].bit_generator.state == rng_before


def test_a_compiled_plan_can_be_the_teacher():
    teacher = models.cnn(in_channels=1, image_size=8, width=0.25)
    images, _, expected = next(iter(WithTeacher(digits(), teacher)))
    _, _, teacher_logits = next(iter(WithTeacher(digits(), compile(teacher, images[:1]))))
    assert isinstance(teacher_logits, np.ndarray)
    np.testing.assert_allclose(teacher_logits, expected, rtol=1e-4, atol=1e-5)


def test_a_student_comes_to_agree_with_its_teacher_without_any_label():
    teacher, student = models.mlp(64, 32, seed=1), models.mlp(64, 16, seed=2)
    train.fit(teacher, digits(), optim.SGD(teacher.parameters(), lr=0.3), epochs=10, progress=False)
    before = teacher.state_dict()
    optimizer = optim.SGD(student.parameters(), lr=0.1)
    history = train.fit(student, WithTeacher(digits(), teacher), optimizer, epochs=20, loss=distillation(2, 1), progress=False)
    assert history[-1]["loss"] < 0.1 * history[0]["loss"]

    _, unseen = data.load("digits")
    loader = data.DataLoader(unseen, 64, transform=data.preprocessing("digits"))
    agreed = (train.predict(student, loader)[0] == train.predict(teacher, loader)[0]).mean()
    assert agreed > 0.8
    for name, array in teacher.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_resumed_distillation_ends_with_the_same_bits(tmp_path):
    teacher, path = models.mlp(64, 32, seed=1), tmp_path / "student.npz"

    def fresh_run():
        student = models.mlp(64, 16, seed=2)
        return student, WithTeacher(digits(seed=3), teacher), optim.SGD(student.parameters(), lr=0.1, momentum=0.9)

    loss = distillation(temperature=4, alpha=0.9)
    whole, batches, optimizer = fresh_run()
    train.fit(whole, batches, optimizer, epochs=3, loss=loss, progress=False)

    student, batches, optimizer = fresh_run()
    train.fit(student, batches, optimizer, epochs=1, loss=loss, checkpoint=path, progress=False)
    student, batches, optimizer = fresh_run()
    history = resume(path, student, optimizer, loader=batches)
    train.fit(student, batches, optimizer, epochs=3, loss=loss, history=history, progress=False)
    for name, array in student.state_dict().items():
        np.testing.assert_array_equal(array, whole.state_dict()[name])


def test_a_class_that_neither_the_label_nor_the_teacher_believes_in_adds_nothing():
    z_s, z_t = np.array([[0.0, -np.inf, 1.0], [2.0, 0.0, -np.inf]]), np.array([[0.0, -np.inf, 3.0], [1.0, 0.0, -np.inf]])
    possible = [[0, 2], [0, 1]]
    expected = np.mean([distillation_loss(z_s[[n]][:, c], z_t[[n]][:, c], [y], temperature=2, alpha=0.5).item()
                        for n, c, y in zip(range(2), possible, [1, 0], strict=True)])
    student = Tensor(z_s, requires_grad=True)
    loss = distillation_loss(student, z_t, [2, 0], temperature=2, alpha=0.5)
    loss.backward()
    assert loss.item() == pytest.approx(expected, rel=1e-14)
    assert np.isfinite(student.grad).all() and student.grad[0, 1] == student.grad[1, 2] == 0


def test_a_part_with_the_share_0_does_not_count_even_where_it_is_infinite():
    z_s, z_t = np.array([[0.0, -np.inf]]), np.zeros((1, 2))
    assert distillation_loss(z_s, z_t, [0], temperature=2, alpha=0).item() == 0
    assert distillation_loss(z_s, z_s, [1], temperature=2, alpha=1).item() == 0
    assert distillation_loss(z_s, z_t, [0], temperature=2, alpha=0.5).item() == np.inf


def test_options_are_given_by_name():
    with pytest.raises(TypeError, match="positional arguments"):
        distillation_loss(np.zeros((1, 2)), np.zeros((1, 2)), [0], 4, 0.5)


def test_a_loader_that_also_gives_indices_is_taken():
    training, _ = data.load("digits")
    loader = data.DataLoader(training[:6], 4, transform=data.ToFloat(), indices=True)
    batches = list(WithTeacher(loader, lambda images: images[:, 0, :2, 3]))
    assert [len(batch) for batch in batches] == [3, 3]
    np.testing.assert_array_equal(batches[1][2], batches[1][0][:, 0, :2, 3])
