"""The pieces of work as PyTorch does them: the same layers, twice written. torch is imported when it is used."""

from collections import OrderedDict

from nnlite.bench.works import images_for


def set_threads(n):
    import torch

    torch.set_num_threads(n)


def prepare(work):
    """A training step or an inference as a function without arguments."""
    return {"train": training_step, "infer": inference}[work["do"]](work)


def training_step(work):
    """One step on the same batch, the images in torch's own layout or, where "layout" says so, in channels_last."""
    import torch

    model, (images, labels) = twin(work["model"]), map(torch.from_numpy, images_for(work))
    if work.get("layout") == "channels last":
        model, images = model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)
    optimizer = getattr(torch.optim, work["optimizer"])(model.parameters(), lr=1e-3)
    cross_entropy = torch.nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def inference(work):
    """The logits of one batch."""
    import torch

    model, (images, _) = twin(work["model"]).eval(), map(torch.from_numpy, images_for(work))

    def infer():
        with torch.no_grad():
            return model(images).numpy()

    return infer


def twin(name):
    """The model of `nnlite.models` with this name, as a torch module whose parameters have the same names."""
    from torch import nn

    layers = {
        "lenet-300-100": lambda: {
            "flatten": nn.Flatten(), "fc1": nn.Linear(784, 300), "relu1": nn.ReLU(), "fc2": nn.Linear(300, 100),
            "relu2": nn.ReLU(), "fc3": nn.Linear(100, 10)},
        "mlp": lambda: {"flatten": nn.Flatten(), "fc1": nn.Linear(784, 128), "relu1": nn.ReLU(), "fc2": nn.Linear(128, 10)},
        "lenet-5": lambda: {
            "conv1": nn.Conv2d(1, 20, 5), "pool1": nn.MaxPool2d(2), "conv2": nn.Conv2d(20, 50, 5), "pool2": nn.MaxPool2d(2),
            "flatten": nn.Flatten(), "fc1": nn.Linear(800, 500), "relu1": nn.ReLU(), "fc2": nn.Linear(500, 10)},
        "cnn": lambda: {
            "conv1": nn.Conv2d(3, 16, 3, padding=1), "relu1": nn.ReLU(), "pool1": nn.MaxPool2d(2),
            "conv2": nn.Conv2d(16, 32, 3, padding=1), "relu2": nn.ReLU(), "pool2": nn.MaxPool2d(2),
            "flatten": nn.Flatten(), "fc1": nn.Linear(2048, 128), "relu3": nn.ReLU(), "fc2": nn.Linear(128, 10)},
        "resnet": lambda: {
            "conv1": nn.Conv2d(3, 16, 3, padding=1, bias=False), "bn1": nn.BatchNorm2d(16), "relu1": nn.ReLU(),
            "block1_1": residual_block(16, 16, 1), "block2_1": residual_block(16, 32, 2),
            "block3_1": residual_block(32, 64, 2), "pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(),
            "fc": nn.Linear(64, 10)},
    }
    return sequential(layers[name]())


def sequential(layers):
    from torch import nn

    return nn.Sequential(OrderedDict(layers))


def residual_block(before, channels, stride):
    """relu(block(x) + shortcut(x)); the shortcut is x itself where the shapes agree."""
    from torch import nn

    class Residual(nn.Module):
        def __init__(self, block, shortcut):
            super().__init__()
            self.block, self.shortcut = block, shortcut

        def forward(self, x):
            return nn.functional.relu(self.block(x) + self.shortcut(x))

    block = sequential({
        "conv1": nn.Conv2d(before, channels, 3, stride, padding=1, bias=False), "bn1": nn.BatchNorm2d(channels),
        "relu1": nn.ReLU(), "conv2": nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        "bn2": nn.BatchNorm2d(channels)})
    if before == channels:
        return Residual(block, nn.Identity())
    shortcut = {"conv": nn.Conv2d(before, channels, 1, stride, bias=False), "bn": nn.BatchNorm2d(channels)}
    return Residual(block, sequential(shortcut))
