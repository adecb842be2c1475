from benchmark import programme

from nnlite.bench import works

PACE = {"rounds": 7, "turn_ms": 30, "pause": 0.04}
PEERS = ["torch", "onnxruntime"]


def entries_of(contests, table):
    return [entries for name, entries, _ in contests if name == table]


def test_a_training_step_meets_both_of_torchs_layouts_where_there_are_images():
    cnn, lenet = (programme.training_entries(works.training([model])[0], 2, PEERS) for model in ("cnn", "lenet-300-100"))
    assert [(entry["by"], entry.get("layout")) for entry in cnn] == [
        ("nnlite", None), ("torch", "channels first"), ("torch", "channels last")]
    assert [(entry["by"], entry.get("layout")) for entry in lenet] == [("nnlite", None), ("torch", "channels first")]
    assert {entry["threads"] for entry in cnn + lenet} == {2}


def test_an_inference_is_one_contest_of_all_in_both_arithmetics():
    (pair,) = works.inference(["cnn"], [64])
    met = [(entry["by"], entry["arithmetic"]) for entry in programme.inference_entries(pair, 1, PEERS)]
    assert met == [("nnlite", "float32"), ("nnlite", "int8"), ("torch", "float32"), ("onnxruntime", "float32"),
                   ("onnxruntime", "int8")]
    assert [entry["by"] for entry in programme.inference_entries(pair, 1, [])] == ["nnlite", "nnlite"]


def test_cnn_meets_itself_shrunk_in_other_batches_and_on_other_threads():
    contests = programme.all_contests(["cnn"], [1, 2], [], PACE)
    whole = {"do": "infer", "model": "cnn", "arithmetic": "float32", "by": "nnlite"}
    assert entries_of(contests, "shrunk") == [
        [{**whole, "batch": 64, "threads": n}, {**whole, "batch": 64, "threads": n, "shrunk": True}] for n in (1, 2)]
    assert [[entry["batch"] for entry in entries] for entries in entries_of(contests, "batches")] == 4 * [[64, 256, 1024]]
    assert entries_of(contests, "threads") == [[{**whole, "batch": 256, "threads": n} for n in (1, 2)]]
    assert "threads" not in [table for table, _, _ in programme.all_contests(["cnn"], [2], [], PACE)]


def test_all_is_held_at_the_pace_that_is_asked_for_but_for_the_many_short_ones():
    paces = {table: pace for table, _, pace in programme.all_contests(["cnn"], [1, 2], PEERS, PACE)}
    assert paces.pop("int8 products") is programme.MANY
    assert set(paces) == {"ladder", "networks", "shrunk", "batches", "sparse", "threads"}
    assert all(pace is PACE for pace in paces.values())


def test_every_entry_says_by_whom_and_on_how_many_threads():
    for _, entries, _ in programme.all_contests(["cnn", "lenet-5"], [1, 2], PEERS, PACE):
        assert all(entry["by"] in ("nnlite", *PEERS) and entry["threads"] in (1, 2) for entry in entries)
        assert len(entries) >= 1 and len({str(sorted(entry.items())) for entry in entries}) == len(entries)
