"""Registers, instructions and tiles: the part of the kernels that emits LLVM."""
