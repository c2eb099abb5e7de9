"""The asyncio face of pyssh: `connect()` for clients, `serve()` for servers, channels, forwards, agents.

>>> import asyncio
>>> from pyssh.aio import SessionHandler, connect, serve

What servers and users of agents need is loaded when it is first used: a client starts 10 ms sooner.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from pyssh.aio.channel import Channel, ExitStatus
from pyssh.aio.client import ClientLink, connect
from pyssh.aio.credentials import AnySigner, AsyncSigner, Credentials, SimpleCredentials
from pyssh.aio.forward import Forward, ForwardEvent, LocalForward
from pyssh.aio.link import ChannelRunner, Link
from pyssh.aio.reader import Reader
from pyssh.aio.session import CommandError, Completed, Terminal
from pyssh.aio.splice import Sink, Source, Splice, splice
from pyssh.aio.streams import Address, Stream, open_proxy_command
from pyssh.aio.timeouts import Timeouts

if TYPE_CHECKING:
    from pyssh.aio.agent import AgentClient, AgentError, AgentForward, AgentSigner
    from pyssh.aio.forward_server import ServerForwarding
    from pyssh.aio.handler import ServerHandler
    from pyssh.aio.handover import detach, resume
    from pyssh.aio.server import Server, ServerLink, serve, serve_stream
    from pyssh.aio.session_server import ServerSession, SessionHandler

__all__ = [
    "Address",
    "AgentClient",
    "AgentError",
    "AgentForward",
    "AgentSigner",
    "AnySigner",
    "AsyncSigner",
    "Channel",
    "ChannelRunner",
    "ClientLink",
    "CommandError",
    "Completed",
    "Credentials",
    "ExitStatus",
    "Forward",
    "ForwardEvent",
    "Link",
    "LocalForward",
    "Reader",
    "Server",
    "ServerForwarding",
    "ServerHandler",
    "ServerLink",
    "ServerSession",
    "SessionHandler",
    "SimpleCredentials",
    "Sink",
    "Source",
    "Splice",
    "Stream",
    "Terminal",
    "Timeouts",
    "connect",
    "detach",
    "open_proxy_command",
    "resume",
    "serve",
    "serve_stream",
    "splice",
]

_HOMES = {
    "AgentClient": "pyssh.aio.agent",
    "AgentError": "pyssh.aio.agent",
    "AgentForward": "pyssh.aio.agent",
    "AgentSigner": "pyssh.aio.agent",
    "ServerForwarding": "pyssh.aio.forward_server",
    "ServerHandler": "pyssh.aio.handler",
    "detach": "pyssh.aio.handover",
    "resume": "pyssh.aio.handover",
    "Server": "pyssh.aio.server",
    "ServerLink": "pyssh.aio.server",
    "serve": "pyssh.aio.server",
    "serve_stream": "pyssh.aio.server",
    "ServerSession": "pyssh.aio.session_server",
    "SessionHandler": "pyssh.aio.session_server",
}


def __getattr__(name: str) -> object:
    """Load a name's module when the name is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pyssh.aio' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
