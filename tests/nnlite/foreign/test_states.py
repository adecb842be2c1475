import json
import struct

import numpy as np
import pytest

from nnlite import models, nn, save
from nnlite.errors import FormatError
from nnlite.foreign import read_state, to_safetensors


def written(header, data=b""):
    """The bytes of a .safetensors file, put together here: the length of the header, the header, the numbers."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def test_a_safetensors_file_made_by_hand_is_read(tmp_path):
    pytest.importorskip("safetensors")
    header = {"w": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]}, "n": {"dtype": "I64", "shape": [], "data_offsets":
              [8, 16]}, "half": {"dtype": "BF16", "shape": [2], "data_offsets": [16, 20]}, "__metadata__": {"format": "pt"}}
    data = struct.pack("<ffqHH", 1.5, -2.0, 7, 0x3FC0, 0xC000)  # bfloat16: the upper halves of 1.5 and −2
    (tmp_path / "a.safetensors").write_bytes(written(header, data))
    state = read_state(tmp_path / "a.safetensors")
    assert {name: (array.dtype.name, array.tolist()) for name, array in state.items()} == {
        "w": ("float32", [[1.5], [-2.0]]), "n": ("int64", 7), "half": ("float32", [1.5, -2.0])}


def test_what_is_written_is_read_again(tmp_path):
    pytest.importorskip("safetensors")
    state = models.resnet(in_channels=1, width=0.1).state_dict()
    state["turned"] = np.arange(6, dtype=np.float32).reshape(2, 3).T
    (tmp_path / "a.safetensors").write_bytes(to_safetensors(state))
    again = read_state(str(tmp_path / "a.safetensors"))
    assert again.keys() == state.keys()
    for name, array in state.items():
        np.testing.assert_array_equal(again[name], array)


def test_an_npz_of_arrays_and_a_checkpoint_are_read(tmp_path):
    model = models.mlp(4, 3, classes=2)
    np.savez(tmp_path / "a.npz", **model.state_dict())
    save(tmp_path / "b.npz", model)
    for name in ("a.npz", "b.npz"):
        state = read_state(tmp_path / name)
        assert list(state) == list(model.state_dict())
        np.testing.assert_array_equal(state["fc1.weight"], model.fc1.weight.data)


@pytest.mark.parametrize("name, content, message", [
    ("a.pt", b"PK", r"a.pt: PyTorch's .pt files are pickles.*safetensors.torch.save_file\(model.state_dict\(\)"),
    ("a.txt", b"", "a.txt: weights are read from .safetensors and .npz files"),
    ("a.safetensors", b"", "a.safetensors: not a .safetensors file, or a damaged one"),
    ("a.safetensors", b"\xff" * 40, "a.safetensors: not a .safetensors file, or a damaged one"),
    ("a.safetensors", written({}), "a.safetensors: there are no arrays in it"),
    ("a.safetensors", written({"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}, bytes(8)), "damaged one"),
    ("a.safetensors", written({"w": {"dtype": "F8_E5M2", "shape": [1], "data_offsets": [0, 1]}}, b"\0"), "of the type F8_E5M2"),
    ("a.npz", b"PK\x03\x04", "a.npz: not an .npz file of arrays, or a damaged one"),
    ("a.npz", b"", "a.npz: not an .npz file, which np.savez writes"),
    ("a.npz", b"no zip", "a.npz: not an .npz file, which np.savez writes"),
])
def test_other_files_are_refused_in_one_sentence(tmp_path, name, content, message):
    if name == "a.safetensors":
        pytest.importorskip("safetensors")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FormatError, match=message):
        read_state(tmp_path / name)


def test_arrays_of_objects_and_of_text_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", w=np.array([None, 3]))
    with pytest.raises(FormatError, match="a.npz: not an .npz file of arrays, or a damaged one: it holds Python objects"):
        read_state(tmp_path / "a.npz")
    np.savez(tmp_path / "a.npz", w=np.array(["a"]))
    with pytest.raises(FormatError, match="a.npz: w holds <U1, expected numbers"):
        read_state(tmp_path / "a.npz")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read_state(tmp_path / "b.npz")


def torch_model(torch):
    """A small network with BatchNorm, trained for a few steps, so that its running statistics have moved."""
    from torch import nn
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(4 * 12 * 20, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(torch.randn(8, 1, 24, 40)), torch.randint(0, 3, (8,)))
        loss.backward()
        optimizer.step()
    return model.eval()


def our_model():
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
                         nn.Linear(4 * 12 * 20, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Linear(16, 3)).eval()


@pytest.mark.peer
@pytest.mark.parametrize("ending", ["safetensors", "npz"])
def test_a_state_dict_that_pytorch_wrote_gives_its_logits(tmp_path, ending):
    torch = pytest.importorskip("torch")
    theirs, path = torch_model(torch), tmp_path / f"weights.{ending}"
    if ending == "safetensors":
        pytest.importorskip("safetensors")
        from safetensors.torch import save_file
        save_file(theirs.state_dict(), path)
    else:
        np.savez(path, **{name: tensor.numpy() for name, tensor in theirs.state_dict().items()})
    ours = our_model()
    assert ours.load_state_dict(read_state(path)) == ([], [])
    x = np.random.default_rng(0).standard_normal((5, 1, 24, 40)).astype(np.float32)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours(x).data, expected, atol=1e-5)


@pytest.mark.peer
def test_pytorch_reads_what_is_written(tmp_path):
    torch = pytest.importorskip("torch")
    load_file = pytest.importorskip("safetensors.torch").load_file
    ours, theirs = our_model(), torch_model(torch)
    (tmp_path / "w.safetensors").write_bytes(to_safetensors(ours.state_dict()))
    theirs.load_state_dict(load_file(tmp_path / "w.safetensors"))
    x = np.random.default_rng(0).standard_normal((5, 1, 24, 40)).astype(np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(theirs(torch.from_numpy(x)).numpy(), ours(x).data, atol=1e-5)
