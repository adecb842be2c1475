"""Inference: the graph of a model, its lowering to few steps, and the plan that runs them.

Read in this order:
    graph        `nnlite.trace`: what a model computes, as nodes
    groups       which slices of which arrays belong to the same channel
    kinds        what a step of a plan can be
    lowering     from the graph to steps
    plan         `nnlite.compile`: the steps, run one by one or in fused stages (pipeline)
    cost         `nnlite.summary`: parameters, multiply-adds, bytes
    export       the steps as an ONNX file
"""

from nnlite.lazy import lazily

__getattr__, __dir__, __all__ = lazily(__name__, {
    "export": ["to_onnx"],
    "groups": ["dependency_groups"],
})
