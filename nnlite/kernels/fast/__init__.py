"""Kernels that run by default: on the register tile, in threads. Their formulas are in `loops`."""
