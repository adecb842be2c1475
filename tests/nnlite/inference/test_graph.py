import numpy as np
import pytest

from nnlite import Tensor, models, nn, trace
from nnlite import functional as F


def image(channels=1, size=28, n=1):
    return np.random.default_rng(0).standard_normal((n, channels, size, size)).astype(np.float32)


def rows(graph):
    """(name, kind, what it reads, output shape, MACs) of every node."""
    return [(n.name, n.kind, [i.name for i in n.inputs], n.shape, n.macs) for n in graph.nodes]


def test_the_graph_of_lenet_300_100():
    assert rows(trace(models.lenet_300_100(), image())) == [
        ("input", "Input", [], (1, 1, 28, 28), 0),
        ("flatten_1", "Flatten", ["input"], (1, 784), 0),
        ("fc1", "Linear", ["flatten_1"], (1, 300), 784 * 300),
        ("relu_1", "ReLU", ["fc1"], (1, 300), 0),
        ("fc2", "Linear", ["relu_1"], (1, 100), 300 * 100),
        ("relu_2", "ReLU", ["fc2"], (1, 100), 0),
        ("fc3", "Linear", ["relu_2"], (1, 10), 100 * 10),
    ]


def test_the_graph_of_the_mlp():
    assert rows(trace(models.mlp(), image())) == [
        ("input", "Input", [], (1, 1, 28, 28), 0),
        ("flatten_1", "Flatten", ["input"], (1, 784), 0),
        ("fc1", "Linear", ["flatten_1"], (1, 128), 100_352),  # 784 · 128
        ("relu_1", "ReLU", ["fc1"], (1, 128), 0),
        ("fc2", "Linear", ["relu_1"], (1, 10), 1_280),  # 128 · 10
    ]


def test_the_graph_of_lenet_5():
    assert rows(trace(models.lenet_5(), image())) == [
        ("input", "Input", [], (1, 1, 28, 28), 0),
        ("conv1", "Conv2d", ["input"], (1, 20, 24, 24), 288_000),  # 24² · 20 · 5² · 1
        ("maxpool2d_1", "MaxPool2d", ["conv1"], (1, 20, 12, 12), 0),
        ("conv2", "Conv2d", ["maxpool2d_1"], (1, 50, 8, 8), 1_600_000),  # 8² · 50 · 5² · 20
        ("maxpool2d_2", "MaxPool2d", ["conv2"], (1, 50, 4, 4), 0),
        ("flatten_1", "Flatten", ["maxpool2d_2"], (1, 800), 0),
        ("fc1", "Linear", ["flatten_1"], (1, 500), 400_000),  # 800 · 500
        ("relu_1", "ReLU", ["fc1"], (1, 500), 0),
        ("fc2", "Linear", ["relu_1"], (1, 10), 5_000),
    ]


def test_the_graph_of_the_cnn():
    assert rows(trace(models.cnn(), image(3, 32))) == [
        ("input", "Input", [], (1, 3, 32, 32), 0),
        ("conv1", "Conv2d", ["input"], (1, 16, 32, 32), 442_368),  # 32² · 16 · 3² · 3
        ("relu_1", "ReLU", ["conv1"], (1, 16, 32, 32), 0),
        ("maxpool2d_1", "MaxPool2d", ["relu_1"], (1, 16, 16, 16), 0),
        ("conv2", "Conv2d", ["maxpool2d_1"], (1, 32, 16, 16), 1_179_648),  # 16² · 32 · 3² · 16
        ("relu_2", "ReLU", ["conv2"], (1, 32, 16, 16), 0),
        ("maxpool2d_2", "MaxPool2d", ["relu_2"], (1, 32, 8, 8), 0),
        ("flatten_1", "Flatten", ["maxpool2d_2"], (1, 2048), 0),
        ("fc1", "Linear", ["flatten_1"], (1, 128), 262_144),  # 2048 · 128
        ("relu_3", "ReLU", ["fc1"], (1, 128), 0),
        ("fc2", "Linear", ["relu_3"], (1, 10), 1_280),
    ]


