import numpy as np

from nncompress import Int8Plan
from nncompress.coding.arithmetic import Coder
from nncompress.coding.layer import PARTS, Columns, code_bias, code_columns, code_row, new_models
from nncompress.export_c.packing import pack, room
from nncompress.int8.steps import Int8Step


def one_layer(w, b):
    w = np.array(w, np.int8)
    return Int8Plan([Int8Step("input", "input", [], w.shape[1:], np.float32(1), 0),
                     Int8Step("linear", "fc1", [0], (len(w),), np.float32(1), 0, w=w, b=np.array(b, np.int32),
                              w_scale=np.ones(len(w), np.float32))])


def test_a_row_follows_its_bias_and_the_columns_come_first():
    w, b = [[0, 3, 0, -1], [0, 0, 0, 0], [0, -2, 0, 1]], [5, 0, -300]
    coder, models = Coder(pack(one_layer(w, b)), parts=PARTS), new_models()
    columns = Columns(np.zeros(4, np.int64), np.zeros(4, np.int64), np.zeros(4, np.int64))
    code_columns(coder.tape, models.columns, columns.used, 1, 1)
    assert columns.used.tolist() == [0, 1, 0, 1]
    for row, bias in zip(w, b, strict=True):
        assert code_bias(coder.tape, models.biases, models.bias_signs, 0, 2**30) == bias
        found = np.zeros(4, np.int64)
        assert code_row(coder.tape, models, columns, found, 3, 1, 1)
        assert found.tolist() == row
    coder.check_end()


def test_the_room_follows_from_the_largest_weight():
    for top, questions, gamma in (0, 1, False), (1, 1, False), (4, 3, False), (13, 12, False), (14, 12, True), (16, 2, True):
        needs = room(one_layer([[top, 0]], [0]))
        assert (needs.questions, needs.gamma, needs.row, needs.rows, needs.weights) == (questions, gamma, 2, 1, 2)
