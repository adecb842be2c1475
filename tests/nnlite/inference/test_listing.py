import numpy as np

import nncompress
import nnlite
from nnlite import functional as F
from nnlite import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 4, 3, padding=1, rng=0), nn.Linear(4, 3, rng=0)

    def forward(self, x):
        return self.fc(F.flatten(F.avg_pool2d(F.relu(self.conv(x)), 2), 1))


X = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 1, 2, 2)


def test_a_printed_plan_has_a_line_for_each_step():
    assert repr(nnlite.compile(Net(), X)) == """Plan, float32
  input          input        1×2×2
  conv2d + relu  conv         4×2×2
  avg_pool2d     avgpool2d_1  4×1×1
  flatten        flatten_1    4
  linear         fc           3"""


def test_a_printed_int8_plan_names_its_law_and_the_bits_of_the_weights():
    assert repr(nncompress.quantize(Net(), X, bits=5, law="float")) == """Int8Plan, law float
  input          input        1×2×2
  conv2d + relu  conv         4×2×2  weights of 5 bits
  avg_pool2d     avgpool2d_1  4×1×1
  flatten        flatten_1    4
  linear         fc           3      weights of 5 bits"""


def test_an_operation_that_is_no_kind_of_step_is_shown_by_its_own_name():
    plan = nnlite.compile(nn.Sequential(nn.Linear(3, 2, rng=0), nn.Sigmoid()), np.ones((1, 3), np.float32))
    assert repr(plan).splitlines()[2:] == ["  linear   0          2", "  Sigmoid  sigmoid_1  2"]
