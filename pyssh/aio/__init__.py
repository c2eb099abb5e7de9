"""The asyncio face of pyssh: `connect()` for clients, `serve()` for servers, channels, forwards, agents.

>>> import asyncio
>>> from pyssh.aio import SessionHandler, connect, serve
"""

from pyssh.aio.agent import AgentClient, AgentError, AgentSigner
from pyssh.aio.channel import Channel, ExitStatus
from pyssh.aio.client import ClientLink, connect
from pyssh.aio.credentials import AnySigner, AsyncSigner, Credentials, SimpleCredentials
from pyssh.aio.forward import Forward, ForwardEvent, LocalForward
from pyssh.aio.forward_server import ServerForwarding
from pyssh.aio.handler import ServerHandler
from pyssh.aio.handover import detach, resume
from pyssh.aio.link import ChannelRunner, Link
from pyssh.aio.reader import Reader
from pyssh.aio.server import Server, ServerLink, serve, serve_stream
from pyssh.aio.session import CommandError, Completed, Terminal
from pyssh.aio.session_server import ServerSession, SessionHandler
from pyssh.aio.splice import Sink, Source, Splice, splice
from pyssh.aio.streams import Address, Stream, open_proxy_command
from pyssh.aio.timeouts import Timeouts

__all__ = [
    "Address",
    "AgentClient",
    "AgentError",
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
