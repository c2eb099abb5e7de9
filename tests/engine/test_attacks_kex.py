"""Attacks on the key exchange: values that give the secret away, keys that are not the server's."""

import struct
from collections.abc import Callable

import pytest

from pyssh.algorithms.modp_groups import MODP_GROUPS
from pyssh.algorithms.preferences import Algorithms
from pyssh.errors import DisconnectReason, NegotiationError, ProtocolError
from pyssh.events import Ended, HostKeyQuestion, KeysExchanged, SignatureNeeded
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.messages.kex import (
    KexDhGexGroup,
    KexDhGexInit,
    KexDhGexReply,
    KexDhGexRequest,
    KexDhInit,
    KexDhReply,
    KexEcdhInit,
    KexEcdhReply,
)
from pyssh.messages.transport import KexInit
from pyssh.options import ClientOptions, Limits, ServerOptions
from pyssh.wire.message import Message
from tests.support.pair import HOST_KEY, Pair, Side
from tests.support.payloads import kexinit
from tests.support.rogue import QUICK, Rogue, Stage
from tests.unit.keys.building import certificate_blob, strings

both_roles = pytest.mark.parametrize("victim_is_client", [True, False], ids=["client", "server"])
RSA = generate_private_key("rsa", 2048)
OTHER = generate_private_key("ed25519")
BLOB = HOST_KEY.key.blob


def error_of(side: Side) -> ProtocolError:
    (ended,) = side.of(Ended)
    assert isinstance(ended.error, ProtocolError)
    return ended.error


def attack(method: str, *messages: Message, victim_is_client: bool) -> Rogue:
    """Bring a victim to this method, and send."""
    rogue = Rogue(Stage.KEXINIT, victim_is_client=victim_is_client, algorithms=QUICK.replace(kex=(method,)))
    rogue.send(*[message.encode() for message in messages])
    return rogue


def refused(rogue: Rogue) -> None:
    assert isinstance(rogue.error, ProtocolError)
    assert rogue.error.reason is DisconnectReason.KEY_EXCHANGE_FAILED
    assert not rogue.victim.of(KeysExchanged)
    assert not rogue.victim.of(HostKeyQuestion)
    assert not rogue.victim.of(SignatureNeeded)


# --- values of the exchange

# of small order, or the same numbers written above the modulus (RFC 7748 section 6, and its literature)
SMALL_ORDER = [
    bytes(32),
    b"\1" + bytes(31),
    bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    b"\xec" + b"\xff" * 30 + b"\x7f",
    b"\xed" + b"\xff" * 30 + b"\x7f",
    b"\xee" + b"\xff" * 30 + b"\x7f",
]
WRONG_SIZE = [b"", bytes(31), bytes(33), bytes(60_000)]


def ecdh(value: bytes, victim_is_client: bool) -> Message:
    return KexEcdhReply(BLOB, value, b"") if victim_is_client else KexEcdhInit(value)


@both_roles
@pytest.mark.parametrize("value", SMALL_ORDER + WRONG_SIZE, ids=lambda value: value[:4].hex())
def test_x25519_values_that_give_the_secret_away(value: bytes, victim_is_client: bool) -> None:
    refused(attack("curve25519-sha256", ecdh(value, victim_is_client), victim_is_client=victim_is_client))


@both_roles
@pytest.mark.parametrize(("curve", "size"), [("nistp256", 32), ("nistp384", 48), ("nistp521", 66)])
def test_points_that_are_not_on_the_curve(curve: str, size: int, victim_is_client: bool) -> None:
    values = [
        b"\0",  # the point at infinity
        b"\4" + bytes(2 * size),
        b"\4" + b"\xff" * 2 * size,
        b"\4" + bytes(2 * size - 1) + b"\1",
        b"\4" + bytes(2 * size - 1),
        b"\2" + bytes(size),
        b"\6" + bytes(2 * size),
        b"",
    ]
    for value in values:
        message = ecdh(value, victim_is_client)
        refused(attack(f"ecdh-sha2-{curve}", message, victim_is_client=victim_is_client))