def test_the_graph_of_resnet_8():
    stem = [
        ("input", "Input", [], (1, 3, 32, 32), 0),
        ("conv1", "Conv2d", ["input"], (1, 16, 32, 32), 442_368),  # 32² · 16 · 9 · 3
        ("bn1", "BatchNorm", ["conv1"], (1, 16, 32, 32), 0),
        ("relu_1", "ReLU", ["bn1"], (1, 16, 32, 32), 0),
    ]
    block1 = [
        ("block1_1.block.conv1", "Conv2d", ["relu_1"], (1, 16, 32, 32), 2_359_296),  # 32² · 16 · 9 · 16
        ("block1_1.block.bn1", "BatchNorm", ["block1_1.block.conv1"], (1, 16, 32, 32), 0),
        ("relu_2", "ReLU", ["block1_1.block.bn1"], (1, 16, 32, 32), 0),
        ("block1_1.block.conv2", "Conv2d", ["relu_2"], (1, 16, 32, 32), 2_359_296),
        ("block1_1.block.bn2", "BatchNorm", ["block1_1.block.conv2"], (1, 16, 32, 32), 0),
        ("add_1", "Add", ["block1_1.block.bn2", "relu_1"], (1, 16, 32, 32), 0),
        ("relu_3", "ReLU", ["add_1"], (1, 16, 32, 32), 0),
    ]
    block2 = [
        ("block2_1.block.conv1", "Conv2d", ["relu_3"], (1, 32, 16, 16), 1_179_648),  # 16² · 32 · 9 · 16
        ("block2_1.block.bn1", "BatchNorm", ["block2_1.block.conv1"], (1, 32, 16, 16), 0),
        ("relu_4", "ReLU", ["block2_1.block.bn1"], (1, 32, 16, 16), 0),
        ("block2_1.block.conv2", "Conv2d", ["relu_4"], (1, 32, 16, 16), 2_359_296),  # 16² · 32 · 9 · 32
        ("block2_1.block.bn2", "BatchNorm", ["block2_1.block.conv2"], (1, 32, 16, 16), 0),
        ("block2_1.shortcut.conv", "Conv2d", ["relu_3"], (1, 32, 16, 16), 131_072),  # 16² · 32 · 16
        ("block2_1.shortcut.bn", "BatchNorm", ["block2_1.shortcut.conv"], (1, 32, 16, 16), 0),
        ("add_2", "Add", ["block2_1.block.bn2", "block2_1.shortcut.bn"], (1, 32, 16, 16), 0),
        ("relu_5", "ReLU", ["add_2"], (1, 32, 16, 16), 0),
    ]
    block3 = [
        ("block3_1.block.conv1", "Conv2d", ["relu_5"], (1, 64, 8, 8), 1_179_648),  # 8² · 64 · 9 · 32
        ("block3_1.block.bn1", "BatchNorm", ["block3_1.block.conv1"], (1, 64, 8, 8), 0),
        ("relu_6", "ReLU", ["block3_1.block.bn1"], (1, 64, 8, 8), 0),
        ("block3_1.block.conv2", "Conv2d", ["relu_6"], (1, 64, 8, 8), 2_359_296),  # 8² · 64 · 9 · 64
        ("block3_1.block.bn2", "BatchNorm", ["block3_1.block.conv2"], (1, 64, 8, 8), 0),
        ("block3_1.shortcut.conv", "Conv2d", ["relu_5"], (1, 64, 8, 8), 131_072),  # 8² · 64 · 32
        ("block3_1.shortcut.bn", "BatchNorm", ["block3_1.shortcut.conv"], (1, 64, 8, 8), 0),
        ("add_3", "Add", ["block3_1.block.bn2", "block3_1.shortcut.bn"], (1, 64, 8, 8), 0),
        ("relu_7", "ReLU", ["add_3"], (1, 64, 8, 8), 0),
    ]
    head = [
        ("avgpool2d_1", "AvgPool2d", ["relu_7"], (1, 64, 1, 1), 0),
        ("flatten_1", "Flatten", ["avgpool2d_1"], (1, 64), 0),
        ("fc", "Linear", ["flatten_1"], (1, 10), 640),
    ]
    graph = trace(models.resnet(8), image(3, 32))
    assert rows(graph) == stem + block1 + block2 + block3 + head

    parameters = {node.name: node.parameters for node in graph.nodes}
    assert parameters["conv1"] == {"w": "conv1.weight"}  # no bias before a BatchNorm
    assert graph.nodes[1].arguments["b"] is None
    assert parameters["block2_1.shortcut.bn"] == {
        "mean": "block2_1.shortcut.bn.running_mean",
        "var": "block2_1.shortcut.bn.running_var",
        "gamma": "block2_1.shortcut.bn.weight",
        "beta": "block2_1.shortcut.bn.bias",
    }
    assert parameters["fc"] == {"w": "fc.weight", "b": "fc.bias"}
    assert parameters["add_1"] == {}


