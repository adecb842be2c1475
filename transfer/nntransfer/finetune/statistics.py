"""BatchNorm's running statistics are computed anew, while the weights stay: after averaging weights, or for another domain.

AdaBN: a model that was trained on one domain gets the statistics of another, from images without labels. The weights stay.

    reestimate_statistics(model, target_loader)

Source: AdaBN: Li, Wang, Shi, Liu & Hou 2016, arXiv 1603.04779.
"""

from nnlite.nn.normalization import BatchNorm
from nnlite.tensor import no_grad


def reestimate_statistics(model, loader):
    """Replace the running statistics of every BatchNorm by those of a loader's images; returns the model.

        μ = Σ_k n_k μ_k / Σ_k n_k        σ² = Σ_k n_k σ²_k / Σ_k n_k        over the batches k = 1, 2, … of n_k images

    μ_k and σ²_k (unbiased) are the statistics of the layer's input in batch k. Each BatchNorm normalizes by its batch's
    statistics meanwhile, as in training; all other layers infer, so dropout leaves nothing out. Frozen BatchNorms are estimated
    anew, too, and stay frozen; the momentum of each layer stays as it is. Labels are not used. One pass over the loader is
    enough. Large batches give a better σ², because a batch's variance does not contain the differences between batches.
    Errors: ValueError for a model without BatchNorm, and for a loader without a batch; the statistics are then as before.
    Source: Li et al. 2016 (arXiv 1603.04779), §3.1; after averaging: Izmailov et al. 2018 (arXiv 1803.05407), §3.2.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, BatchNorm)]
    if not layers:
        raise ValueError(f"reestimate_statistics: there is no BatchNorm in this {type(model).__name__}")
    modes = [(module, module.training) for module in model.modules()]
    options = [(layer, layer.momentum, layer.frozen) for layer in layers]
    seen = 0
    try:
        model.eval()
        with no_grad():
            for images, *_ in loader:
                seen += len(images)
                for layer in layers:
                    layer.training, layer.frozen, layer.momentum = True, False, len(images) / seen
                model(images)
    finally:
        for module, training in modes:
            module.training = training
        for layer, momentum, frozen in options:
            layer.momentum, layer.frozen = momentum, frozen
    if not seen:
        raise ValueError("reestimate_statistics: the loader gives no batch")
    return model
