import nncompress
import nnlite


def test_the_file_holds_the_model_in_integers(trained, result_of, tmp_path):
    result = result_of("quantize", trained, "--out", "q.nnz")
    assert result["file"] == "q.nnz" and result["arithmetic"] == "int8"
    assert result == result_of("evaluate", "q.nnz") | {"ms_per_image": result["ms_per_image"]}
    assert result["file_bytes"] == (tmp_path / "q.nnz").stat().st_size < trained.stat().st_size / 3
    plan, state = nncompress.load(tmp_path / "q.nnz"), nnlite.load(trained).state_dict()
    for step in plan.steps:
        if step.w is not None:  # each number is the nearest of its 255 steps
            w = state[f"{step.name}.weight"]
            scale = step.w_scale.reshape(-1, *[1] * (w.ndim - 1))
            assert (abs(step.w * scale - w) <= 0.5001 * scale).all()


def test_bits_and_law_are_those_that_were_asked_for(trained, result_of):
    sizes = []
    for bits in (8, 4):
        result = result_of("quantize", trained, "--bits", bits, "--law", "float", "--out", "q.nnz")
        sizes.append(result["file_bytes"])
        inspected = result_of("inspect", "q.nnz")
        assert inspected["law"] == "float" and {layer["bits"] for layer in inspected["layers"]} == {bits}
    assert sizes[1] < 0.7 * sizes[0]


def test_the_same_command_writes_the_same_bytes(trained, result_of, tmp_path):
    for name in ("a.nnz", "b.nnz"):
        result_of("quantize", trained, "--out", name)
    assert (tmp_path / "a.nnz").read_bytes() == (tmp_path / "b.nnz").read_bytes()
    assert (tmp_path / "a.nnz").read_bytes() == trained.with_suffix(".nnz").read_bytes()


def test_integers_cannot_be_quantized_again(trained, error_of):
    path = trained.with_suffix(".nnz")
    assert error_of("quantize", path) == (f"{path} holds integers, which can be trained or quantized no further; give the "
                                          ".npz file that it was made from")
