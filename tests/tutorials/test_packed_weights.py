import packed_weights

from nncompress.int8.packed import PackedWeights


def test_a_row_has_the_bytes_and_the_times_of_all_layers_in_three_forms(monkeypatch):
    monkeypatch.setattr(packed_weights, "IMAGES", (1, 3))
    rows = list(packed_weights.measure("two layers", [(64, 128), (128, 256)], rounds=1))
    assert [row["images"] for row in rows] == [1, 3] and all(min(row["ms"].values()) > 0 for row in rows)
    packed = 64 * 128 // 2 + 128 * 256 // 2 + 2 * 16
    assert {(row["sizes"]["bytes"], row["sizes"]["packed"]) for row in rows} == {(64 * 128 + 128 * 256, packed)}


def test_the_first_form_is_unpacked_by_arithmetic_and_the_other_by_a_codebook(monkeypatch):
    made = []
    monkeypatch.setattr(packed_weights, "PackedWeights", lambda w: made.append(PackedWeights(w)) or made[-1])
    monkeypatch.setattr(packed_weights, "IMAGES", ())
    list(packed_weights.measure("a layer", [(64, 128)]))
    assert [w.int4 for w in made] == [True, False] and len(set(made[1].codebook)) == 16


def test_the_table_has_ratios_to_weights_of_one_byte():
    row = {"name": "a layer", "images": 2, "sizes": {"bytes": 1000, "packed": 516},
           "ms": {"bytes": 0.002, "4 bits": 0.003, "codebook": 0.01}}
    assert packed_weights.table([row]).splitlines()[-1] == "| a layer | 2 | 1,000 | 516 | 2.0 | 3.0 | 10.0 | 1.5× | 5.0× |"
