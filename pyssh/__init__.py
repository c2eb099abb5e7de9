"""pyssh: an SSH server, client and library around one sans-IO engine.

The names below are the library's face. They are loaded when first used, so that a command which needs only a
key file does not wait for asyncio.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pyssh.about import VERSION as __version__

if TYPE_CHECKING:
    from pyssh.aio import connect, serve
    from pyssh.engine import ClientEngine, ServerEngine
    from pyssh.errors import SSHError
    from pyssh.options import ClientOptions, Limits, ServerOptions

__all__ = [
    "ClientEngine",
    "ClientOptions",
    "Limits",
    "SSHError",
    "ServerEngine",
    "ServerOptions",
    "__version__",
    "connect",
    "serve",
]

_HOMES = {
    "connect": "pyssh.aio",
    "serve": "pyssh.aio",
    "ClientEngine": "pyssh.engine",
    "ServerEngine": "pyssh.engine",
    "SSHError": "pyssh.errors",
    "ClientOptions": "pyssh.options",
    "Limits": "pyssh.options",
    "ServerOptions": "pyssh.options",
}


def __getattr__(name: str) -> object:
    """Load a public name's module when the name is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pyssh' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
