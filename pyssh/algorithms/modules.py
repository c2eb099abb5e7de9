"""The parts of this package that are loaded when first needed, and the one place that loads them.

Each family pulls in its own part of `cryptography` (2 to 5 ms of start-up time), and a connection uses one
cipher and one exchange method of the thirty that it offers.
"""

from importlib import import_module
from types import ModuleType

__all__ = ["load"]


def load(module: str) -> ModuleType:
    """Import a module of this package by its last name.

    What a family's module offers is said where it is called: `CipherSpec`, `CompressionSpec`, `KexSpec`.
    """
    return import_module(f"pyssh.algorithms.{module}")
