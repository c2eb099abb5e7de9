"""Attacks on the transport: what comes in the wrong phase, slips into a stream, vanishes from it, or lies."""

from collections.abc import Callable

import pytest

from pyssh.engine import ClientEngine, Engine, ServerEngine
from pyssh.errors import DecodeError, IntegrityError, ProtocolError, VersionError
from pyssh.events import (
    AnyEvent,
    Authenticated,
    AuthenticationRequested,
    ChannelOpenRequested,
    Ended,
    ExtensionsReceived,
    KeysExchanged,
)
from pyssh.messages.transport import Debug, Ignore, KexInit, NewKeys, Unimplemented
from pyssh.options import ClientOptions, Limits, ServerOptions
from pyssh.transport.negotiation import STRICT_CLIENT, STRICT_SERVER
from tests.support.pair import HOST_KEY, Pair, Side
from tests.support.payloads import PAYLOADS, kexinit
from tests.support.rogue import FIRST_EXCHANGE, QUICK, Rogue, Stage

SERVER = ServerOptions(host_keys=(HOST_KEY.key,))
both_roles = pytest.mark.parametrize("victim_is_client", [True, False], ids=["client", "server"])


def error_of(side: Side) -> Exception:
    (ended,) = side.of(Ended)
    error: Exception = ended.error
    return error


# --- the wrong message at the wrong time

EVERYWHERE = {1}
GENERAL = {2, 3, 4}
METHOD = set(range(30, 50))
# what may come without ending the connection; all else must end it. The rest of METHOD's messages end it
# for what the method says, not the gate
SURVIVED: dict[Stage, set[int]] = {
    Stage.VERSION: GENERAL | {8, 19, 20, 22, 29},
    Stage.KEXINIT: set(),
    Stage.METHOD: {21},
    Stage.AUTHENTICATION: GENERAL | {7, 8, 19, 20, 22, 29, 192, 193},
    Stage.OPEN: GENERAL
    | {8, 19, 20, 22, 29, 83, 90, 101, 127, 128, 191, 194, 255, 192, 193, 80}
    | {93, 94, 95, 96, 97, 98},
    Stage.REKEYING: GENERAL,
}
SURVIVED[Stage.ASKED] = SURVIVED[Stage.OPEN]
OF_CLIENTS = {Stage.KEXINIT: {30}, Stage.AUTHENTICATION: {5, 50, 54, 59, 62, 79}, Stage.REKEYING: {30}}
OF_SERVERS = {Stage.AUTHENTICATION: {51, 52, 53, 54, 59, 62, 79}}
# RFC 4252 section 5.1: a server ignores what a client asked before it was let in
IGNORED_BY_SERVERS = {*range(50, 80)}


def survived(stage: Stage, victim_is_client: bool) -> set[int]:
    found = SURVIVED[stage] | (OF_SERVERS if victim_is_client else OF_CLIENTS).get(stage, set())
    if not victim_is_client and stage in (Stage.OPEN, Stage.ASKED):
        found |= IGNORED_BY_SERVERS
    return found


@both_roles
@pytest.mark.parametrize("stage", list(Stage))
def test_every_number_in_every_phase(stage: Stage, victim_is_client: bool) -> None:
    for number, payload in PAYLOADS.items():
        rogue = Rogue(stage, victim_is_client=victim_is_client)
        logged_in = len(rogue.victim.of(Authenticated))
        before = len(rogue.victim.events)
        rogue.send(payload)
        assert rogue.ended is (number not in survived(stage, victim_is_client)), (number, rogue.victim.events)
        assert victim_is_client or len(rogue.victim.of(Authenticated)) == logged_in
        if rogue.ended and number != 1:
            assert isinstance(rogue.error, ProtocolError), number
            # it ends there and then: no layer above has seen it
            assert len(rogue.victim.events) == before + 1, number


@both_roles
@pytest.mark.parametrize("stage", [*FIRST_EXCHANGE, Stage.AUTHENTICATION])
def test_nothing_reaches_the_connection_layer_before_login(stage: Stage, victim_is_client: bool) -> None:
    for number in range(80, 128):
        rogue = Rogue(stage, victim_is_client=victim_is_client) if number in PAYLOADS else None
        if rogue is not None:
            rogue.send(PAYLOADS[number])
            assert "is not allowed" in str(rogue.error)
            assert not rogue.victim.of(ChannelOpenRequested)