@both_roles
@pytest.mark.parametrize("method", ["mlkem768x25519-sha256", "mlkem768nistp256-sha256"])
def test_hybrid_values_with_a_bad_half(method: str, victim_is_client: bool) -> None:
    kem, curve = (1088, 1184)[not victim_is_client], 32 if "x25519" in method else 65
    for value in (
        bytes(kem + curve),
        bytes(kem),
        bytes(curve),
        b"\xff" * (kem + curve),
        bytes(kem + curve + 1),
    ):
        refused(attack(method, ecdh(value, victim_is_client), victim_is_client=victim_is_client))


P = MODP_GROUPS[2048].p
EDGES = [0, 1, P - 1, P, P + 1, 2 * P, -1, -2, -P, 2**8192]


@both_roles
@pytest.mark.parametrize("value", EDGES, ids=range(len(EDGES)))
def test_diffie_hellman_values_at_the_edges(value: int, victim_is_client: bool) -> None:
    message = KexDhReply(BLOB, value, b"") if victim_is_client else KexDhInit(value)
    refused(attack("diffie-hellman-group14-sha256", message, victim_is_client=victim_is_client))


GEX = "diffie-hellman-group-exchange-sha256"


@pytest.mark.parametrize(
    ("p", "g"),
    [
        (2**1024 + 643, 2),  # Logjam
        (2**2046 + 1, 2),
        (2**8192 + 1, 2),
        (2**60_000 + 1, 2),
        (0, 2),
        (-P, 2),
        (P - 1, 2),
        (P, 0),
        (P, 1),
        (P, P - 1),
        (P, P),
        (P, -2),
    ],
    ids=range(12),
)
def test_groups_that_are_weak_or_none(p: int, g: int) -> None:
    refused(attack(GEX, KexDhGexGroup(p, g), victim_is_client=True))


@pytest.mark.parametrize("value", EDGES, ids=range(len(EDGES)))
def test_values_at_the_edges_of_a_group_of_the_servers(value: int) -> None:
    refused(attack(GEX, KexDhGexGroup(P, 2), KexDhGexReply(BLOB, value, b""), victim_is_client=True))


@pytest.mark.parametrize("sizes", [(1, 2, 3), (512, 1024, 1024), (8193, 8193, 9000), (4096, 3072, 2048)])
def test_sizes_for_which_there_is_no_group(sizes: tuple[int, int, int]) -> None:
    refused(attack(GEX, KexDhGexRequest(*sizes), victim_is_client=False))


def test_group_exchange_out_of_order() -> None:
    for messages in (
        (KexDhGexInit(3),),
        (KexDhGexRequest(2048, 2048, 2048), KexDhGexRequest(2048, 2048, 2048)),
    ):
        rogue = attack(GEX, *messages, victim_is_client=False)
        assert isinstance(rogue.error, ProtocolError)
    rogue = attack(GEX, KexDhGexReply(BLOB, 3, b""), victim_is_client=True)
    refused(rogue)


# --- KEXINIT

ONE_TOO_MANY = tuple(f"name{number}@example.com" for number in range(Limits().name_list_names + 1))


@both_roles
@pytest.mark.parametrize(
    "changes",
    [
        {"kex_algorithms": ONE_TOO_MANY},
        {"languages_server_to_client": ONE_TOO_MANY},
        {"server_host_key_algorithms": ("x" * 20_000,)},
    ],
    ids=str,
)
def test_lists_that_are_too_long(changes: dict[str, tuple[str, ...]], victim_is_client: bool) -> None:
    rogue = Rogue(Stage.VERSION, victim_is_client=victim_is_client)
    rogue.send(kexinit(**changes).encode())
    assert "too l" in str(rogue.error)


