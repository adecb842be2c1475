import operator

import numpy as np
import pytest

from nnlite import Tensor, nn
from nnlite.inference.graph import trace

RELATIONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("relation", RELATIONS)
def test_a_comparison_is_that_of_each_pair_of_numbers(relation):
    x, y = np.array([[1.0, 2.0, np.nan]]), np.array([[1.0], [3.0]])
    expected = [[relation(a, b) for a, b in zip([1.0, 2.0, np.nan], [row] * 3, strict=True)] for row in (1.0, 3.0)]
    for z in (relation(Tensor(x, requires_grad=True), Tensor(y)), relation(Tensor(x), y), relation(x, Tensor(y))):
        assert type(z) is Tensor and z.dtype == bool and not z.requires_grad and z.operation is None
        assert z.data.tolist() == expected


def test_a_number_is_compared_in_the_tensors_dtype():
    x = Tensor(np.float32([0.1, 0.5]))
    assert (x == 0.1).data.tolist() == (x == np.float64(0.1)).data.tolist() == (0.1 == x).data.tolist() == [True, False]
    assert (Tensor([1, 2]) > 1.5).data.tolist() == [False, True]
    assert (2 >= Tensor([1, 2, 3])).data.tolist() == [True, True, False]


def test_shapes_that_do_not_broadcast_are_named():
    with pytest.raises(ValueError, match=r"^<: shapes \(2,\) and \(3,\) do not broadcast together$"):
        Tensor(np.ones(2)) < np.ones(3)  # noqa: B015


def test_what_is_no_number_is_unequal_and_has_no_order():
    x = Tensor([1.0, 2.0])
    assert (x == None) is False and (x != "one") is True  # noqa: E711
    with pytest.raises(TypeError):
        x < "one"  # noqa: B015


def test_tensors_are_keys_by_identity():
    x, y = Tensor([1.0, 2.0]), Tensor([1.0, 2.0])
    assert {x: "x", y: "y"}[x] == "x" and len({x, y, x}) == 2
    assert len({nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))}) == 2


def test_a_mask_is_a_step_of_a_traced_model_no_constant():
    class Positive(nn.Module):
        def forward(self, x):
            return x * (x > 0)

    graph = trace(Positive(), np.float32([[1, -1]]))
    assert [node.kind for node in graph.nodes] == ["Input", "Compare", "Multiply"]
