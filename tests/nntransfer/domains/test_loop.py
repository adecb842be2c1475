import numpy as np
import pytest

from nnlite import data, nn, optim
from nnlite import functional as F
from nnlite.train import fit
from nntransfer.distill import InStep
from nntransfer.domains import Adversary, Domain, Faded, adapt, coral_loss, ramp, shifted, squared_mmd
from nntransfer.domains.loop import BothDomains

DIGITS = data.load("digits")[0]
SOURCE, TARGET = DIGITS[:192], data.Dataset(255 - DIGITS.images[192:320], DIGITS.labels[192:320], 10)


def a_model(seed=0):
    rng = np.random.default_rng(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16, rng=rng), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10, rng=rng))


def loaders(size=32):
    return [data.DataLoader(part, size, shuffle=True, seed=seed, drop_last=True, transform=data.preprocessing("digits"))
            for seed, part in enumerate((SOURCE, TARGET))]


def adapted(loss, seed=0, epochs=2, **options):
    model = a_model(seed)
    parameters = model.parameters() + (loss.parameters() if isinstance(loss, Adversary) else [])
    history = adapt(model, *loaders(), optim.SGD(parameters, lr=0.1), epochs, layer="3", loss=loss, progress=False, **options)
    return model, history


def test_one_pass_of_the_source_with_the_target_begun_anew():
    source, target = loaders()
    batches = list(BothDomains(source, target))
    assert len(batches) == len(BothDomains(source, target)) == 6 and len(target) == 4
    assert all(x.shape == t.shape == (32, 1, 8, 8) and (y >= 0).all() for x, y, t in batches)
    seen = {image.tobytes() for _, _, t in batches[:4] for image in t}
    assert len(seen) > 120  # a whole pass of the target, before any of it comes again


def test_together_the_source_comes_first_and_the_target_has_no_labels():
    (images, labels), *_ = BothDomains(*loaders(), together=True)
    assert images.shape == (64, 1, 8, 8) and (labels[:32] >= 0).all() and (labels[32:] == -1).all()


@pytest.mark.parametrize("together", [False, True])
def test_the_loss_is_cross_entropy_and_the_ramped_term_step_by_step(together):
    """The same training, written out."""
    model, _ = adapted(coral_loss, weight=50.0, together=together)
    other = a_model()
    optimizer, step = optim.SGD(other.parameters(), lr=0.1), 0
    source, target = loaders()
    target.rng = source.rng
    for _ in range(2):
        stream = iter([batch for batch in BothDomains(source, target)])
        for images, labels, target_images in stream:
            optimizer.zero_grad()
            if together:
                h = other[:4](np.concatenate([images, target_images]))
                h_s, h_t = h[:32], h[32:]
            else:
                h_s, h_t = other[:4](images), other[:4](target_images)
            loss = F.cross_entropy(other[4](h_s), labels) + 50.0 * ramp(step / 12) * coral_loss(h_s, h_t)
            loss.backward()
            optimizer.step()
            step += 1
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(a.data, b.data, atol=1e-5)


def test_with_weight_0_it_is_training_on_the_source():
    def no_batchnorm():
        rng = np.random.default_rng(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 16, rng=rng), nn.ReLU(), nn.Linear(16, 10, rng=rng))

    one, two = no_batchnorm(), no_batchnorm()
    source, target = (data.DataLoader(part, 32, transform=data.preprocessing("digits")) for part in (SOURCE, TARGET))
    adapt(one, source, target, optim.SGD(one.parameters(), lr=0.1), 2, layer="2", loss=coral_loss, weight=0, progress=False)
    fit(two, source, optim.SGD(two.parameters(), lr=0.1), 2, progress=False)
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