@both_roles
def test_a_payload_without_its_fields_is_a_decoding_error(victim_is_client: bool) -> None:
    for stage in (Stage.VERSION, Stage.AUTHENTICATION, Stage.OPEN):
        for number in (1, 3, 4, 7, 20, 192, 193):
            if number in survived(stage, victim_is_client) | EVERYWHERE:
                rogue = Rogue(stage, victim_is_client=victim_is_client)
                rogue.send(bytes([number]))
                assert isinstance(rogue.error, DecodeError), (stage, number)


@both_roles
@pytest.mark.parametrize("stage", [Stage.KEXINIT, Stage.METHOD])
def test_a_second_kexinit_in_one_exchange(stage: Stage, victim_is_client: bool) -> None:
    rogue = Rogue(stage, victim_is_client=victim_is_client)
    rogue.send(kexinit().encode())
    assert isinstance(rogue.error, ProtocolError)


@both_roles
def test_newkeys_before_there_are_keys(victim_is_client: bool) -> None:
    for stage in (Stage.VERSION, Stage.KEXINIT, Stage.REKEYING):
        rogue = Rogue(stage, victim_is_client=victim_is_client)
        rogue.send(NewKeys().encode())
        assert "NEWKEYS while" in str(rogue.error)
        assert len(rogue.victim.of(KeysExchanged)) == (1 if stage is Stage.REKEYING else 0)


# --- the Terrapin attack (CVE-2023-48795): what is slipped in ahead moves the sequence numbers, so that
# packets behind the key exchange can be taken away unnoticed

VULNERABLE = (
    ("chacha20-poly1305@openssh.com", "hmac-sha2-256"),
    ("aes256-ctr", "hmac-sha2-256-etm@openssh.com"),
    ("aes256-cbc", "hmac-sha2-256-etm@openssh.com"),
    ("aes256-gcm@openssh.com", "hmac-sha2-256"),
)
SLIPPED_IN = [Ignore(b""), Debug(False, "", ""), Unimplemented(0)]


def plain_packet(payload: bytes) -> bytes:
    padding = 8 - (5 + len(payload)) % 8
    padding += 8 if padding < 4 else 0
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


class Middle:
    """A pair with somebody in between: `edit(side, frames)` may change the packets that a side sends."""

    def __init__(self, pair: Pair, edit: Callable[[str, list[bytes]], list[bytes]]) -> None:
        self.pair = pair
        self.edit = edit

    def run(self) -> None:
        pair = self.pair
        silent = False
        while not silent:
            silent = True
            for name, sender, receiver in (
                ("client", pair.client, pair.server),
                ("server", pair.server, pair.client),
            ):
                frames = [bytes(frame) for frame in sender.engine.data_to_send()]
                for frame in self.edit(name, frames):
                    silent = False
                    receiver.take(receiver.engine.receive_data(frame))


def attacked_pair(cipher: str, mac: str) -> Pair:
    algorithms = QUICK.replace(ciphers=(cipher,), macs=(mac,))
    extensions = {"of-client@example.com": b""}
    return Pair(
        ClientOptions(user="me", algorithms=algorithms, extensions=extensions),
        ServerOptions(host_keys=(HOST_KEY.key,), algorithms=algorithms),
    )


