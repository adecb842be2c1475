import numpy as np
import pytest

from nnlite import checkpoint


def test_the_bytes_of_a_compressed_file_add_up_to_its_size(trained, result_of):
    path = trained.with_suffix(".nnz")
    result = result_of("inspect", path)
    assert result["file_bytes"] == path.stat().st_size == sum(result["parts"].values())
    assert [layer["name"] for layer in result["layers"]] == ["conv1", "conv2", "fc1", "fc2"]
    assert result["law"] == "fixed" and result["input_shape"] == [1, 8, 8]


def test_the_parts_of_a_compressed_file_are_printed_with_their_total(trained, run):
    path = trained.with_suffix(".nnz")
    code, out, err = run("inspect", path)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].split() == ["total", f"{path.stat().st_size:,.1f}", "100.0%"]


def test_the_arrays_of_a_checkpoint_are_those_in_the_file(trained, result_of):
    result = result_of("inspect", trained)
    with np.load(trained) as members:
        arrays = {name.removeprefix("model/"): members[name] for name in members if name.startswith("model/")}
    assert result["arrays"] == {name: {"shape": list(a.shape), "dtype": "float32", "nonzero": int((a != 0).sum()),
                                       "bytes": 4 * a.size} for name, a in arrays.items()}
    assert result["file_bytes"] == trained.stat().st_size
    assert result["architecture"]["name"] == "cnn" and result["epochs"] == 8
    assert result["metadata"]["data"] == "digits" and result["metadata"]["input"]["shape"] == [1, 8, 8]


def test_a_checkpoint_is_printed_with_a_line_for_each_array(trained, run):
    code, out, err = run("inspect", trained)
    assert (code, err) == (0, "")
    assert "input (1, 8, 8): images uint8, mean 0.3055, deviation " in out and "; classes 0, 1, 2, 3, 4, 5, 6, 7, 8, 9\n" in out
    for name, array in checkpoint.load_state(trained).model.items():
        line = next(line for line in out.splitlines() if line.startswith(name))
        assert line.split() == [name, "×".join(map(str, array.shape)), "100.0%", f"{array.nbytes:,}"]


@pytest.mark.parametrize("end", [".npz", ".nnz"])
def test_a_file_that_is_cut_off_is_named(trained, error_of, tmp_path, end):
    (tmp_path / f"cut{end}").write_bytes(trained.with_suffix(end).read_bytes()[:-50])
    assert error_of("inspect", f"cut{end}").startswith(f"cut{end}: ")
