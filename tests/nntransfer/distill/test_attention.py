import math

import numpy as np
import pytest
from support import check_gradients, sample

from nnlite import Tensor
from nntransfer.distill import attention_loss, attention_map


def by_loops(A):
    rows = []
    for image in A:
        q = [sum(float(channel[h, w]) ** 2 for channel in image) for h in range(A.shape[2]) for w in range(A.shape[3])]
        length = math.sqrt(sum(x * x for x in q))
        rows.append([x / length for x in q])
    return np.array(rows)


def test_the_map_is_its_formula():
    A = sample((3, 4, 2, 5))
    np.testing.assert_allclose(attention_map(A).data, by_loops(A), rtol=1e-13)


def test_the_loss_is_the_mean_squared_distance_of_the_maps_whatever_the_channels():
    A_s, A_t = sample((3, 4, 2, 5)), sample((3, 7, 2, 5), 1)
    expected = sum(np.sum((s - t) ** 2) for s, t in zip(by_loops(A_s), by_loops(A_t), strict=True)) / 3
    assert attention_loss(A_s, A_t).item() == pytest.approx(expected, rel=1e-12)


def test_maps_at_right_angles_are_2_apart_and_strength_does_not_count():
    here, there = np.zeros((2, 1, 1, 1, 2))
    here[..., 0], there[..., 1] = 3, 7
    assert attention_loss(here, there).item() == pytest.approx(2, rel=1e-14)
    assert attention_loss(here, 100 * here).item() == pytest.approx(0, abs=1e-14)


def test_its_gradient_equals_central_differences_and_an_image_without_activity_has_none():
    A_t = sample((2, 3, 2, 2), 1)
    check_gradients(lambda A: attention_loss(A, A_t), (2, 4, 2, 2))
    silent = Tensor(np.zeros((2, 4, 2, 2), np.float32), requires_grad=True)
    loss = attention_loss(silent, A_t.astype(np.float32))
    loss.backward()
    assert loss.dtype == np.float32 and loss.item() == pytest.approx(1) and (silent.grad == 0).all()


def test_maps_of_other_sizes_or_form_are_errors():
    with pytest.raises(ValueError, match=r"the student's features are \(2, 3, 4, 4\), the teacher's \(2, 3, 8, 8\)"):
        attention_loss(np.ones((2, 3, 4, 4)), np.ones((2, 3, 8, 8)))
    with pytest.raises(ValueError, match=r"expects features \(N, C, H, W\), got \(2, 3\)"):
        attention_map(np.ones((2, 3)))
