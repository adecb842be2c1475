"""Latent weights: the model computes with pruned weights on a grid, while the optimizer moves float weights t.

    optimizer = OnGrid(model, lambda params: optim.Adam(params, lr=2e-3))
    optimizer.set_masks({"fc1.weight": …})            # what is kept, booleans
    optimizer.set_steps({"fc1": 0.05})                # the grid of the layer's weight and bias
    train.fit(model, loader, optimizer, epochs)

The gradient at the weights on the grid moves the latent ones ("straight through"). So many small steps add up until a weight
jumps to the next point of the grid. The latent number of a removed weight does not change; if the weight is kept again, it
comes back with this value.

Source: BinaryConnect, Courbariaux et al. 2015 (arXiv 1511.00363), algorithm 1, for the two kinds of weights.
"""

import numpy as np

from nnlite import Tensor, kernels, nn


def snap(t, held, w, kept, one, inverse, step):
    """t ← held where kept = 0;   w = kept · s · round(t / s), the nearest point of the grid.   inverse = 1/s, step = s."""
    t = kept * t + (one - kept) * held
    return t, kept * (np.rint(t * inverse) * step), kept


def only_mask(t, held, w, kept, one):
    """t ← held where kept = 0;   w = kept · t, for a layer without a grid."""
    t = kept * t + (one - kept) * held
    return t, kept * t, kept


