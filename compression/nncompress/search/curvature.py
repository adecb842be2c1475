"""How curved the loss is along each weight: a running estimate with one number for each row and column of a layer."""

import numpy as np


class RankOneCurvature:
    """A running estimate of h = E[g²], the mean squared gradient of a batch, of rank one.

        r_o ← β r_o + (1 − β) mean_i g[o, i]²        c_i ← β c_i + (1 − β) mean_o g[o, i]²        h[o, i] = r_o c_i / mean(r)

    E[g²] is used in the place of the second derivative. For the log-likelihood of one example both have the same expectation if
    the model is right. For a batch E[g²] is smaller, by the same factor for all weights. The estimate has rank one, so it needs
    no array of the weight's size.

    beta: β.   every: gradients are looked at in every so many steps only, because a look costs two passes over them.
    Source: Martens 2014 (arXiv 1412.1193), §11, for squared gradients as curvature; Shazeer & Stern 2018 (arXiv 1804.04235),
    §3, algorithm 2, for the rank.
    """

    def __init__(self, beta=0.99, every=4):
        self.beta, self.every, self.seen, self.rows, self.columns = beta, every, 0, {}, {}

    def __call__(self, gradients):
        """Look at a step's gradients, {name: array (O, …)}, as `OnGrid.watch`."""
        self.seen += 1
        if self.seen % self.every == 0:
            for name, g in gradients.items():
                squares = np.square(g)
                others = tuple(range(1, g.ndim))
                self._average(self.rows, name, squares.mean(axis=others, keepdims=True, dtype=np.float64))
                self._average(self.columns, name, squares.mean(axis=0, keepdims=True, dtype=np.float64))

    def _average(self, averages, name, new):
        averages[name] = self.beta * averages.get(name, 0.0) + (1 - self.beta) * new

    def of(self, name, shape):
        """h of the weight or bias called `name`, float64; zeros before the first look."""
        if name not in self.rows:
            return np.zeros(shape)
        r, c = self.rows[name], self.columns[name]
        return r * c / (r.mean() + 1e-30)

    def scale_rows(self, name, factors):
        """h[o] ← factors[o] h[o], after the weight's rows have been scaled; exact up to one factor for the whole weight."""
        if name in self.rows:
            self.rows[name] = self.rows[name] * factors.reshape(-1, *[1] * (self.rows[name].ndim - 1))

    def cut(self, take):
        """Make the estimates as small as the model has become.   take(name, array, axes) -> what stays of it along the axes."""
        for name, r in self.rows.items():
            self.rows[name] = take(name, r, [0])
            self.columns[name] = take(name, self.columns[name], range(1, r.ndim))

    def state_dict(self):
        """For a checkpoint's metadata."""
        as_lists = [{name: a.tolist() for name, a in averages.items()} for averages in (self.rows, self.columns)]
        return {"seen": self.seen, "rows": as_lists[0], "columns": as_lists[1]}

    def load_state_dict(self, state):
        self.seen = state["seen"]
        self.rows, self.columns = ({name: np.array(a) for name, a in state[kind].items()} for kind in ("rows", "columns"))