ALL = [
    (models.mlp(), image()),
    (models.lenet_300_100(), image()),
    (models.lenet_5(), image()),
    (models.cnn(), image(3, 32)),
    (models.resnet(8), image(3, 32)),
    (models.resnet(14, in_channels=1), image()),
]


@pytest.mark.parametrize("model, example", ALL)
def test_the_graph_has_every_parameter_and_buffer_of_the_model_once(model, example):
    graph = trace(model, example)
    used = [name for node in graph.nodes for name in node.parameters.values()]
    assert sorted(used) == sorted(model.state_dict())
    assert len({node.name for node in graph.nodes}) == len(graph.nodes)


@pytest.mark.parametrize("model, example", ALL)
def test_a_node_only_reads_nodes_before_it_and_the_last_is_the_models_output(model, example):
    graph = trace(model, example)
    for position, node in enumerate(graph.nodes):
        assert all(graph.nodes.index(read) < position for read in node.inputs)
    assert graph.nodes[0].kind == "Input" and graph.output is graph.nodes[-1]
    assert graph.output.shape == model.eval()(example).shape


@pytest.mark.parametrize("model, example", ALL)
def test_the_operations_run_again_along_the_graph_give_the_models_output(model, example):
    graph, state = trace(model, example), model.state_dict()
    values = {graph.nodes[0]: example}
    for node in graph.nodes[1:]:
        arguments = [
            values[a] if a in graph.nodes else state[a] if isinstance(a, str) else a for a in node.arguments.values()
        ]
        values[node] = node.op.forward(*arguments)
    np.testing.assert_array_equal(values[graph.output], model.eval()(example).data)


def test_macs_and_shapes_count_every_image_of_the_example():
    one, three = (trace(models.lenet_5(), image(n=n)) for n in (1, 3))
    assert [3 * node.macs for node in one.nodes] == [node.macs for node in three.nodes]
    assert {node.shape[0] for node in three.nodes} == {3}


def test_a_grouped_convolution_counts_only_the_channels_of_its_group():
    graph = trace(nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=8, rng=0)), image(8, 10))
    assert graph.output.macs == 10 * 10 * 8 * 9  # each of the 8 channels by itself


def test_users_are_the_nodes_that_read_a_node():
    graph = trace(models.resnet(8), image(3, 32))
    nodes = {node.name: node for node in graph.nodes}
    assert [node.name for node in graph.users(nodes["relu_3"])] == ["block2_1.block.conv1", "block2_1.shortcut.conv"]
    assert graph.users(graph.output) == []


# ---- the model stays as it was ----


def everything(model):
    state = {name: array.tobytes() for name, array in model.state_dict().items()}
    return state, [module.training for _, module in model.named_modules()], [p.grad for p in model.parameters()]


@pytest.mark.parametrize("training", [True, False])
def test_tracing_changes_neither_mode_nor_batch_norm_statistics_nor_gradients(training):
    model = models.resnet(8).train(training)
    model.bn1.eval()  # a frozen layer stays frozen
    before = everything(model)
    trace(model, image(3, 32, n=4))
    assert everything(model) == before


def test_tracing_draws_no_dropout():
    model = nn.Sequential(nn.Linear(4, 4, rng=0), nn.Dropout(0.5, rng=1))
    state = model[1].rng.bit_generator.state
    assert [node.kind for node in trace(model, np.ones((2, 4), np.float32)).nodes] == ["Input", "Linear"]
    assert model[1].rng.bit_generator.state == state
    assert model.training and model[1].training