@pytest.mark.parametrize("name", ["coral", "mmd", "dann"])
def test_labels_of_the_target_make_no_difference(name):
    def run(labels):
        loss = {"coral": coral_loss, "mmd": squared_mmd, "dann": Adversary(16, rng=0)}[name]
        model, (source, target) = a_model(), loaders()
        target.dataset = data.Dataset(TARGET.images, labels, 10)
        parameters = model.parameters() + (loss.parameters() if name == "dann" else [])
        adapt(model, source, target, optim.SGD(parameters, lr=0.1), 1, layer="3", loss=loss, weight=2, progress=False)
        return model.state_dict()

    one, two = run(TARGET.labels), run(np.zeros(128, int))
    for key in one:
        np.testing.assert_array_equal(one[key], two[key])


DISTANCES = {"coral": coral_loss, "mmd": squared_mmd, "dann": squared_mmd}


@pytest.mark.parametrize(("name", "weight"), [("coral", 300), ("mmd", 3), ("dann", 1)])
def test_features_of_both_domains_become_alike(name, weight):
    """Faded digits, and a distance of the features of images that the training has not seen."""
    faded = shifted(DIGITS, [Faded(0.5, 100, 10)])
    distances = []
    for strength in (0, weight):
        rng = np.random.default_rng(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16, rng=rng), nn.ReLU(), nn.Linear(16, 10, rng=rng))
        loss = Adversary(16, rng=1) if name == "dann" else DISTANCES[name]
        parameters = model.parameters() + (loss.parameters() if name == "dann" else [])
        source, target = loaders()
        target.dataset = faded[192:320]
        adapt(model, source, target, optim.SGD(parameters, lr=0.1), 15, layer="2", loss=loss, weight=strength, progress=False)
        x, y = (Domain.of(model, data.DataLoader(part[900:1200], 300, transform=data.preprocessing("digits")), "2").features
                for part in (DIGITS, faded))
        distances.append(DISTANCES[name](x, y).item())
    assert distances[1] < 0.6 * distances[0]


def test_the_adversarys_parameters_have_to_be_in_the_optimizer():
    model = a_model()
    with pytest.raises(ValueError, match=r"^adapt: the optimizer lacks 4 of the Adversary's 4 parameters; make it from "
                                         r"model.parameters\(\) \+ adversary.parameters\(\): optim.SGD\(…\)$"):
        adapt(model, *loaders(), optim.SGD(model.parameters(), lr=0.1), 1, layer="3", loss=Adversary(16, rng=0))


def test_images_of_another_shape_and_a_single_sample_are_refused():
    model, (source, _) = a_model(), loaders()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    larger = data.DataLoader(data.Dataset(np.zeros((8, 1, 9, 9), np.float32), np.zeros(8, int), 10), 8)
    with pytest.raises(ValueError, match=r"^adapt: images of the source are \(1, 8, 8\), of the target \(1, 9, 9\)$"):
        adapt(model, source, larger, optimizer, 1, layer="3", loss=coral_loss, progress=False)
    one = data.DataLoader(TARGET[:1], 1, transform=data.preprocessing("digits"))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10, rng=0))
    with pytest.raises(ValueError, match="^coral_loss: a domain of 1 sample, at least 2 are needed$"):
        adapt(model, source, one, optim.SGD(model.parameters(), lr=0.1), 1, layer="1", loss=coral_loss, progress=False)
    with pytest.raises(ValueError, match="^adapt: the target gives no batch$"):
        BothDomains(source, [])


def test_images_of_the_source_without_a_label_and_probabilities_in_one_batch_are_refused():
    source, target = loaders()
    mixed = InStep(source, data.DataLoader(SOURCE, 32, transform=data.preprocessing("digits")))
    for together in (False, True):
        with pytest.raises(ValueError, match=r"adapt: 32 of 64 images in a batch of the source have no label \(−1\)"):
            next(iter(BothDomains(mixed, target, together)))
    shares = [(np.zeros((2, 1, 8, 8), np.float32), np.full((2, 10), 0.1, np.float32))]
    assert len(next(iter(BothDomains(shares, target)))) == 3
    with pytest.raises(ValueError, match=r"together=True takes a class for each image of the source, got labels \(2, 10\)"):
        next(iter(BothDomains(shares, target, together=True)))
