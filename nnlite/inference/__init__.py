"""Inference: the graph of a model, its lowering to few steps, and the plan that runs them."""
