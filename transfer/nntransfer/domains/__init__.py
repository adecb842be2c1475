"""Domains: how well what was learned on one data set suits another.

Read in this order:
    leep      from the source's class probabilities
    hscore    from its features: how far apart the classes lie
    logme     from its features: the evidence of a linear model
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "hscore": ["h_score"],
    "leep": ["leep_score"],
    "logme": ["log_evidence", "logme_score"],
})
