"""Quantization: real numbers as small integers, and inference with these integers."""
