"""The version exchange (RFC 4253 section 4.2): the first bytes of every connection."""

from pyssh.errors import VersionError
from pyssh.options import Limits

_SHOWN = 80  # of a line that is not SSH's, so that an error can quote it


def _quoted(line: bytes | bytearray) -> str:
    return ascii(line[:_SHOWN].decode("latin-1"))[1:-1]


class VersionReader:
    """Reads lines until the peer's identification line.

    A server may send lines before its own (`preamble`); a client may not. Lines end with CR LF, or with LF
    alone, as Go and old OpenSSH accept it.
    """

    def __init__(self, limits: Limits, *, peer_is_server: bool) -> None:
        self._limits = limits
        self._peer_is_server = peer_is_server
        self._pending = bytearray()
        self._preamble_size = 0
        self.preamble: list[str] = []
        self.identification: bytes | None = None

    def receive(self, data: memoryview) -> int:
        """Take bytes up to the end of the identification line; return how many were taken."""
        taken = 0
        while self.identification is None and taken < len(data):
            # a line never outgrows its cap by more than one step, however much arrives at once
            chunk = bytes(data[taken : taken + self._limits.version_line_size + 1])
            end = chunk.find(b"\n")
            piece = chunk if end < 0 else chunk[: end + 1]
            self._pending += piece
            taken += len(piece)
            self._check_size()
            if end >= 0:
                line = bytes(self._pending)
                self._pending.clear()
                self._receive_line(line.removesuffix(b"\n").removesuffix(b"\r"))
        return taken

    def _check_size(self) -> None:
        start = bytes(self._pending[:4])
        if start == b"SSH-"[: len(start)] or not self._peer_is_server:
            if len(self._pending) > self._limits.version_line_size:
                raise VersionError("the identification line is too long", _quoted(self._pending))
        elif self._preamble_size + len(self._pending) > self._limits.preamble_size:
            raise VersionError("too much text before the identification line", _quoted(self._pending))

    def _receive_line(self, line: bytes) -> None:
        if line.startswith(b"SSH-"):
            self._check_version(line)
            self.identification = line
            return
        if not self._peer_is_server:
            raise VersionError(f'the client does not speak SSH: it sent "{_quoted(line)}"', _quoted(line))
        if line.startswith(b"HTTP/"):
            raise VersionError(f'this is a web server: it sent "{_quoted(line)}"', _quoted(line))
        self._preamble_size += len(line) + 2
        self.preamble.append(line.decode("utf-8", "backslashreplace"))
        if len(self.preamble) > self._limits.preamble_lines:
            raise VersionError("too many lines before the identification line", _quoted(line))

    def _check_version(self, line: bytes) -> None:
        version = line.split(b"-", 2)[1]
        # RFC 4253 section 5.1: 1.99 is a server that also speaks 2.0
        accepted = (b"2.0", b"1.99") if self._peer_is_server else (b"2.0",)
        if version not in accepted or line.count(b"-") < 2:
            raise VersionError(f'protocol version not supported: "{_quoted(line)}"', _quoted(line))
        if b"\0" in line:
            raise VersionError("a NUL in the identification line", _quoted(line))

    def finish(self) -> VersionError:
        """Return what to say when the stream ended before the identification line was complete."""
        seen = self.preamble[0] if self.preamble else _quoted(self._pending)
        told = f': it sent "{_quoted(seen.encode())}"' if seen else ""
        return VersionError(f"the peer ended the connection before it identified itself{told}", seen)
