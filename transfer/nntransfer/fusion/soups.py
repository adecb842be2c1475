"""Model soups: the mean of several fine-tunings of one pretrained model. `average_weights` of all is the uniform soup."""

from nntransfer.fusion.alike import check_alike
from nntransfer.fusion.average import average_weights


def greedy_soup(models, score, loader=None):
    """The mean of some of the models: each is added only if the score does not fall -> (the soup, its models, its score).

        order the models by score, best first;   S = {first}
        for each further model m:   S ← S ∪ {m}   if   score(mean of S ∪ {m}) ≥ score(mean of S)

    So the soup scores at least as high as the best single model, on the images that `score` looks at. Let it look at held-out
    images, and measure the soup on others. Its models are given as a list of their numbers in `models`.

    models: Modules of one architecture, fine-tuned from one.   score: function(model) -> a number, larger is better, such as
    `lambda model: evaluate(model, held_out)["accuracy"]`. Of equal scores the model that stands first comes first.
    loader: as in `average_weights`; needed where the models have BatchNorm. The statistics of single models are kept.
    Errors: those of `average_weights`.
    Source: Wortsman et al. 2022 (arXiv 2203.05482), recipe 1.
    """
    models = check_alike("greedy_soup", models)
    scores = [score(model) for model in models]
    first, *others = sorted(range(len(models)), key=lambda m: -scores[m])
    kept, best = [first], scores[first]
    soup = average_weights([models[first]], loader=loader)
    soup.load_state_dict(models[first].state_dict())
    for m in others:
        tried = average_weights([models[i] for i in (*kept, m)], loader=loader)
        if (reached := score(tried)) >= best:
            soup, kept, best = tried, [*kept, m], reached
    return soup, kept, best
