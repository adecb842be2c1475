import numpy as np
import pytest

from nnlite import functional as F
from nnlite import models, nn
from nnlite.errors import FormatError
from nnlite.foreign import from_onnx
from nnlite.inference.export import to_onnx

onnx = pytest.importorskip("onnx")
HELP = onnx.helper


def x_of(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def write(path, nodes, shape=("N", 2, 4, 4), constants=None, outputs=("y",), opset=17, kind=onnx.TensorProto.FLOAT):
    """An ONNX file of these nodes (operator, inputs, outputs, attributes), from x to y."""
    made = [HELP.make_node(op, inputs, out, domain=o.pop("domain", ""), **o) for op, inputs, out, o in
            ((*node, {}) if len(node) == 3 else (*node[:3], dict(node[3])) for node in nodes)]
    tensors = [onnx.numpy_helper.from_array(np.asarray(array), name) for name, array in (constants or {}).items()]
    graph = HELP.make_graph(made, "g", [HELP.make_tensor_value_info("x", kind, shape)],
                            [HELP.make_tensor_value_info(y, onnx.TensorProto.FLOAT, ("M", "K")) for y in outputs], tensors)
    domains = [HELP.make_opsetid("", opset), HELP.make_opsetid("ai.onnx.ml", 3)]
    path.write_bytes(HELP.make_model(graph, opset_imports=domains, ir_version=8).SerializeToString())
    return path


@pytest.mark.parametrize("model, shape", [
    (models.lenet_5(width=0.2), (1, 28, 28)), (models.cnn(1, (24, 40), 3, width=0.3), (1, 24, 40)),
    (models.mlp(6, (5, 4)), (6,)),
    (models.resnet(in_channels=2, width=0.2), (2, 12, 8)),
    (nn.Sequential(nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(0, 1), dilation=(1, 2), groups=2, rng=0),
                   nn.AvgPool2d((2, 1), padding=(1, 0)), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 3 * 8, 3, rng=1)), (4, 9, 8)),
], ids=lambda value: type(value).__name__)
def test_what_to_onnx_wrote_comes_back_with_the_same_logits(model, shape, tmp_path):
    (tmp_path / "m.onnx").write_bytes(to_onnx(model, x_of(1, *shape)))
    found = from_onnx(tmp_path / "m.onnx")
    assert found.shape == shape and found.names is None
    x = x_of(3, *shape)
    np.testing.assert_allclose(found.model(x).data, model.eval()(x).data, rtol=1e-4, atol=1e-5)


def test_each_operator_by_numpys_formula(tmp_path):
    """Conv with kernel 1 and groups, BatchNormalization, the activations, means, MatMul and Add: each worked out here."""
    rng = np.random.default_rng(0)
    w, (gamma, beta, mean, var) = rng.standard_normal((2, 1, 1, 1)).astype(np.float32), rng.uniform(0.5, 2, (4, 2)).astype("f4")
    m, b = rng.standard_normal((2, 3)).astype(np.float32), rng.standard_normal(3).astype(np.float32)
    path = write(tmp_path / "m.onnx", [
        ("Conv", ["x", "w"], ["a"], {"group": 2}), ("BatchNormalization", ["a", "gamma", "beta", "mean", "var"], ["b"], {
            "epsilon": 0.5}), ("LeakyRelu", ["b"], ["c"], {"alpha": 0.25}), ("Dropout", ["c"], ["d"]),
        ("GlobalAveragePool", ["d"], ["e"]), ("Flatten", ["e"], ["f"]), ("MatMul", ["f", "m"], ["g"]),
        ("Add", ["bias", "g"], ["h"]), ("Tanh", ["h"], ["i"]), ("Softmax", ["i"], ["y"])], constants={
            "w": w, "gamma": gamma, "beta": beta, "mean": mean, "var": var, "m": m, "bias": b})
    found, x = from_onnx(path), x_of(5, 2, 4, 4)
    c = [(v.reshape(2, 1, 1)) for v in (w, gamma, beta, mean, var)]
    z = (x * c[0] - c[3]) / np.sqrt(c[4] + 0.5) * c[1] + c[2]
    logits = np.tanh(np.where(z < 0, 0.25 * z, z).mean((2, 3)) @ m + b)
    np.testing.assert_allclose(found.model(x).data, logits, rtol=1e-5, atol=1e-6)  # the Softmax is left out
    assert [name for name, _ in found.model.named_children()] == [
        "conv1", "bn1", "leakyrelu1", "pool1", "flatten1", "fc1", "tanh1"]


FC = {"w": np.ones((32, 3), np.float32), "k": np.ones((2, 2, 3, 3), np.float32), "c": np.ones(2, np.float32)}
END = [("Flatten", ["h"], ["f"]), ("MatMul", ["f", "w"], ["y"])]