class OnGrid:
    """An optimizer of latent weights t, for a model whose weights w are t, masked and rounded to a grid.

        w = kept · s · round(t / s)              s the step of the layer; without a step, w = kept · t
        t ← rule(t, ∂L/∂w)                       Adam, SGD, …; where kept = 0, t does not change

    model       Weights and biases of its Conv2d and Linear layers get latents; all other parameters (BatchNorm) are trained as
                usual.
    make        make(parameters) -> an Optimizer; it gets the latents, in the model's order. Its averages go on for removed
                weights, too, so that a weight that comes back takes steps of the usual size.
    masks       {parameter name: booleans}, all True at first; `set_masks` changes some.   steps: {layer name: s}, empty at
                first; `set_steps` changes some
    watch       None, or watch({parameter name: gradient}), called in each step

    It is an optimizer for `train.fit` and for checkpoints: latents, masks and steps are in its state dict. Masks and grids take
    one pass over the weights: 0.8 of the time of Adam's own pass (LeNet-300-100 and LeNet-5, one thread).
    Errors: ValueError for masks of other names or shapes, a step that is not positive, a model without Conv2d and Linear.
    Source: BinaryConnect, Courbariaux et al. 2015 (arXiv 1511.00363), algorithm 1, for the two kinds of weights.
    """

    def __init__(self, model, make):
        self.model, self.layers, self.watch = model, quantizable_layers(model), None
        if not self.layers:
            raise ValueError(f"OnGrid: {type(model).__name__} has no Conv2d and no Linear layer")
        self.names = [name for names in self.layers.values() for name in names]
        parameters = dict(model.named_parameters())
        self.latents = {name: Tensor(parameters[name].data.copy(order="K"), requires_grad=True) for name in self.names}
        self.order = list(parameters)
        self.inner = make([self.latents.get(name, p) for name, p in parameters.items()])
        self.steps, self._kept = {}, {name: np.ones_like(t.data) for name, t in self.latents.items()}
        self._held = {name: t.data.copy(order="K") for name, t in self.latents.items()}  # where a removed weight stands

    @property
    def masks(self):
        """{parameter name: booleans}; `set_masks` changes them."""
        return {name: kept != 0 for name, kept in self._kept.items()}

    def set_masks(self, masks):
        """Keep the weights where the mask is True, from now on.   masks: {parameter name: booleans}; others stay."""
        for name, mask in masks.items():
            if name not in self.latents or np.shape(mask) != self.latents[name].shape:
                raise ValueError(f"OnGrid: a mask of shape {np.shape(mask)} for {name} fits none of "
                                 f"{ {name: t.shape for name, t in self.latents.items()} }")
            self._kept[name][...] = mask
            self._held[name][...] = self.latents[name].data
        self.refresh()

    def set_steps(self, steps):
        """Set the grid's step of layers.   steps: {layer name: s}; others stay."""
        for layer, step in steps.items():
            if layer not in self.layers or not 0 < step < np.inf:
                raise ValueError(f"OnGrid: step {step} of {layer}, expected a positive one of {', '.join(self.layers)}")
            self.steps[layer] = float(step)
        self.refresh()

    def refresh(self):
        """Compute the model's weights from the latent ones."""
        parameters = dict(self.model.named_parameters())
        for layer, names in self.layers.items():
            arrays = [[self.latents[name].data, self._held[name], parameters[name].data, self._kept[name]] for name in names]
            if layer in self.steps:
                kernels.in_one_pass(snap, arrays, (1.0, 1 / self.steps[layer], self.steps[layer]))
            else:
                kernels.in_one_pass(only_mask, arrays, (1.0,))
            for name in names:
                parameters[name].changed("OnGrid")

    def step(self):
        """Move the latent weights by the gradients at the weights on the grid, then compute the model's weights anew."""
        gradients = {name: p.grad for name, p in self.model.named_parameters() if name in self.latents and p.grad is not None}
        if self.watch is not None:
            self.watch(gradients)
        for name, latent in self.latents.items():
            latent.grad = gradients.get(name)
        self.inner.step()
        self.refresh()

    def zero_grad(self):
        """Forget the gradients of the model's parameters."""
        self.model.zero_grad()

    def parameters(self):
        """The model's parameters, whose gradients `step` reads."""
        return list(self.model.parameters())

    @property
    def param_groups(self):
        """The groups of the inner optimizer, whose learning rates a schedule sets."""
        return self.inner.param_groups

    @property
    def state(self):
        """The averages of the inner optimizer."""
        return self.inner.state

    def scale_rows(self, name, factors):
        """t[o] ← factors[o] t[o]. The optimizer's averages fit to that: g by 1 / factors[o], g² by 1 / factors[o]²."""
        latent = self.latents[name].data
        factors = factors.astype(latent.dtype).reshape(-1, *[1] * (latent.ndim - 1))
        latent *= factors
        self._held[name] *= factors
        inverse = 1 / np.maximum(np.abs(factors), np.float32(1e-6))
        for key, average in self.inner.state.get(self.order.index(name), {}).items():
            if isinstance(average, np.ndarray):
                average *= inverse**2 if key == "exp_avg_sq" else np.copysign(inverse, factors)

    def cut(self, take):
        """Make latents, masks and averages as small as the model has become.   take(name, array) -> what stays of the array."""
        for i, name in enumerate(self.order):
            for key, value in self.inner.state.get(i, {}).items():
                if isinstance(value, np.ndarray):
                    self.inner.state[i][key] = take(name, value)
        for name, latent in self.latents.items():
            latent.data, latent.grad = take(name, latent.data), None
            self._kept[name], self._held[name] = take(name, self._kept[name]), take(name, self._held[name])

    def state_dict(self):
        """The inner optimizer's state dict; its entries also have the latents and masks, its groups the steps."""
        found = self.inner.state_dict()
        for i, name in enumerate(self.order):
            if name in self.latents:
                found["state"].setdefault(i, {}).update(latent=self.latents[name].data.copy(), kept=self._kept[name] != 0)
        found["param_groups"] = [{**group, "grid": dict(self.steps)} for group in found["param_groups"]]
        return found

    def load_state_dict(self, state_dict):
        """Restore what `state_dict` gave, bit for bit. The model has to have the shapes that it had then."""
        groups = [dict(group) for group in state_dict["param_groups"]]
        self.steps = {layer: float(step) for layer, step in [group.pop("grid") for group in groups][0].items()}
        state = {int(i): dict(entry) for i, entry in state_dict["state"].items()}
        for i, name in enumerate(self.order):
            if name in self.latents:
                self.latents[name].data = np.array(state[i].pop("latent"), self.latents[name].dtype)
                self._kept[name] = np.array(state[i].pop("kept"), self.latents[name].dtype)
                self._held[name] = self.latents[name].data.copy()
        self.inner.load_state_dict({"state": {i: entry for i, entry in state.items() if entry}, "param_groups": groups})
        self.refresh()


def quantizable_layers(model):
    """{layer name: names of its weight and bias} for every Conv2d and Linear; of a shared weight, the first layer's."""
    parameters, seen, layers = {id(p): name for name, p in model.named_parameters()}, set(), {}
    for prefix, module in model.named_modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)) and id(module.weight) not in seen:
            seen.add(id(module.weight))
            layers[prefix] = [parameters[id(p)] for p in (module.weight, module.bias) if p is not None]
    return layers
