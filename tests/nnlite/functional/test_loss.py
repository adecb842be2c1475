import inspect

import numpy as np
import pytest

from nnlite import functional as F
from nnlite.functional.loss import times_log

LOSSES = [F.mse_loss, F.l1_loss, F.huber_loss, F.binary_cross_entropy, F.binary_cross_entropy_with_logits, F.kl_div,
          F.nll_loss, F.cross_entropy]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_options_are_given_by_name_so_that_no_teachers_logits_are_taken_for_one(loss):
    kinds = [parameter.kind.name for parameter in inspect.signature(loss).parameters.values()]
    assert kinds[:2] == ["POSITIONAL_OR_KEYWORD"] * 2 and set(kinds[2:]) == {"KEYWORD_ONLY"}
    with pytest.raises(TypeError, match=f"{loss.__name__}.. takes 2 positional arguments but 3 were given"):
        loss(np.ones((2, 3)), np.ones((2, 3)), np.ones(3))


def test_0_times_the_logarithm_of_0_is_0_and_a_nan_stays_one():
    p, log_q = np.array([0, 0, 0.5, 0.5, np.nan]), np.array([-np.inf, np.inf, -np.inf, np.nan, -1])
    np.testing.assert_array_equal(times_log(p, log_q), [0, 0, -np.inf, np.nan, np.nan])


@pytest.mark.parametrize("loss", [
    lambda x, number: F.huber_loss(x, x, delta=number), lambda x, number: F.cross_entropy(x, [0, 1], label_smoothing=number),
    lambda x, number: F.cross_entropy(x, [0, 1], weight=[number] * 3), lambda x, number: F.kl_div(x, x.astype(np.float64)),
])
def test_options_in_float64_leave_float32_as_it_is(loss):
    assert loss(np.ones((2, 3), np.float32), np.float64(0.2)).dtype == np.float32
