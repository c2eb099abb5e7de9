"""The parts of this package that are loaded when first needed, and the one place that loads them.

Each family pulls in its own part of `cryptography` (2 to 5 ms of start-up time), and a connection uses one
cipher and one exchange method of the thirty that it offers.
"""

from importlib import import_module

__all__ = ["load"]


def load(module: str) -> object:
    """Import a module of this package by its last name."""
    return import_module(f"pyssh.algorithms.{module}")