def test_a_residual_block_is_found_with_and_without_a_layer_in_its_shortcut(tmp_path):
    k = x_of(2, 2, 3, 3, seed=1)
    body = ("Conv", ["x", "k"], ["a"], {"pads": [1, 1, 1, 1]})
    for second, shortcut in ((("Relu", ["x"], ["b"]), lambda x: np.maximum(x, 0)), (("Identity", ["x"], ["b"]), lambda x: x)):
        path = write(tmp_path / "m.onnx", [body, second, ("Add", ["b", "a"], ["s"]), ("Relu", ["s"], ["h"]), *END],
                     constants=FC | {"k": k})
        x = x_of(2, 2, 4, 4)
        h = np.maximum(F.conv2d(x, k, padding=1).data + shortcut(x), 0)
        np.testing.assert_allclose(from_onnx(path).model(x).data, h.reshape(2, -1) @ FC["w"], rtol=1e-4)


def test_an_average_over_places_that_lie_apart_is_refused(tmp_path):
    pool = "AveragePool", ["x"], ["h"], {"kernel_shape": [2, 2], "dilations": [2, 1]}
    path = write(tmp_path / "m.onnx", [pool, ("Flatten", ["h"], ["y"])], opset=19)
    with pytest.raises(FormatError, match=r"m.onnx: AveragePool: its dilations are \[2, 1\]"):
        from_onnx(path)


@pytest.mark.parametrize("nodes, message", [
    ([("Exp", ["x"], ["h"])], r"the operator Exp cannot be read; what can be: Conv, Gemm, MatMul"),
    ([("Scaler", ["x"], ["h"], {"domain": "ai.onnx.ml"})], "the operator Scaler cannot be read"),
    ([("Conv", ["x", "k"], ["h"], {"pads": [0, 0, 1, 1]})], r"Conv: its pads are \[0, 0, 1, 1\]; above and below"),
    ([("Conv", ["x", "k"], ["h"], {"pads": [1000] * 4})], r"Conv: its pads are .* at most 255 are read"),
    ([("Conv", ["x", "k"], ["h"], {"auto_pad": "SAME_UPPER"})], "Conv: its auto_pad is SAME_UPPER"),
    ([("Conv", ["x", "k"], ["h"], {"group": 2})], "its layers do not fit together .* conv2d: input has 2 channels, weight"),
    ([("Conv", ["x", "x"], ["h"])], "Conv: its weights are computed from the input"),
    ([("MaxPool", ["x"], ["h"], {"kernel_shape": [2, 2], "dilations": [2, 2]})], r"MaxPool: its dilations are \[2, 2\]"),
    ([("Softmax", ["x"], ["h"], {"axis": 1})], "Softmax: its axis is 1, expected the last one"),
    ([("Softmax", ["x"], ["h"])], "Softmax: it does not say its axis"),
    ([("Add", ["x", "c"], ["h"])], "Add: it adds a constant to what is not the result of a MatMul"),
    ([("Relu", ["x"], ["a"]), ("Add", ["x", "a"], ["h"])], "a sum of two branches without a Relu after it|only a Relu can"),
    ([("Add", ["x", "x"], ["a"]), ("Relu", ["a"], ["h"])], "it adds a result to itself"),
    ([("Reshape", ["x", "sizes"], ["h"])], r"Reshape: it makes \[1, 4, 8\] of its input"),
    ([("Flatten", ["x"], ["h"], {"axis": 2})], "Flatten: its axis is 2, expected 1"),
    ([("MaxPool", ["x"], ["h"], {"kernel_shape": [2, 2], "strides": [2, 2]})], "its layers do not fit together for an image"),
    ([("Cast", ["x"], ["h"], {"to": 7})], "Cast: it makes other numbers than floats"),
], ids=lambda value: value[0][0] if isinstance(value, list) else "")
def test_what_no_layer_computes_is_refused_by_name(nodes, message, tmp_path):
    path = write(tmp_path / "m.onnx", [*nodes, *END], constants=FC | {"sizes": np.int64([1, 4, 8])})
    with pytest.raises(FormatError, match=f"m.onnx: .*{message}"):
        from_onnx(path)


@pytest.mark.parametrize("options, message", [
    ({"shape": ("N", 2, "H", "W")}, r"it leaves the size of its images open, \(2, '\?', '\?'\); give --shape"),
    ({"shape": ("N", 2, 2**11, 2**11)}, "which is more than 1,048,576 numbers"),
    ({"shape": ("N", 2, 4)}, "its input 'x' has 3 axes"), ({"kind": onnx.TensorProto.UINT8}, "does not take float32 numbers"),
    ({"outputs": ("x",)}, "it gives results of shape"),
])
def test_inputs_and_outputs_that_no_model_has_are_refused(options, message, tmp_path):
    path = write(tmp_path / "m.onnx", [("Relu", ["x"], ["h"]), *END], constants=FC, **options)
    with pytest.raises(FormatError, match=message):
        from_onnx(path)


