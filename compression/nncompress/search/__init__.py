"""Search: the smallest file that meets a budget.

Read in this order:
    budget      what the file may cost
    settings    the options: how long the training is, and when each part of it begins
    curvature   how curved the loss is along each weight, in one number for each row and column
    ranking     the weights of the whole network that stay
    latent      the model computes with weights on a grid, latent float weights learn
    structures  filters and neurons leave
    folding     the scales of BatchNorms move into the weights before these are rounded
    report      what happened, stage by stage
    run         all of it, in one training
    smallest_file   `nncompress.compress`, one run or several
    further     more training for what was found: masks and grid stay
    front       settings × seeds, and the front of errors against bytes
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "budget": ["Budget", "BudgetTooSmall"],
    "curvature": ["RankOneCurvature"],
    "further": ["train_further"],
    "front": ["pareto", "pareto_front"],
    "latent": ["OnGrid"],
    "ranking": ["best_masks"],
    "report": ["Report", "Stage"],
    "run": ["Compressed", "Run"],
    "settings": ["Settings"],
    "smallest_file": ["compress"],
    "structures": ["channel_worth", "most_worth", "shrink_all", "weight_maps", "with_share"],
})
