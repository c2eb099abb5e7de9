"""Forwards as they stand in mux messages: hosts and ports, and the numbers that mean paths and defaults."""

import os
from collections.abc import Iterator
from typing import Final

from pyssh.mux.messages import FORWARD_DYNAMIC, FORWARD_LOCAL, FORWARD_REMOTE, STREAMLOCAL
from pyssh.record import Record
from pyssh_config.client import ClientConfig
from pyssh_config.forwards import Address, Forward, UnixPath

__all__ = ["ForwardKey", "configured_forwards", "describe", "to_forward"]

# the host to connect to where a SOCKS client names it; the port is 0 then
_SOCKS: Final = b"socks"
_LARGEST_PORT: Final = 65535
_NAMES: Final = {FORWARD_LOCAL: "local", FORWARD_REMOTE: "remote", FORWARD_DYNAMIC: "dynamic"}


class ForwardKey(Record):
    """What a forward goes by: two of the same are the same. Fields are those of `OpenForward`."""

    forwarding_type: int
    listen_host: bytes
    listen_port: int
    connect_host: bytes
    connect_port: int


def configured_forwards(config: ClientConfig) -> Iterator[tuple[ForwardKey, Forward]]:
    """Yield the forwards of a configuration, in the order in which a client asks for them."""
    for kind, forwards in (
        (FORWARD_LOCAL, config.local_forward),
        (FORWARD_DYNAMIC, config.dynamic_forward),
        (FORWARD_REMOTE, config.remote_forward),
    ):
        for forward in forwards:
            yield _key(kind, forward), forward


def _key(kind: int, forward: Forward) -> ForwardKey:
    return ForwardKey(kind, *_listen(forward.listen), *_connect(forward.connect))


def _listen(listen: Address | UnixPath) -> tuple[bytes, int]:
    if isinstance(listen, UnixPath):
        return os.fsencode(listen.path), STREAMLOCAL
    # no host is the default, an empty one is every address
    host = "" if listen.host is None else listen.host or "*"
    return host.encode(), listen.port


def _connect(connect: Address | UnixPath | None) -> tuple[bytes, int]:
    if connect is None:
        return _SOCKS, 0
    if isinstance(connect, UnixPath):
        return os.fsencode(connect.path), STREAMLOCAL
    return (connect.host or "").encode(), connect.port


def describe(key: ForwardKey) -> str:
    """Return the forward as questions and logs name it; not escaped."""

    def end(host: bytes, port: int) -> str:
        return f"{os.fsdecode(host) or 'LOCALHOST'}:{-2 if port == STREAMLOCAL else port}"

    listen = end(key.listen_host, key.listen_port)
    target = "*" if key.forwarding_type == FORWARD_DYNAMIC else end(key.connect_host, key.connect_port)
    return f"{_NAMES[key.forwarding_type]} forward {listen} -> {target}"


def to_forward(key: ForwardKey) -> Forward:
    """Return the forward that a client asks for; ValueError if it is none."""
    if key.forwarding_type not in _NAMES:
        raise ValueError(f"invalid forwarding type {key.forwarding_type}")
    listen = _end(key.listen_host, key.listen_port)
    is_remote = key.forwarding_type == FORWARD_REMOTE
    if isinstance(listen, UnixPath) and key.forwarding_type == FORWARD_DYNAMIC:
        raise ValueError("streamlocal and dynamic forwards are mutually exclusive")
    if isinstance(listen, Address) and not listen.port and not is_remote:
        raise ValueError("invalid listen port 0")
    if key.forwarding_type == FORWARD_DYNAMIC or (is_remote and not key.connect_port):
        return Forward(listen)
    connect = _end(key.connect_host, key.connect_port)
    if not key.connect_host:
        raise ValueError("missing connect host")
    if isinstance(connect, Address) and not connect.port:
        raise ValueError("invalid connect port 0")
    return Forward(listen, connect)


def _end(host: bytes, port: int) -> Address | UnixPath:
    if b"\0" in host:
        raise ValueError("a name with a NUL in it")
    if port == STREAMLOCAL:
        return UnixPath(os.fsdecode(host))
    if port > _LARGEST_PORT:
        raise ValueError(f"invalid port {port}")
    return Address(host.decode() or None, port)
