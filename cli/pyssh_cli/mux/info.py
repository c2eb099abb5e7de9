"""What `-O conninfo` and `-O channels` print, in the words of OpenSSH's master."""

import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Final

from pyssh.about import SOFTWARE_VERSION
from pyssh.aio.client import ClientLink
from pyssh_cli.output import escape

__all__ = ["describe_channels", "describe_connection"]

# linux/tcp.h, struct tcp_info: tcpi_bytes_acked, tcpi_bytes_received, tcpi_segs_out, tcpi_segs_in
_TCP_INFO: Final = struct.Struct("QQII")
_TCP_INFO_OFFSET: Final = 120
_TCP_INFO_SIZE: Final = _TCP_INFO_OFFSET + _TCP_INFO.size
_KILO: Final = 1024


def describe_connection(link: ClientLink, started: float) -> Iterator[str]:
    """Yield lines about who is connected with whom, and how; `started` is on the clock of `monotonic`."""
    yield f"Connection information for {socket.gethostname()} pid {os.getpid()}"
    yield f"  versions {SOFTWARE_VERSION} -> {escape(link.remote_version.removeprefix('SSH-2.0-'))}"
    if isinstance(link.local_address, tuple) and isinstance(link.peer_address, tuple):
        yield f"  tcp {_shown(link.local_address)} -> {_shown(link.peer_address)}"
    yield f"  duration {_clock(time.monotonic() - started)}"
    agreed = link.algorithms
    if agreed is None:
        return
    yield f"  kexalgorithm {agreed.kex}"
    yield f"  hostkeyalgorithm {agreed.host_key}"
    yield from _each_way("cipher", agreed.cipher_client_to_server, agreed.cipher_server_to_client)
    yield from _each_way(
        "mac", agreed.mac_client_to_server or "<implicit>", agreed.mac_server_to_client or "<implicit>"
    )
    compression = agreed.compression_client_to_server, agreed.compression_server_to_client
    yield from _each_way("compression", *compression)
    traffic = _traffic(link)
    if traffic:
        yield f"  traffic {traffic}"
    if compression != ("none", "none"):
        yield "    compressed, and counted as it travels"


def _traffic(link: ClientLink) -> str:
    """Return what the kernel has counted; empty where it does not."""
    option = getattr(socket, "TCP_INFO", None)
    sock = link.stream.socket
    if option is None or sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return ""
    try:
        counted = sock.getsockopt(socket.IPPROTO_TCP, option, _TCP_INFO_SIZE)
        sent, received, sent_packets, received_packets = _TCP_INFO.unpack_from(counted, _TCP_INFO_OFFSET)
    except (OSError, struct.error):
        return ""
    return f"{received_packets} pkts {_size(received)} in, {sent_packets} pkts {_size(sent)} out"


def _size(count: int) -> str:
    value = float(count)
    for unit in "BKMGT":
        if value < _KILO or unit == "T":
            break
        value /= _KILO
    return f"{count}B" if unit == "B" else f"{value:.1f}{unit}B"


def _each_way(what: str, sent: str, received: str) -> Iterator[str]:
    if sent == received:
        yield f"  {what} {sent}"
    else:
        yield f"  {what} {sent} out, {received} in"


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _clock(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"


def describe_channels(link: ClientLink) -> Iterator[str]:
    """Yield a line for each open channel."""
    yield "The following connections are open:"
    for number, channel in link.channels.items():
        yield f"  #{number} {escape(repr(channel.kind))}"
