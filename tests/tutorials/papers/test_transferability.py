import json

import numpy as np
import pytest


def test_the_quick_run_scores_and_tunes_every_source(program, tmp_path, capsys):
    path = tmp_path / "t.json"
    module = program("transferability", "--quick", "--out", path)
    record = json.loads(path.read_text())
    names = list(module.sources(module.domain("digits"), None))
    assert len(names) == 7 and [(row["source"], row["tuned"]) for row in record["rows"]] == [
        (name, tuned) for name in names for tuned in ("all layers", "head only")]
    best = max(record["rows"], key=lambda row: row["accuracy"])
    assert best["accuracy"] > 0.5 and best["source"] not in ("untrained", "labels shuffled")
    assert set(best["many"]) == set(best["few"]) == {"LEEP", "LogME", "H-score"}
    assert path.with_suffix(".svg").read_text().count("<svg") == 1
    assert capsys.readouterr().out.count("| digits | head only |") == 2


def test_ten_sources_are_there_with_both_data_sets(program):
    module = program("transferability")
    images = np.random.default_rng(0).integers(0, 256, (40, 1, 28, 28), np.uint8)
    part = module.data.Dataset(images, np.arange(40) % 10, 10)
    both = [program("few_labels").Domain(part, part, []) for _ in range(2)]
    found = module.sources(*both)
    assert len(found) == 10 and list(module.targets(*both)) == ["digits", "fashion"]
    assert {known.training.images.shape[1:] for known in found.values() if known} == {(1, 28, 28)}
    low = part.of_classes(range(5))
    np.testing.assert_array_equal(found["turned"].training.images[3, 0], np.rot90(low.images[3, 0]))
    assert sorted(found["pixels permuted"].test.images[2].ravel()) == sorted(low.images[2].ravel())
    np.testing.assert_array_equal(found["even or odd"].training.labels, low.labels % 2)


def test_rank_correlations_by_hand(program):
    module = program("transferability")
    assert module.rank_correlation([1, 2, 3], [30, 20, 10]) == -1
    assert module.rank_correlation([1, 2, 3, 4], [10, 20, 40, 30]) == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert module.rank_correlation([1, 1, 1], [1, 2, 3]) == 0