@both_roles
@pytest.mark.parametrize("field", KexInit.__match_args__[1:9])
def test_lists_with_nothing_in_common(field: str, victim_is_client: bool) -> None:
    for names in ((), ("unheard-of",), ("kex-strict-s-v00@openssh.com", "ext-info-c")):
        if "mac" not in field:
            rogue = Rogue(Stage.VERSION, victim_is_client=victim_is_client)
            rogue.send(kexinit(**{field: names}).encode())
            assert isinstance(rogue.error, NegotiationError)


@both_roles
@pytest.mark.parametrize("names", [b"a,,b", b",", b"a,", b"a\0b", b"a b\x7f", b"\xc3\xa9", b"a\nb"])
def test_names_that_are_none(names: bytes, victim_is_client: bool) -> None:
    rogue = Rogue(Stage.VERSION, victim_is_client=victim_is_client)
    rogue.send(b"\x14" + bytes(16) + struct.pack(">I", len(names)) + names + bytes(41))
    assert "name" in str(rogue.error)


@pytest.mark.parametrize("count", [1, 2])
def test_a_wrong_guess_is_one_packet(count: int) -> None:
    """Whatever it holds; the second one counts."""
    rogue = Rogue(Stage.VERSION, victim_is_client=False)
    first = kexinit(first_kex_packet_follows=True, kex_algorithms=("unheard-of", *kexinit().kex_algorithms))
    rogue.send(first.encode(), *[KexEcdhInit(b"guess").encode()] * count)
    assert rogue.ended is (count == 2)


def test_a_guess_does_not_excuse_what_is_no_method_message() -> None:
    rogue = Rogue(Stage.VERSION, victim_is_client=False)
    first = kexinit(first_kex_packet_follows=True, kex_algorithms=("unheard-of", *kexinit().kex_algorithms))
    rogue.send(first.encode(), b"\x15")
    assert "NEWKEYS while" in str(rogue.error)


# --- the host key


def session(
    answer: Callable[[SignatureNeeded], bytes],
    *,
    key: PrivateKey = HOST_KEY,
    wanted: tuple[str, ...] = (),
) -> Pair:
    """Run a pair whose server signs like this."""
    algorithms = Algorithms.legacy().replace(kex=QUICK.kex)
    pair = Pair(
        ClientOptions(user="me", algorithms=algorithms.replace(host_key=wanted or algorithms.host_key)),
        ServerOptions(host_keys=(key.key,), algorithms=algorithms),
        host_keys=(key,),
    )
    pair.server.answers[SignatureNeeded] = answer
    return pair.run()


def cut_last(question: SignatureNeeded) -> bytes:
    signature = HOST_KEY.sign(question.algorithm, question.data)
    return strings("ssh-ed25519", signature[-64:-1])


