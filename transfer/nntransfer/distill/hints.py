"""Hints: a layer in the middle of the student learns to predict the features of a layer in the middle of the teacher.

Two stages, as in the paper: the hints train the student's lower layers, then the outputs train all of it.

    hints = Hints({"relu4": "relu1"}, student, teacher, images[:1], rng=0)
    distill(student, teacher, loader, optim.Adam([*student.parameters(), *hints.parameters()]), 3, [(1, hints)])
    distill(student, teacher, loader, optim.SGD(student.parameters(), lr=0.01), 10, [(0.1, Labels()), (0.9, SoftTargets(4))])

Source: Romero et al. 2015, FitNets (arXiv 1412.6550), §2.2 and §2.3.
"""

from nnlite import Tensor, nn
from nnlite import functional as F
from nnlite.nn.module import inference_mode
from nntransfer.taps import tap


class Hints:
    """A loss of `distill`: the distance from the teacher's features to a prediction from the student's features.

        L = Σ_pairs 1/(2N) Σ_n |u_n − r(v_n)|²        u of the teacher's layer, v of the student's, r the regressor

    The regressor r learns, too: put `parameters()` into the optimizer. They come pair by pair, the weight before the bias.
    For features (N, D) the regressor is a Linear. For (N, C, H, W) it is a convolution whose kernel has
    H_s − H_t + 1 by W_s − W_t + 1 pixels, so that its result has the teacher's H and W. If the teacher's layer is a ReLU, r
    ends in a ReLU. Its parameters have the dtype of the student's features.

    layers: {layer of the student: layer of the teacher}.   student, teacher: Modules.   example (n, C, H, W): images that tell
    the shapes.   rng: a Generator or a seed of the regressors' first numbers.
    Errors: ValueError for no pair, for features of different rank, and for a student's map that is smaller than the teacher's;
    those of `tap` for names.
    Source: Romero et al. 2015 (arXiv 1412.6550), eq. 3 and algorithm 1.
    """

    def __init__(self, layers, student, teacher, example, rng):
        if not layers:
            raise ValueError("Hints: expects pairs of layers, {student's: teacher's}, got none")
        self.layers, self.regressors = dict(layers), nn.ModuleList()
        v, u = layer_outputs(student, list(self.layers), example), layer_outputs(teacher, list(self.layers.values()), example)
        modules = dict(teacher.named_modules())
        for s, t in self.layers.items():
            regressor = nn.Sequential(_regressor(s, t, v[s].shape[1:], u[t].shape[1:], rng))
            for parameter in regressor.parameters():
                parameter.data = parameter.data.astype(v[s].dtype)
            if isinstance(modules.get(t), nn.ReLU):
                regressor.relu = nn.ReLU()
            self.regressors.append(regressor)

    def parameters(self):
        """The regressors' Parameters."""
        return self.regressors.parameters()

    def __call__(self, student, teacher, labels):
        terms = []
        for regressor, (s, t) in zip(self.regressors, self.layers.items(), strict=True):
            terms.append(hint_loss(regressor(student.features[s]), teacher.features[t]))
        return sum(terms[1:], terms[0])


def hint_loss(r, u):
    """Half the squared distance of a regressor's outputs r (N, …) from the teacher's features u of the same shape.

        L = 1/(2N) Σ_n |u_n − r_n|²

    No gradient flows to u.   Errors: ValueError for different shapes.
    Source: Romero et al. 2015 (arXiv 1412.6550), eq. 3.
    """
    return F.mse_loss(r, Tensor(u), reduction="sum") / (2 * len(r))


def layer_outputs(model, names, images):
    """What the named layers give for some images: {layer: Tensor}, a name that comes twice once.

    The model infers meanwhile (`inference_mode`), and is as it was afterwards.   Errors: those of `tap`.
    """
    with tap(model, list(dict.fromkeys(names))) as features, inference_mode(model):
        model(images)
    return dict(features)


def _regressor(s, t, v, u, rng):
    """The regressor without its ReLU: from the student's features of shape v to the teacher's of shape u, both without the N.

    s, t: the names of the two layers, for the errors of `Hints`.   rng: a Generator or a seed.
    """
    if len(v) == len(u) == 1:
        return nn.Linear(v[0], u[0], rng=rng)
    if len(v) != 3 or len(u) != 3:
        raise ValueError(f"Hints: {s!r} of the student gives {v} for each image, {t!r} of the teacher {u}: expected both (D,) "
                         "or both (C, H, W)")
    if v[1] < u[1] or v[2] < u[2]:
        raise ValueError(f"Hints: {s!r} of the student gives maps of {v[1]}×{v[2]}, {t!r} of the teacher of {u[1]}×{u[2]}; a "
                         "convolution cannot enlarge: choose a lower layer of the student or a higher one of the teacher")
    return nn.Conv2d(v[0], u[0], (v[1] - u[1] + 1, v[2] - u[2] + 1), rng=rng)
