"""Kernels: what the operators of a network do, compiled by Numba."""
