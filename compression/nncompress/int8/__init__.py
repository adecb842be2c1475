"""Inference in integers: requantization, the int8 plan, and the same plan once more in plain NumPy."""
