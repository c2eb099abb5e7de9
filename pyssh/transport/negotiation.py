"""Two KEXINITs in, one `Negotiated` out (RFC 4253 section 7.1); pure functions."""

from collections.abc import Sequence
from typing import Final

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.preferences import SIGNATURES
from pyssh.errors import NegotiationError
from pyssh.events import AgreedAlgorithms
from pyssh.messages.transport import KexInit
from pyssh.record import Record

# pseudo-algorithms in the kex list: facts about a side, never chosen
EXT_INFO_CLIENT: Final = "ext-info-c"  # RFC 8308 section 2.1
EXT_INFO_SERVER: Final = "ext-info-s"
STRICT_CLIENT: Final = "kex-strict-c-v00@openssh.com"  # OpenSSH's PROTOCOL section 1.10
STRICT_SERVER: Final = "kex-strict-s-v00@openssh.com"
_MARKS: Final = frozenset((EXT_INFO_CLIENT, EXT_INFO_SERVER, STRICT_CLIENT, STRICT_SERVER))


class Negotiated(Record):
    """What two KEXINITs come to.

    `strict` and the ext-info marks mean something in the first exchange only.
    `client_guess_wrong` and `server_guess_wrong`: the packet that followed that KEXINIT is to be skipped.
    """

    algorithms: AgreedAlgorithms
    client_wants_ext_info: bool
    server_wants_ext_info: bool
    client_guess_wrong: bool
    server_guess_wrong: bool


def negotiate(client: KexInit, server: KexInit, *, is_client: bool) -> Negotiated:
    """Choose algorithms; `NegotiationError` if one kind has none in common. `is_client` only words it."""

    def choose(kind: str, wanted: Sequence[str], offered: Sequence[str]) -> str:
        for name in wanted:
            if name in offered and name not in _MARKS:
                return name
        ours, theirs = (wanted, offered) if is_client else (offered, wanted)
        raise NegotiationError(kind, _without_marks(ours), _without_marks(theirs))

    def choose_mac(cipher: str, wanted: Sequence[str], offered: Sequence[str]) -> str:
        return "" if CIPHERS[cipher].is_aead else choose("MAC", wanted, offered)

    kex = choose("key exchange method", client.kex_algorithms, server.kex_algorithms)
    host_key = choose(
        "host key algorithm", client.server_host_key_algorithms, server.server_host_key_algorithms
    )
    cipher_sent = choose(
        "cipher", client.encryption_algorithms_client_to_server, server.encryption_algorithms_client_to_server
    )
    cipher_received = choose(
        "cipher", client.encryption_algorithms_server_to_client, server.encryption_algorithms_server_to_client
    )
    guess_wrong = (
        client.kex_algorithms[:1] != server.kex_algorithms[:1]
        or client.server_host_key_algorithms[:1] != server.server_host_key_algorithms[:1]
    )
    return Negotiated(
        AgreedAlgorithms(
            kex,
            host_key,
            cipher_sent,
            cipher_received,
            choose_mac(
                cipher_sent, client.mac_algorithms_client_to_server, server.mac_algorithms_client_to_server
            ),
            choose_mac(
                cipher_received,
                client.mac_algorithms_server_to_client,
                server.mac_algorithms_server_to_client,
            ),
            choose(
                "compression method",
                client.compression_algorithms_client_to_server,
                server.compression_algorithms_client_to_server,
            ),
            choose(
                "compression method",
                client.compression_algorithms_server_to_client,
                server.compression_algorithms_server_to_client,
            ),
            STRICT_CLIENT in client.kex_algorithms and STRICT_SERVER in server.kex_algorithms,
        ),
        EXT_INFO_CLIENT in client.kex_algorithms,
        EXT_INFO_SERVER in server.kex_algorithms,
        client.first_kex_packet_follows and guess_wrong,
        server.first_kex_packet_follows and guess_wrong,
    )


def server_sig_algs(user_key: Sequence[str]) -> bytes:
    """Return the value of that extension (RFC 8308 section 3.1) for what a server takes from users.

    Beside the algorithms it names their signature formats: for a certificate clients look for that, and an
    RSA certificate is not even tried by OpenSSH and AsyncSSH without it.
    """
    names = dict.fromkeys(each for name in user_key for each in (SIGNATURES[name].signature_format, name))
    return ",".join(names).encode()


def _without_marks(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in _MARKS)