def test_a_result_of_another_size_than_the_file_states_is_refused(tmp_path):
    """A reshape to (−1, 4) makes several rows of one image, which Flatten does not."""
    path = write(tmp_path / "m.onnx", [("Reshape", ["x", "sizes"], ["y"])], constants={"sizes": np.int64([-1, 4])})
    file = onnx.load(path)
    file.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 4
    onnx.save(file, path)
    with pytest.raises(FormatError, match="its layers give 32 numbers for an image, its output is said to have 4"):
        from_onnx(path)


def test_an_open_size_is_taken_from_the_shape_that_is_given(tmp_path):
    path = write(tmp_path / "m.onnx", [("Relu", ["x"], ["h"]), *END], ("N", 2, "H", "W"), FC)
    assert from_onnx(path, (2, 4, 4)).shape == (2, 4, 4)
    with pytest.raises(FormatError, match=r"its images have shape \(2, 0, 0\), got the shape \(3, 4, 4\)"):
        from_onnx(path, (3, 4, 4))


@pytest.mark.parametrize("content", [b"", b"hello", b"\x08\x08\x3a\x05abcde"])
def test_what_is_no_onnx_file_is_refused(content, tmp_path):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(FormatError, match="m.onnx: not an ONNX file, or a damaged one"):
        from_onnx(tmp_path / "m.onnx")


def test_weights_in_another_file_are_refused(tmp_path):
    path = write(tmp_path / "m.onnx", [("Relu", ["x"], ["h"]), *END], constants=FC)
    file = onnx.load(path)
    onnx.external_data_helper.convert_model_to_external_data(file, location="w.bin", size_threshold=0)
    onnx.save(file, path)
    with pytest.raises(FormatError, match="m.onnx: the weights 'w' are in another file|m.onnx: "):
        from_onnx(path)


def run_by_onnxruntime(path, x, output=-1):
    session = pytest.importorskip("onnxruntime").InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[output]


@pytest.mark.peer
@pytest.mark.parametrize("zipmap", [False, True])
@pytest.mark.parametrize("names", [None, ["ash", "elm", "oak"]])
def test_scikit_learns_network_gives_its_probabilities(zipmap, names, tmp_path):
    pytest.importorskip("sklearn")
    to_onnx_of_sklearn = pytest.importorskip("skl2onnx").to_onnx
    from sklearn.neural_network import MLPClassifier
    x, y = x_of(90, 5), np.arange(90) % 3
    y = y if names is None else np.array(names)[y]
    network = MLPClassifier((7, 6), max_iter=30, random_state=0)
    with pytest.warns(Warning):  # it has not converged
        network.fit(x, y)
    path = tmp_path / "m.onnx"
    path.write_bytes(to_onnx_of_sklearn(network, x[:1], options={"zipmap": zipmap}).SerializeToString())
    found = from_onnx(path)
    assert found.shape == (5,) and found.names == (names or ["0", "1", "2"])
    np.testing.assert_allclose(F.softmax(found.model(x)).data, network.predict_proba(x), atol=1e-5)


@pytest.mark.peer
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("preserve", [False, True])
def test_pytorchs_exporter_gives_a_model_of_the_same_logits(preserve, tmp_path):
    torch = pytest.importorskip("torch")

    class Block(torch.nn.Module):
        def __init__(self, before, after):
            super().__init__()
            self.conv1 = torch.nn.Conv2d(before, after, 3, padding=1, bias=False)
            self.bn1 = torch.nn.BatchNorm2d(after)
            self.conv2 = torch.nn.Conv2d(after, after, 3, padding=1)
            self.shortcut = torch.nn.Conv2d(before, after, 1) if before != after else torch.nn.Identity()

        def forward(self, x):
            return torch.relu(self.conv2(torch.relu(self.bn1(self.conv1(x)))) + self.shortcut(x))

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.body = torch.nn.Sequential(Block(1, 4), torch.nn.MaxPool2d(2), Block(4, 4), torch.nn.AvgPool2d(2))
            self.fc1, self.fc2 = torch.nn.Linear(4 * 3 * 5, 8), torch.nn.Linear(8, 3)

        def forward(self, x):
            x = self.body(x)
            return self.fc2(torch.relu(self.fc1(x.view(x.size(0), -1))))

    torch.manual_seed(0)
    net, path = Net().eval(), tmp_path / "m.onnx"
    x = x_of(6, 1, 12, 20)
    keep = torch.onnx.TrainingMode.PRESERVE if preserve else torch.onnx.TrainingMode.EVAL
    torch.onnx.export(net, torch.from_numpy(x[:1]), str(path), dynamo=False, training=keep, input_names=["x"],
                      dynamic_axes={"x": {0: "N"}})
    found = from_onnx(path)
    with torch.no_grad():
        np.testing.assert_allclose(found.model(x).data, net(torch.from_numpy(x)).numpy(), atol=1e-5)
    np.testing.assert_allclose(found.model(x).data, run_by_onnxruntime(path, x), atol=1e-5)
