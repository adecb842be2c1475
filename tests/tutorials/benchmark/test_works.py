import itertools
import json

import numpy as np
from benchmark import works


def test_a_pruned_layer_has_its_share_of_zeros():
    x, w = works.layer_for(works.pruned_layer()[0])
    assert (x.shape, w.shape, x.dtype, w.dtype) == ((1, 784), (300, 784), np.float32, np.float32)
    assert np.count_nonzero(w == 0) == round(0.92 * 300 * 784)


def test_the_int8_products_are_all_125():
    shapes = {(work["M"], work["K"], work["N"]) for work in works.int8_products()}
    assert shapes == set(itertools.product((64, 100, 256, 1000, 1024), repeat=3)) and len(works.int8_products()) == 125


def test_every_work_can_be_sent_as_json():
    for work in [*works.int8_products(), *works.pruned_layer()]:
        assert json.loads(json.dumps(work)) == work