@pytest.mark.parametrize("from_side", ["client", "server"])
@pytest.mark.parametrize("place", [1, 2], ids=["before KEXINIT", "behind KEXINIT"])
@pytest.mark.parametrize("slipped_in", SLIPPED_IN, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize(("cipher", "mac"), VULNERABLE)
def test_nothing_can_be_slipped_in(
    cipher: str, mac: str, slipped_in: Ignore, place: int, from_side: str
) -> None:
    pair = attacked_pair(cipher, mac)
    first = True

    def edit(name: str, frames: list[bytes]) -> list[bytes]:
        nonlocal first
        if name == from_side and first and frames:
            first = False
            frames.insert(place, plain_packet(slipped_in.encode()))
        return frames

    Middle(pair, edit).run()
    receiver = pair.server if from_side == "client" else pair.client
    assert isinstance(error_of(receiver), ProtocolError)
    assert not receiver.of(KeysExchanged)


@pytest.mark.parametrize("from_side", ["client", "server"])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(("cipher", "mac"), VULNERABLE)
def test_nothing_can_be_taken_away_behind_newkeys(cipher: str, mac: str, count: int, from_side: str) -> None:
    pair = attacked_pair(cipher, mac)
    newkeys = plain_packet(NewKeys().encode())[5:6]
    taken: list[bytes] = []
    seen = False

    def edit(name: str, frames: list[bytes]) -> list[bytes]:
        nonlocal seen
        kept = []
        for frame in frames:
            if name == from_side and seen and len(taken) < count:
                taken.append(frame)
                continue
            seen = seen or (name == from_side and frame[:4] == b"\0\0\0\x0c" and frame[5:6] == newkeys)
            kept.append(frame)
        return kept

    Middle(pair, edit).run()
    receiver = pair.server if from_side == "client" else pair.client
    assert taken
    assert not receiver.of(ExtensionsReceived)
    assert not receiver.of(Authenticated)
    if len(taken) > 1:  # the other side waits for an answer, and sends nothing by which it could be noticed
        assert not receiver.of(Ended)
    else:
        assert isinstance(error_of(receiver), ProtocolError)


def without_marks(frame: bytes) -> bytes:
    init = KexInit.decode(frame[5 : 4 + int.from_bytes(frame[:4], "big") - frame[4]])
    names = tuple(name for name in init.kex_algorithms if name not in (STRICT_CLIENT, STRICT_SERVER))
    return plain_packet(init.replace(kex_algorithms=names).encode())


@pytest.mark.parametrize("from_side", ["client", "server"])
def test_the_marks_of_strict_key_exchange_cannot_be_taken_away(from_side: str) -> None:
    """Both KEXINITs are in the exchange hash, which the host key signs."""
    pair = attacked_pair(QUICK.ciphers[0], QUICK.macs[0])
    done = False

    def edit(name: str, frames: list[bytes]) -> list[bytes]:
        nonlocal done
        if name == from_side and not done and len(frames) > 1:
            done = True
            frames[1] = without_marks(frames[1])
        return frames

    Middle(pair, edit).run()
    assert "signature is wrong" in str(error_of(pair.client))
    assert not pair.server.of(AuthenticationRequested)


@both_roles
def test_numbers_start_again_with_all_keys_and_only_if_both_are_strict(victim_is_client: bool) -> None:
    rogue = Rogue(Stage.OPEN, victim_is_client=victim_is_client)
    for _ in range(3):
        for _ in range(20):
            rogue.send(Ignore(b"").encode())
        rogue.rogue.engine.transport.start_rekey()
        rogue.run()
        transport = rogue.victim.engine.transport
        assert not rogue.ended
        assert transport._reader.sequence_number == transport._reader.packets < 20
        assert transport._writer.sequence_number == transport._writer.packets < 20


@both_roles
def test_a_rekey_cannot_make_a_connection_strict_or_lax(victim_is_client: bool) -> None:
    for stage in (Stage.OPEN, Stage.ASKED):
        rogue = Rogue(stage, victim_is_client=victim_is_client)
        sequence_number = rogue.victim.engine.transport._reader.sequence_number
        rogue.send(kexinit(kex_algorithms=QUICK.kex).encode())
        exchange = rogue.victim.engine.transport._exchange
        assert exchange is not None
        assert exchange.negotiated is not None
        assert not exchange.negotiated.algorithms.strict
        assert rogue.victim.engine.transport.algorithms is not None
        assert rogue.victim.engine.transport.algorithms.strict
        assert rogue.victim.engine.transport._reader.sequence_number == sequence_number + 1


@both_roles
@pytest.mark.parametrize("direction", ["_reader", "_writer"])
def test_numbers_that_wrap_before_the_first_keys(direction: str, victim_is_client: bool) -> None:
    pair = Pair()
    victim = pair.client if victim_is_client else pair.server
    getattr(victim.engine.transport, direction).sequence_number = 2**32 - 1
    pair.run()
    assert "sequence numbers wrapped" in str(error_of(victim))


# --- packets that are none


@pytest.mark.parametrize(
    "packet",
    [
        bytes(8),
        b"\0\0\0\x01\0" + bytes(3),
        b"\0\0\0\x04\x04" + bytes(3),
        b"\xff\xff\xff\xff" + bytes(12),
        b"\x80\0\0\x0c" + bytes(12),
        b"\0\0\0\x0b\x04\x02" + bytes(10),
        b"\0\0\0\x0c\x03\x02" + bytes(10),
        b"\0\0\0\x0c\x0b\x02" + bytes(10),
        b"\0\0\0\x0c\xff\x02" + bytes(10),
        b"GET / HTTP/1.1\r\n",
    ],
)
@both_roles
def test_lengths_that_cannot_be(packet: bytes, victim_is_client: bool) -> None:
    rogue = Rogue(Stage.VERSION, victim_is_client=victim_is_client)
    rogue.feed(packet)
    assert str(rogue.error).startswith("bad p")


@both_roles
@pytest.mark.parametrize(
    ("stage", "limit"),
    [(stage, Limits().packet_size_before_authentication) for stage in (Stage.VERSION, Stage.AUTHENTICATION)]
    + [(Stage.OPEN, Limits().packet_size)],
)
def test_a_packet_above_the_limit_is_refused_by_its_length_alone(
    stage: Stage, limit: int, victim_is_client: bool
) -> None:
    rogue = Rogue(stage, victim_is_client=victim_is_client)
    packet = rogue.packet(Ignore(bytes(limit)).encode())
    rogue.feed(packet[:4])
    rogue.feed(packet[4:16])
    assert "bad packet length" in str(rogue.error)


@pytest.mark.parametrize("cipher", ["aes256-ctr", "aes256-cbc", "3des-cbc"])
def test_a_length_that_lies_under_a_mac_that_is_right(cipher: str) -> None:
    """The peer itself has the keys: what it signs is not to be believed either."""
    algorithms = QUICK.replace(ciphers=(cipher,), macs=("hmac-sha2-256",))
    rogue = Rogue(Stage.AUTHENTICATION, victim_is_client=False, algorithms=algorithms)
    writer = rogue.rogue.engine.transport._writer
    longest = Limits().packet_size_before_authentication
    frame = bytearray(b"\xff\xff\xff\xff\x04\x02" + bytes(longest - 6) + bytes(32))
    writer.sealer.seal(frame, writer.sequence_number)
    rogue.feed(bytes(frame))
    assert isinstance(rogue.error, IntegrityError)


@both_roles
@pytest.mark.parametrize("offset", [0, 5, 20, -1])
def test_a_packet_that_was_changed_on_its_way(offset: int, victim_is_client: bool) -> None:
    rogue = Rogue(Stage.OPEN, victim_is_client=victim_is_client)
    packet = bytearray(rogue.packet(Ignore(bytes(100)).encode()))
    packet[offset] ^= 1
    rogue.feed(bytes(packet) + bytes(Limits().packet_size))
    assert isinstance(rogue.error, ProtocolError)


@both_roles
def test_a_packet_comes_once_and_in_order(victim_is_client: bool) -> None:
    for order in ((0, 0), (1, 0), (1,)):
        rogue = Rogue(Stage.OPEN, victim_is_client=victim_is_client)
        packets = [rogue.packet(Ignore(bytes([n])).encode()) for n in range(2)]
        for index in order:
            rogue.feed(packets[index])
        assert isinstance(rogue.error, IntegrityError)


# --- the identification line


def engines() -> list[Engine]:
    return [ClientEngine(ClientOptions()), ServerEngine(SERVER)]


@pytest.mark.parametrize(
    "line",
    [
        b"SSH-1.5-old\r\n",
        b"SSH-2.0\r\n",
        b"SSH-\r\n",
        b"SSH-2.1-x\r\n",
        b"SSH-2.0-a\0b\r\n",
        b"SSH-2.0-" + b"x" * 300,
        b"SSH-2.0-" + b"x" * 246 + b"\r\n",
    ],
)
def test_identification_lines_that_are_none(line: bytes) -> None:
    for engine in engines():
        (ended,) = engine.receive_data(line)
        assert isinstance(ended, Ended)
        assert isinstance(ended.error, VersionError)


def test_an_endless_preamble() -> None:
    for piece in (b"x", b"x\n", b"x" * 1000 + b"\r\n", b"\n"):
        engine = ClientEngine(ClientOptions())
        taken = 0
        events: list[AnyEvent] = []
        while not events:
            events = engine.receive_data(piece)
            taken += len(piece)
            assert taken <= 70_000
        assert isinstance(events[0], Ended)
        assert isinstance(events[0].error, VersionError)


def test_a_server_takes_no_preamble() -> None:
    engine = ServerEngine(SERVER)
    (ended,) = engine.receive_data(b"hello\r\nSSH-2.0-x\r\n")
    assert isinstance(ended, Ended)


def test_nobody_is_told_more_of_us_than_the_identification() -> None:
    """No path, name or trace: what goes out when a stranger errs is one line, or one DISCONNECT."""
    for attack in (b"GET / HTTP/1.0\r\n", b"SSH-2.0-x\r\n" + bytes(64), b"SSH-2.0-x\r\n" + b"\xff" * 64):
        # padding is random bytes, which may look like anything
        engine = ServerEngine(ServerOptions(host_keys=(HOST_KEY.key,), random=bytes))
        engine.data_to_send()
        engine.receive_data(attack)
        said = b"".join(engine.data_to_send())
        assert b"/" not in said
        assert b"Traceback" not in said
        assert len(said) < 100
