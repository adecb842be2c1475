"""Kernels to read first: the formula in NumPy and the textbook's loops."""
