"""pay_off: which sparsity is named, what the rows hold, and that the picture draws them; no test of the clock itself."""

import time

import numpy as np
import pytest

from nncompress.sparse import CSR, RelativeForm
from nncompress.sparse.pay_off import ROUND_SECONDS, draw, interleaved_medians, pays_from, random_weight, time_forms


def rows_of(ratios, batch=1):
    return [{"sparsity": s, "batch": batch, "dense_us": 12.0, "csr_us": 12.0 / ratio, "relative_us": 24.0 / ratio}
            for s, ratio in ratios.items()]


@pytest.mark.parametrize("ratios, lowest", [
    ({0.5: 0.5, 0.7: 1.5, 0.9: 3.0}, 0.7),
    ({0.5: 1.5, 0.7: 0.9, 0.9: 3.0}, 0.9),  # what is lost again in between does not count
    ({0.9: 3.0, 0.5: 1.0, 0.7: 2.0}, 0.5),
    ({0.5: 1.5, 0.9: 0.9}, None),
])
def test_it_pays_from_where_it_is_never_slower_again(ratios, lowest):
    assert pays_from(rows_of(ratios), "csr", 1) == lowest
    assert pays_from(rows_of(ratios) + rows_of({0.99: 0.1}, batch=64), "csr", 1) == lowest


def test_each_form_is_judged_by_its_own_times():
    rows = rows_of({0.5: 1.5, 0.7: 1.9, 0.9: 3.0})
    assert pays_from(rows, "csr", 1) == 0.5
    assert pays_from(rows, "relative", 1) == 0.9


@pytest.mark.parametrize("sparsity", [0.5, 0.92, 1.0])
def test_a_random_weight_has_exactly_its_zeros_and_fits_five_bit_codes(sparsity):
    w = random_weight(np.random.default_rng(0), (30, 50), sparsity)
    assert np.count_nonzero(w == 0) == round(sparsity * 1500)
    assert RelativeForm.from_dense(w).codebook.size <= 32


def test_calls_take_turns():
    order = []

    def long_enough():
        order.append("a")
        time.sleep(ROUND_SECONDS)

    a, b = interleaved_medians([long_enough, lambda: order.append("b")], rounds=3)
    assert a >= ROUND_SECONDS > b > 0
    rounds = "".join(order).split("a")[-3:]  # what comes after each of the last three a
    assert all(set(between) == {"b"} for between in rounds) and len(set(map(len, rounds))) == 1


def test_the_rows_hold_times_and_bytes_of_every_sparsity_and_batch():
    rows = time_forms(shape=(6, 20), batches=(1, 9), sparsities=(0.5, 0.9), rounds=1)
    assert [(row["sparsity"], row["batch"]) for row in rows] == [(0.5, 1), (0.5, 9), (0.9, 1), (0.9, 9)]
    assert all(row[f"{form}_us"] > 0 for row in rows for form in ("dense", "csr", "relative"))
    w = random_weight(np.random.default_rng(0), (6, 20), 0.5)
    assert rows[0]["dense_bytes"] == 6 * 20 * 4
    assert rows[0]["csr_bytes"] == CSR.from_dense(w).nbytes == 60 * 6 + 7 * 4


def test_the_picture_has_a_panel_for_each_batch_and_says_from_where_it_pays(tmp_path):
    rows = rows_of({0.5: 0.5, 0.7: 1.5, 0.9: 3.0}) + rows_of({0.5: 0.2, 0.9: 0.5}, batch=64)
    figure = draw(rows, tmp_path / "pay_off.svg")
    one, many = figure.get_axes()
    labels = [[text.get_text() for text in axes.get_legend().get_texts()] for axes in (one, many)]
    assert labels == [["CSR: pays from 70 % on", "relative form: pays from 90 % on"],
                      ["CSR: does not pay", "relative form: does not pay"]]
    np.testing.assert_allclose(one.lines[0].get_xydata(), [[50, 0.5], [70, 1.5], [90, 3]])
    assert (tmp_path / "pay_off.svg").read_text().startswith("<?xml")
