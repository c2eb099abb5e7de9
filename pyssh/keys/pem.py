"""The former home of `load_private_key`."""

from pyssh.keys.formats import load_private_key

__all__ = ["load_private_key"]
