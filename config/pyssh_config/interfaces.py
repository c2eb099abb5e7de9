"""The addresses of this machine's network interfaces, for `Match localnetwork` and `BindInterface`.

The standard library has nothing for it, so the C library is asked: getifaddrs(3).
"""

import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

__all__ = ["Interface", "interfaces"]

_HAS_LENGTH: Final = sys.platform != "linux"  # a BSD's sockaddr begins with its own length
_OFFSETS: Final[Mapping[int, tuple[int, int]]] = {socket.AF_INET: (4, 4), socket.AF_INET6: (8, 16)}
_UP: Final = 1
_LINK_LOCAL: Final = b"\xfe\x80"


class Interface(NamedTuple):
    """One address of an interface; `scope` is the interface's number where the address needs it."""

    name: str
    family: int
    address: str
    scope: int


def interfaces() -> list[Interface]:
    """Return the addresses of all interfaces that are up; none where the C library cannot say."""
    import ctypes  # noqa: PLC0415  # few configurations ask
    import ctypes.util  # noqa: PLC0415

    class Entry(ctypes.Structure):
        pass

    Entry._fields_ = [  # how ctypes declares what points to itself
        ("next", ctypes.POINTER(Entry)),
        ("name", ctypes.c_char_p),
        ("flags", ctypes.c_uint),
        ("address", ctypes.c_void_p),
        ("netmask", ctypes.c_void_p),
        ("destination", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
    ]

    def entries(first: "ctypes._Pointer[Entry]") -> Iterator[Interface]:
        at = first
        while at:
            entry = at.contents
            if entry.address and entry.flags & _UP:
                found = _interface(entry.name.decode(errors="replace"), entry.address, ctypes.string_at)
                if found is not None:
                    yield found
            at = entry.next

    library = ctypes.CDLL(None, use_errno=True)
    head = ctypes.POINTER(Entry)()
    if not hasattr(library, "getifaddrs") or library.getifaddrs(ctypes.byref(head)):
        return []
    try:
        return list(entries(head))
    finally:
        library.freeifaddrs(head)


def _interface(name: str, address: int, string_at: Callable[[int, int], bytes]) -> Interface | None:
    header = string_at(address, 2)
    family = header[1] if _HAS_LENGTH else int.from_bytes(header, sys.byteorder)
    if family not in _OFFSETS:
        return None
    offset, length = _OFFSETS[family]
    packed = string_at(address + offset, length)
    scope = socket.if_nametoindex(name) if packed[:2] == _LINK_LOCAL and length == 16 else 0
    return Interface(name, family, socket.inet_ntop(family, packed), scope)
