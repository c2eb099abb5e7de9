"""Diffie-Hellman over the numbers modulo a prime (RFC 4253 section 8, RFC 8268).

`DhKey` also serves group exchange (`kex_gex`).
"""

import warnings
from typing import TYPE_CHECKING, ClassVar, Final

from cryptography.hazmat.primitives.asymmetric import dh
from cryptography.utils import CryptographyDeprecationWarning

from pyssh.algorithms.kex import KexReply, KexResult
from pyssh.algorithms.kex_machine import KexMachine, KexState, Rules, refuse
from pyssh.algorithms.modp_groups import MODP_GROUPS, Group
from pyssh.messages.kex import KexDhInit, KexDhReply
from pyssh.wire.message import Message
from pyssh.wire.types import put_mpint

if TYPE_CHECKING:
    from pyssh.algorithms.kex import KexClient, KexServer, KexSpec, Random

__all__ = ["DhClient", "DhKey", "DhServer", "client", "encode_mpints", "server"]

# RFC 3526 section 8 wants exponents of 320 to 620 bits for its groups; this is enough for the largest, and
# a sixth of what exponents as long as the prime would cost
_EXPONENT_SIZE: Final = 80


def encode_mpints(*numbers: int) -> bytes:
    """Return the numbers, encoded one after the other."""
    out = bytearray()
    for number in numbers:
        put_mpint(out, number)
    return bytes(out)


class DhKey:
    """An ephemeral key pair in some group."""

    def __init__(self, group: Group, random: "Random") -> None:
        self._group = group
        # the top bit makes every exponent equally long, so that the time to use it tells nothing of its size
        self._private = int.from_bytes(random(_EXPONENT_SIZE), "big") | 1 << (_EXPONENT_SIZE * 8 - 1)
        self.public: Final = _power(group, group.g, self._private)

    def agree(self, peer_public: int) -> bytes:
        """Return K, encoded. Values outside 2..p-2 are refused: 1 and p-1 make K known to anybody."""
        p = self._group.p
        if not 1 < peer_public < p - 1:
            refuse("a Diffie-Hellman value outside 2..p-2")
        shared_secret = _power(self._group, peer_public, self._private)
        if not 1 < shared_secret < p - 1:  # a small subgroup, in a group of the server's making
            refuse("a Diffie-Hellman value of small order")
        return encode_mpints(shared_secret)


def _power(group: Group, base: int, exponent: int) -> int:
    """Return base^exponent modulo p.

    The library's exchange is just that, in constant time. It checks other primes than RFC 3526's at each use,
    which takes 0.6 s for 2048 bits and 80 s for 8192 (cryptography 50, OpenSSL 4.0), and a server chooses
    the size: those go through `pow`. Its time depends on the exponent, but that is used for these two powers
    and never again.
    """
    if MODP_GROUPS.get(group.p.bit_length()) != group:
        return pow(base, exponent, group.p)
    with warnings.catch_warnings():
        # that support will be removed some day is for us to know, not for users to read
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        numbers = dh.DHParameterNumbers(group.p, group.g)
        # the public half of the private key takes no part in an exchange
        private = dh.DHPrivateNumbers(exponent, dh.DHPublicNumbers(group.g, numbers)).private_key()
        return int.from_bytes(private.exchange(dh.DHPublicNumbers(base, numbers).public_key()), "big")


class DhClient(KexMachine):
    """The client of an exchange in a fixed group."""

    sent_rules: ClassVar[Rules] = {(KexState.NEW, KexDhInit): KexState.INIT_SENT}
    received_rules: ClassVar[Rules] = {(KexState.INIT_SENT, KexDhReply): KexState.DONE}

    def __init__(self, key: DhKey) -> None:
        super().__init__()
        self._key = key

    def start(self) -> Message:
        """Return our `e`."""
        self._send(KexDhInit)
        return KexDhInit(self._key.public)

    def receive(self, message: Message) -> KexReply:
        """Take the server's `f`."""
        self._receive(message)
        assert isinstance(message, KexDhReply)
        shared_secret = self._key.agree(message.f)
        return KexReply(
            KexResult(encode_mpints(self._key.public, message.f), shared_secret),
            message.server_public_host_key,
            message.signature,
        )


class DhServer(KexMachine):
    """The server of an exchange in a fixed group."""

    sent_rules: ClassVar[Rules] = {(KexState.AGREED, KexDhReply): KexState.DONE}
    received_rules: ClassVar[Rules] = {(KexState.NEW, KexDhInit): KexState.AGREED}

    def __init__(self, key: DhKey) -> None:
        super().__init__()
        self._key = key

    def receive(self, message: Message) -> KexResult:
        """Take the client's `e`."""
        self._receive(message)
        assert isinstance(message, KexDhInit)
        shared_secret = self._key.agree(message.e)
        return KexResult(encode_mpints(message.e, self._key.public), shared_secret)

    def reply(self, host_key: bytes, signature: bytes) -> Message:
        """Return our `f`, and the proof of who we are."""
        self._send(KexDhReply)
        return KexDhReply(host_key, self._key.public, signature)


def client(spec: "KexSpec", random: "Random", _key_bits: int) -> "KexClient":
    """Return the client's side of a new exchange."""
    return DhClient(DhKey(MODP_GROUPS[int(spec.parameter)], random))


def server(spec: "KexSpec", random: "Random") -> "KexServer":
    """Return the server's side of a new exchange."""
    return DhServer(DhKey(MODP_GROUPS[int(spec.parameter)], random))
