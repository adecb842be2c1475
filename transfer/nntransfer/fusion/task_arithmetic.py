"""Task arithmetic: the change of the weights in a fine-tuning is a vector, which can be added, scaled and subtracted."""

import copy

import numpy as np

from nntransfer.fusion.alike import check_alike
from nntransfer.fusion.statistics import check_statistics, with_new_statistics


def task_vector(pretrained, finetuned):
    """The change of each parameter in a fine-tuning: {name of a parameter: array in float64}.

        τ = θ_finetuned − θ_pretrained

    pretrained, finetuned: Modules of one architecture. Buffers are left out. Delete from the dict what should not be added,
    such as the weights of a head that belongs to one task only.
    Errors: TypeError and ValueError for models that are not alike, with the first difference.
    Source: Ilharco et al. 2023 (arXiv 2212.04089), §2.
    """
    check_alike("task_vector", [pretrained, finetuned])
    pairs = zip(pretrained.named_parameters(), finetuned.named_parameters(), strict=True)
    return {name: after.data.astype(np.float64) - before.data for (name, before), (_, after) in pairs}


def add_task_vectors(pretrained, vectors, scale=1.0, loader=None):
    """A new model: the pretrained one, moved along the sum of task vectors.

        θ = θ_pretrained + λ Σ_t τ_t

    λ > 0 learns the tasks t, λ < 0 forgets them. λ is chosen on held-out images: at λ = 1, the vectors of several tasks
    together often go too far.

    vectors: a list of dicts {name of a parameter: array}, as `task_vector` gives them; names may be missing.   scale: λ.
    loader: as in `average_weights`; needed where the model has BatchNorm.   The new model is in inference mode.
    Errors: ValueError for an unknown name or another shape, and for BatchNorm without a loader.
    Source: Ilharco et al. 2023 (arXiv 2212.04089), §2 and §4.
    """
    parameters = dict(pretrained.named_parameters())
    for vector in vectors:
        for name, change in vector.items():
            if name not in parameters or np.shape(change) != parameters[name].shape:
                known = f"is {parameters[name].shape}" if name in parameters else "is not there"
                raise ValueError(f"add_task_vectors: a vector has {name} {np.shape(change)}, which in the model {known}")
    check_statistics("add_task_vectors", pretrained, loader)
    model = copy.deepcopy(pretrained).eval()
    for name, tensor in model.named_parameters():
        change = sum(vector[name] for vector in vectors if name in vector)
        tensor.data, tensor.grad = (tensor.data + scale * change).astype(tensor.dtype), None
    return with_new_statistics(model, loader)
