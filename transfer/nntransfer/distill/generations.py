"""Born-again networks: a student has the same architecture as its teacher, and becomes the teacher of the next student.

    def teach(student, teacher):
        losses = [(1, Labels())] if teacher is None else [(1, Labels()), (1, SoftTargets(temperature=1))]
        distill(student, teacher or student, loader(), optim.SGD(student.parameters(), lr=0.1), epochs=10, losses=losses)

    generations = born_again(lambda g: models.mlp(64, 32, seed=g), teach, generations=3)

Source: Furlanello et al. 2018 (arXiv 1805.04770), §3.1.
"""


def born_again(build, teach, generations):
    """Train models one after the other, each taught by the one before -> the list of all models.

        θ_g = argmin_θ L(labels, model θ_{g−1}, model θ)        from fresh weights for each g

    build(g) -> a fresh model for generation g = 0, 1, …   teach(student, teacher): trains the student; the teacher is None for
    g = 0.   generations: how many models in all. Averaging the logits of all of them gives the paper's ensemble, BAN-E.
    Errors: ValueError for fewer than one generation, for a model with other parameters than the first one's, and where build
    gives the same model twice.
    Source: Furlanello et al. 2018 (arXiv 1805.04770), §3.1, eq. 3 and 4.
    """
    if generations < 1:
        raise ValueError(f"born_again: expects at least 1 generation, got {generations}")
    models = []
    for g in range(generations):
        student = build(g)
        if any(student is model for model in models):
            raise ValueError(f"born_again: build gives the same model for generation {g} as before, expects a fresh one each "
                             "time")
        if models and _shapes(student) != _shapes(models[0]):
            raise ValueError(f"born_again: generation {g} has other parameters than generation 0: "
                             f"{_shapes(student)} and {_shapes(models[0])}")
        teach(student, models[-1] if models else None)
        models.append(student)
    return models


def _shapes(model):
    return {name: parameter.shape for name, parameter in model.named_parameters()}
