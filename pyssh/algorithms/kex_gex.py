"""Diffie-Hellman group exchange (RFC 4419): the client says how large, the server picks the group."""

from typing import TYPE_CHECKING, ClassVar, Final

from pyssh.algorithms.kex import KexReply, KexResult
from pyssh.algorithms.kex_dh import DhKey, encode_mpints
from pyssh.algorithms.kex_machine import KexMachine, KexState, Rules, refuse
from pyssh.algorithms.modp_groups import MODP_GROUPS, Group
from pyssh.messages.kex import KexDhGexGroup, KexDhGexInit, KexDhGexReply, KexDhGexRequest
from pyssh.wire.message import Message

if TYPE_CHECKING:
    from pyssh.algorithms.kex import KexClient, KexServer, KexSpec, Random

__all__ = ["GexClient", "GexServer", "choose_group", "client", "server"]

# bits; RFC 8270 forbids less than 2048, RFC 4419 section 3 expects no more than 8192
_SMALLEST: Final = 2048
_LARGEST: Final = 8192
# what is as hard as a key of so many bits (NIST SP 800-57 part 1, table 2), but not less than 3072; as
# OpenSSH asks for it
_PREFERRED: Final = ((128, 3072), (192, 7680))


def choose_group(minimum: int, preferred: int, maximum: int) -> Group | None:
    """Return the smallest group of at least `preferred` bits within the bounds, else the largest within."""
    minimum = max(minimum, _SMALLEST)
    maximum = min(maximum, _LARGEST)
    sizes = [bits for bits in MODP_GROUPS if minimum <= bits <= maximum]
    if not sizes:
        return None
    return MODP_GROUPS[min((bits for bits in sizes if bits >= preferred), default=max(sizes))]


def _transcript(request: KexDhGexRequest, group: Group, e: int, f: int) -> bytes:
    out = bytearray()
    request.put(out)
    return bytes(out) + encode_mpints(group.p, group.g, e, f)


class GexClient(KexMachine):
    """The client: request, init."""

    sent_rules: ClassVar[Rules] = {
        (KexState.NEW, KexDhGexRequest): KexState.REQUEST_SENT,
        (KexState.GROUP_CHOSEN, KexDhGexInit): KexState.INIT_SENT,
    }
    received_rules: ClassVar[Rules] = {
        (KexState.REQUEST_SENT, KexDhGexGroup): KexState.GROUP_CHOSEN,
        (KexState.INIT_SENT, KexDhGexReply): KexState.DONE,
    }
    _group: Group
    _key: DhKey

    def __init__(self, random: "Random", preferred: int) -> None:
        super().__init__()
        self._random = random
        self._request = KexDhGexRequest(_SMALLEST, preferred, _LARGEST)

    def start(self) -> Message:
        """Return the sizes we want."""
        self._send(KexDhGexRequest)
        return self._request

    def receive(self, message: Message) -> Message | KexReply:
        """Take the server's group and return our `e` in it; or take its `f`."""
        self._receive(message)
        match message:
            case KexDhGexGroup():
                return self._init(message)
            case _:
                assert isinstance(message, KexDhGexReply)
                return self._finish(message)

    def _init(self, message: KexDhGexGroup) -> KexDhGexInit:
        p, g = message.p, message.g
        # before any arithmetic: its cost grows with the cube of the size
        if not _SMALLEST <= p.bit_length() <= _LARGEST or p < 0:
            refuse(f"a Diffie-Hellman group of {p.bit_length()} bits")
        if p % 2 == 0 or not 1 < g < p - 1:
            refuse("a Diffie-Hellman group that is none")
        self._group = Group(p, g)
        self._key = DhKey(self._group, self._random)
        self._send(KexDhGexInit)
        return KexDhGexInit(self._key.public)

    def _finish(self, message: KexDhGexReply) -> KexReply:
        shared_secret = self._key.agree(message.f)
        transcript = _transcript(self._request, self._group, self._key.public, message.f)
        return KexReply(
            KexResult(transcript, shared_secret), message.server_public_host_key, message.signature
        )


class GexServer(KexMachine):
    """The server: group, reply."""

    sent_rules: ClassVar[Rules] = {
        (KexState.GROUP_CHOSEN, KexDhGexGroup): KexState.GROUP_SENT,
        (KexState.AGREED, KexDhGexReply): KexState.DONE,
    }
    received_rules: ClassVar[Rules] = {
        (KexState.NEW, KexDhGexRequest): KexState.GROUP_CHOSEN,
        (KexState.GROUP_SENT, KexDhGexInit): KexState.AGREED,
    }
    _request: KexDhGexRequest
    _group: Group
    _key: DhKey

    def __init__(self, random: "Random") -> None:
        super().__init__()
        self._random = random

    def receive(self, message: Message) -> Message | KexResult:
        """Take the sizes the client wants and return a group; or take its `e`."""
        self._receive(message)
        match message:
            case KexDhGexRequest():
                return self._choose(message)
            case _:
                assert isinstance(message, KexDhGexInit)
                return self._agree(message)

    def _choose(self, message: KexDhGexRequest) -> KexDhGexGroup:
        group = choose_group(message.min, message.n, message.max)
        if group is None:
            refuse(f"no Diffie-Hellman group of {message.min} to {message.max} bits")
        self._request = message
        self._group = group
        self._send(KexDhGexGroup)
        return KexDhGexGroup(group.p, group.g)

    def _agree(self, message: KexDhGexInit) -> KexResult:
        self._key = DhKey(self._group, self._random)
        shared_secret = self._key.agree(message.e)
        return KexResult(_transcript(self._request, self._group, message.e, self._key.public), shared_secret)

    def reply(self, host_key: bytes, signature: bytes) -> Message:
        """Return our `f`, and the proof of who we are."""
        self._send(KexDhGexReply)
        return KexDhGexReply(host_key, self._key.public, signature)


def client(spec: "KexSpec", random: "Random", key_bits: int) -> "KexClient":
    """Return the client's side of a new exchange."""
    return GexClient(random, next((bits for most, bits in _PREFERRED if key_bits <= most), _LARGEST))


def server(spec: "KexSpec", random: "Random") -> "KexServer":
    """Return the server's side of a new exchange."""
    return GexServer(random)
