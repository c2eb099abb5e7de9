"""`SocksDialogue`: the server's side of SOCKS 4, 4a and 5 (RFC 1928); bytes in, bytes out."""

import socket
from typing import Final

from pyssh.errors import SSHError

# a name has 255 bytes at most, so has the user name of SOCKS 4; beyond that nobody means it
_REQUEST_SIZE: Final = 1024
_CONNECT: Final = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4


class SocksError(SSHError):
    """What came is not SOCKS, or a command other than CONNECT. `reply` is to be sent before closing."""

    def __init__(self, description: str, reply: bytes = b"") -> None:
        super().__init__(description)
        self.reply = reply


class SocksDialogue:
    """One connection's dialogue.

    Feed `receive` what comes and send what it returns, until `target` is set; then answer with `granted` or
    `refused`. `left` is what came behind the request and belongs to the target.
    """

    def __init__(self) -> None:
        self.target: tuple[str, int] | None = None
        self.left = b""
        self._data = b""
        self._version = 0
        self._is_greeted = False

    def receive(self, data: bytes) -> bytes:
        """Take bytes and return the answer, perhaps empty; `SocksError` when the dialogue is over."""
        self._data += data
        if len(self._data) > _REQUEST_SIZE and self.target is None:
            # what follows a complete request may be larger, but then `target` is found in its beginning
            self._data, rest = self._data[:_REQUEST_SIZE], self._data[_REQUEST_SIZE:]
        else:
            rest = b""
        reply = self._step()
        if self.target is not None:
            self.left = self._data + rest
        elif rest:
            raise SocksError("a SOCKS request of more than 1024 bytes")
        return reply

    def _step(self) -> bytes:
        if not self._data:
            return b""
        self._version = self._version or self._data[0]
        match self._version:
            case 4:
                self._receive_request_4()
                return b""
            case 5:
                reply = b"" if self._is_greeted else self._receive_greeting()
                if self._is_greeted:
                    self._receive_request_5()
                return reply
            case _:
                raise SocksError("neither SOCKS 4 nor SOCKS 5")

    # --- SOCKS 4 and 4a

    def _receive_request_4(self) -> None:
        end = self._data.find(b"\0", 8)
        if len(self._data) < 9 or end < 0:
            return
        if self._data[1] != _CONNECT:
            raise SocksError("a SOCKS command other than CONNECT", self.refused())
        port = int.from_bytes(self._data[2:4], "big")
        address = self._data[4:8]
        host = socket.inet_ntop(socket.AF_INET, address)
        if address[:3] == b"\0\0\0" and address[3]:  # 4a: the name follows the user name
            name_end = self._data.find(b"\0", end + 1)
            if name_end < 0:
                return
            host = _decode_name(self._data[end + 1 : name_end], self.refused())
            end = name_end
        self._data = self._data[end + 1 :]
        self.target = host, port

    # --- SOCKS 5

    def _receive_greeting(self) -> bytes:
        data = self._data
        if len(data) < 2 or len(data) < 2 + data[1]:
            return b""
        if 0 not in data[2 : 2 + data[1]]:
            raise SocksError("the SOCKS client wants to authenticate", b"\5\xff")
        self._data = data[2 + data[1] :]
        self._is_greeted = True
        return b"\5\0"

    def _receive_request_5(self) -> None:
        data = self._data
        if len(data) < 5:
            return
        if data[0] != 5:
            raise SocksError("SOCKS versions are mixed")
        kind = data[3]
        start = 5 if kind == _NAME else 4
        size = {_IPV4: 4, _IPV6: 16, _NAME: data[4]}.get(kind)
        if size is None:
            raise SocksError(f"SOCKS address type {kind}", self._reply_5(8))
        end = start + size
        if len(data) < end + 2:
            return
        if data[1] != _CONNECT:
            raise SocksError("a SOCKS command other than CONNECT", self._reply_5(7))
        address = data[start:end]
        if kind == _NAME:
            host = _decode_name(address, self.refused())
        else:
            host = socket.inet_ntop(socket.AF_INET if kind == _IPV4 else socket.AF_INET6, address)
        self._data = data[end + 2 :]
        self.target = host, int.from_bytes(data[end : end + 2], "big")

    # --- replies

    def granted(self) -> bytes:
        """Return the reply that lets the client begin."""
        return self._reply_5(0) if self._version == 5 else b"\0\x5a" + bytes(6)

    def refused(self) -> bytes:
        """Return the reply that says no; the connection is closed after it."""
        return self._reply_5(1) if self._version == 5 else b"\0\x5b" + bytes(6)

    @staticmethod
    def _reply_5(code: int) -> bytes:
        # the address that the far end is bound to is not known here: all zero
        return bytes((5, code, 0, _IPV4)) + bytes(6)


def _decode_name(name: bytes, refusal: bytes) -> str:
    if not name or not name.isascii() or not name.decode("ascii").isprintable():
        raise SocksError("a SOCKS host name that is none", refusal)
    return name.decode("ascii")
