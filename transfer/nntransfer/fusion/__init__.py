"""Fusion: several networks become one.

Read in this order:
    alike            what can be fused: models of one architecture; the first difference is named
    ensemble         the mean of several models' outputs
    average          the mean of several models' weights
    statistics       BatchNorm's running statistics, which are estimated anew after a mean of weights
    line             what lies between two models: losses on the line, and the barrier
    assignment       pairs of rows and columns with the largest sum
    matching         Git Re-Basin: another order of a model's neurons, so that they match those of a second model
    soups            which fine-tuned models to average
    swa              the mean of the weights along one training
    task_arithmetic  differences of weights, added to a pretrained model
    fisher           a mean in which each weight counts by how sure its model is of it

To train one network on an ensemble, give `nntransfer.distill.WithTeacher` the `Ensemble` as the teacher.
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "assignment": ["best_assignment"],
    "average": ["average_weights"],
    "ensemble": ["Ensemble"],
    "fisher": ["diagonal_fisher", "fisher_average"],
    "line": ["barrier", "scores_on_line"],
    "matching": ["align", "match_weights", "permute_channels"],
    "soups": ["greedy_soup"],
    "swa": ["StochasticWeightAverage"],
    "task_arithmetic": ["add_task_vectors", "task_vector"],
})