def test_a_model_that_fails_while_traced_keeps_its_mode():
    model = models.cnn().train()
    with pytest.raises(ValueError, match="input has 1 channels, weight .16, 3, 3, 3. expects 3"):
        trace(model, image(1, 32))
    assert all(module.training for _, module in model.named_modules())
    assert (Tensor(1.0) * 2).operation is None  # nothing is traced any more


# ---- other models than sequences ----


class Model(nn.Module):
    """A Module out of a function (model, x) -> y."""

    def __init__(self, forward, **layers):
        self.function = forward
        vars(self).update(layers)

    def forward(self, x):
        return self.function(self, x)


def test_a_layer_used_twice_gives_two_nodes_with_one_parameter():
    model = Model(lambda self, x: self.fc(F.relu(self.fc(x))), fc=nn.Linear(3, 3, rng=0))
    nodes = trace(model, np.ones((1, 3), np.float32)).nodes
    assert [node.name for node in nodes] == ["input", "fc", "relu_1", "fc_1"]
    assert nodes[1].parameters == nodes[3].parameters == {"w": "fc.weight", "b": "fc.bias"}


def test_a_layer_under_two_names_goes_by_the_first():
    fc = nn.Linear(3, 3, rng=0)
    nodes = trace(nn.Sequential(fc, nn.ReLU(), fc), np.ones((1, 3), np.float32)).nodes
    assert nodes[3].parameters == {"w": "0.weight", "b": "0.bias"}


def test_a_constant_in_a_step_is_kept_as_an_array():
    model = Model(lambda self, x: x * 2.0 + np.ones(3, np.float32))
    x, product, total = trace(model, np.ones((1, 3), np.float32)).nodes
    assert product.arguments == {"x": x, "y": 2.0}
    np.testing.assert_array_equal(total.arguments["y"], np.ones(3))
    assert product.parameters == total.parameters == {}


def test_a_concatenation_names_its_inputs_by_number():
    model = Model(lambda self, x: F.concatenate([x, F.relu(x), x], dim=1))
    last = trace(model, np.ones((1, 3), np.float32)).output
    assert {letter: node.name for letter, node in last.arguments.items()} == {"x0": "input", "x1": "relu_1", "x2": "input"}


def test_a_parameter_of_the_model_itself_names_its_step_by_the_operation():
    model = Model(lambda self, x: x * self.scale, scale=nn.Parameter(np.ones(3, np.float32)))
    node = trace(model, np.ones((1, 3), np.float32)).output
    assert (node.name, node.parameters) == ("multiply", {"y": "scale"})


def test_steps_on_parameters_alone_are_in_the_graph():
    model = Model(lambda self, x: F.linear(x, self.w * self.w), w=nn.Parameter(np.ones((2, 3), np.float32)))
    graph = trace(model, np.ones((1, 3), np.float32))
    assert [node.kind for node in graph.nodes] == ["Input", "Multiply", "Linear"]
    assert graph.output.inputs == graph.nodes[:2]


def test_the_graph_prints_one_line_for_each_node():
    model = nn.Sequential(nn.Linear(3, 2, rng=0), nn.ReLU())
    assert str(trace(model, np.ones((1, 3), np.float32))).splitlines() == [
        "input: Input() -> (1, 3)",
        "0: Linear(x=input, w=0.weight, b=0.bias) -> (1, 2)",
        "relu_1: ReLU(x=0) -> (1, 2)",
    ]


# ---- what cannot be traced ----


def test_a_model_has_to_return_one_tensor():
    with pytest.raises(ValueError, match="has to return one Tensor, it returned tuple"):
        trace(Model(lambda self, x: (x, x)), np.ones((1, 3), np.float32))


@pytest.mark.parametrize("forward", [lambda self, x: Tensor(np.exp(x.data)), lambda self, x: F.exp(np.ones(3))])
def test_an_output_that_numpy_made_behind_the_tape_is_refused(forward):
    with pytest.raises(ValueError, match="does not come from its input by operations of nnlite.functional"):
        trace(Model(forward), np.ones((1, 3), np.float32))


def test_an_example_that_the_model_does_not_take_is_named_with_its_shape():
    with pytest.raises(ValueError, match=r"^linear: x has 4 .* \(where the model is run on an example of shape \(5, 4\)\)$"):
        trace(nn.Linear(3, 2, rng=0), np.ones((5, 4), np.float32))
