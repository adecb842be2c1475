"""BatchNorm in fused models: averaged running statistics do not fit the averaged weights, so they are estimated anew."""

from nnlite.nn.normalization import BatchNorm
from nntransfer.finetune.statistics import reestimate_statistics


def check_statistics(name, model, loader):
    """ValueError where the model has running statistics and there are no images to estimate them from."""
    layers = _batch_norms(model)
    if layers and loader is None:
        raise ValueError(f"{name}: the running statistics of {', '.join(layers[:3])}{' …' if len(layers) > 3 else ''} do not "
                         "belong to the new weights: give a loader of training images, from which they are estimated anew")


def with_new_statistics(model, loader):
    """The model, its running statistics estimated anew (`reestimate_statistics`) where it has any."""
    return reestimate_statistics(model, loader) if _batch_norms(model) else model


def _batch_norms(model):
    return [name for name, module in model.named_modules() if isinstance(module, BatchNorm)]
