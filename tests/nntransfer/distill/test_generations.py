import pytest

from nnlite import models
from nntransfer.distill import born_again


def test_each_generation_is_fresh_and_taught_by_the_one_before():
    built, taught = [], []

    def build(g):
        built.append(models.mlp(64, 4, seed=g))
        return built[-1]

    generations = born_again(build, lambda student, teacher: taught.append((student, teacher)), generations=3)
    assert generations == built and len(built) == 3
    assert taught == [(built[0], None), (built[1], built[0]), (built[2], built[1])]


def test_another_architecture_and_no_generation_are_errors():
    with pytest.raises(ValueError, match=r"generation 1 has other parameters than generation 0: .*\(5, 64\).*\(4, 64\)"):
        born_again(lambda g: models.mlp(64, 4 + g), lambda student, teacher: None, generations=2)
    with pytest.raises(ValueError, match="at least 1 generation, got 0"):
        born_again(lambda g: models.mlp(64, 4), lambda student, teacher: None, generations=0)
    model = models.mlp(64, 4)
    with pytest.raises(ValueError, match="build gives the same model for generation 1 as before"):
        born_again(lambda g: model, lambda student, teacher: None, generations=2)
