"""Addresses of peers: what a socket is connected to, and whether that is this machine."""

import socket

__all__ = ["is_loopback", "peer_address"]


def peer_address(sock: socket.socket | None) -> str | None:
    """Return the address that a TCP socket is connected to; None for other sockets and without one."""
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        return str(sock.getpeername()[0])
    except OSError:
        return None


def is_loopback(address: str) -> bool:
    """Tell whether an address is this machine's own."""
    import ipaddress  # noqa: PLC0415  # few configurations ask

    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