FORGERIES: dict[str, Callable[[SignatureNeeded], bytes]] = {
    "of nothing": lambda question: b"",
    "of another key": lambda question: OTHER.sign(question.algorithm, question.data),
    "of other data": lambda question: HOST_KEY.sign(question.algorithm, question.data[:-1] + b"x"),
    "with more behind": lambda question: HOST_KEY.sign(question.algorithm, question.data) + b"\0",
    "too short": cut_last,
    "under another name": lambda question: strings(
        "ssh-rsa", HOST_KEY.sign(question.algorithm, question.data)[-64:]
    ),
    "of zeros": lambda question: strings("ssh-ed25519", bytes(64)),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_signatures(forgery: str) -> None:
    pair = session(FORGERIES[forgery])
    assert "signature is wrong" in str(error_of(pair.client))
    assert not pair.client.of(HostKeyQuestion)
    assert not pair.client.of(KeysExchanged)


def test_a_signature_of_another_connection() -> None:
    """The exchange hash is of this connection's ephemeral keys alone."""
    seen: list[bytes] = []

    def record(question: SignatureNeeded) -> bytes:
        seen.append(HOST_KEY.sign(question.algorithm, question.data))
        return seen[0]

    assert session(record).client.of(KeysExchanged)
    assert "signature is wrong" in str(error_of(session(record).client))
    assert seen[0] != seen[1]


@pytest.mark.parametrize("agreed", ["rsa-sha2-256", "rsa-sha2-512"])
@pytest.mark.parametrize("used", ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"])
def test_the_signature_algorithm_is_the_agreed_one(agreed: str, used: str) -> None:
    """An attacker who breaks SHA-1 must not gain by it where SHA-2 was agreed on."""
    pair = session(lambda question: RSA.sign(used, question.data), key=RSA, wanted=(agreed,))
    if used == agreed:
        assert pair.client.of(KeysExchanged)
    else:
        assert "signature is wrong" in str(error_of(pair.client))


def test_sha_1_is_not_agreed_on_by_default() -> None:
    options = ServerOptions(
        host_keys=(RSA.key,), algorithms=Algorithms.legacy().replace(host_key=("ssh-rsa",))
    )
    pair = Pair(ClientOptions(user="me"), options, host_keys=(RSA,)).run()
    assert not pair.client.of(KeysExchanged)


def shown(blob: bytes, limits: Limits | None = None) -> Rogue:
    """A client that is shown a host key; what follows is never right."""
    rogue = Rogue(Stage.KEXINIT, victim_is_client=True, limits=limits)
    rogue.send(KexEcdhReply(blob, b"\x09" + bytes(31), strings("ssh-ed25519", bytes(64))).encode())
    return rogue


@pytest.mark.parametrize(
    ("blob", "problem"),
    [
        (b"", "bad host key"),
        (b"\xff" * 100, "bad host key"),
        (BLOB + b"\0", "bad host key"),
        (strings("ssh-ed25519", bytes(31)), "bad host key"),
        (strings("ssh-dss", bytes(31)), "bad host key"),
        (strings("ssh-ed25519", bytes(60_000)), "too large"),
        (RSA.key.blob, "for ssh-ed25519"),
        (generate_private_key("ecdsa").key.blob, "for ssh-ed25519"),
        (certificate_blob(HOST_KEY.key, OTHER, kind=2), "for ssh-ed25519"),
    ],
    ids=range(9),  # the keys differ from run to run
)
def test_host_keys_that_are_not_what_was_agreed_on(blob: bytes, problem: str) -> None:
    rogue = shown(blob)
    assert problem in str(rogue.error)
    assert isinstance(rogue.error, ProtocolError)
    assert rogue.error.reason is DisconnectReason.HOST_KEY_NOT_VERIFIABLE


# --- rekeying


def test_another_key_of_the_same_server_on_a_rekey() -> None:
    """Not even one that it was configured with: it is not the key that was trusted."""
    keys = (HOST_KEY, RSA)
    algorithms = Algorithms().replace(kex=QUICK.kex)
    pair = Pair(ClientOptions(user="me", algorithms=algorithms), host_keys=keys).run()
    assert pair.client.of(HostKeyQuestion)[0].key == HOST_KEY.key
    pair.server.engine.transport._options = ServerOptions(host_keys=(RSA.key,))
    pair.client.engine.transport.start_rekey()
    pair.run()
    error = error_of(pair.client)
    assert "host key changed" in str(error)
    assert error.reason is DisconnectReason.HOST_KEY_NOT_VERIFIABLE


def test_the_host_key_signs_again_on_a_rekey() -> None:
    pair = Pair().run()
    first = pair.server.of(SignatureNeeded)[0]
    pair.server.answers[SignatureNeeded] = HOST_KEY.sign(first.algorithm, first.data)
    pair.client.engine.transport.start_rekey()
    pair.run()
    assert "signature is wrong" in str(error_of(pair.client))


@both_roles
def test_no_data_leaves_before_a_rekey_is_over(victim_is_client: bool) -> None:
    for stage in (Stage.ASKED, Stage.REKEYING):
        rogue = Rogue(stage, victim_is_client=victim_is_client)
        rogue.collect()
        connection = rogue.victim.engine.connection
        assert connection.writable(0) == 0
        assert connection.send_data(0, b"early") == 0
        connection.send_eof(0)
        assert rogue.collect() == b""
