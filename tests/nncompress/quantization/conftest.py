from types import SimpleNamespace

import pytest

from nnlite import data, models, optim, train


@pytest.fixture(scope="session")
def digits():
    """A trained perceptron for the digits, and what a further training needs; `model()` gives a copy of it."""
    images, test = data.load("digits")
    transform = data.preprocessing("digits")
    trained = models.mlp(in_features=64, width=0.25, seed=0)
    loader = data.DataLoader(images, batch_size=64, shuffle=True, seed=0, transform=transform)
    train.fit(trained, loader, optim.Adam(trained.parameters(), lr=3e-3), epochs=6, progress=False)
    state = trained.state_dict()

    def model():
        copy = models.mlp(in_features=64, width=0.25, seed=0)
        copy.load_state_dict(state)
        return copy

    def fit(network, epochs=4, lr=1e-3, **options):
        train.fit(network.train(), data.DataLoader(images, batch_size=64, shuffle=True, seed=1, transform=transform),
                  optim.Adam(network.parameters(), lr=lr), epochs=epochs, progress=False, **options)
        return network.eval()

    tests = data.DataLoader(test, batch_size=360, transform=transform)
    calibration = next(iter(data.DataLoader(images, batch_size=256, transform=transform)))[0]
    return SimpleNamespace(model=model, fit=fit, calibration=calibration,
                           errors=lambda network: train.evaluate(network, tests)["errors"])
