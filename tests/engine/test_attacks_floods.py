"""Attacks by quantity: whatever a peer repeats, waiting memory and work stay bounded."""

import tracemalloc
import zlib

import pytest

from pyssh.algorithms.preferences import Algorithms
from pyssh.connection.kinds import Session
from pyssh.connection.requests import Exec
from pyssh.errors import DisconnectReason, OpenFailureReason, ProtocolError
from pyssh.events import (
    Authenticated,
    AuthenticationRequested,
    ChannelRequestReceived,
    DataReceived,
    Ended,
    GlobalRequestReceived,
    KeysExchanged,
)
from pyssh.messages.connection import (
    ChannelData,
    ChannelEof,
    ChannelOpen,
    ChannelOpenFailure,
    ChannelRequest,
    ChannelWindowAdjust,
    GlobalRequest,
)
from pyssh.messages.transport import Debug, ExtInfo, Ignore, Ping, ServiceRequest, Unimplemented
from pyssh.messages.userauth import UserauthBanner, UserauthRequest
from pyssh.options import ClientOptions, Limits, ServerOptions
from pyssh.wire.message import Message
from tests.support.pair import HOST_KEY, Pair
from tests.support.payloads import kexinit
from tests.support.rogue import QUICK, Rogue, Stage, chance

both_roles = pytest.mark.parametrize("victim_is_client", [True, False], ids=["client", "server"])
COUNT = 3000


def held(rogue: Rogue) -> int:
    """Bytes of messages and names that the victim keeps inside for later."""
    transport = rogue.victim.engine.transport
    deferred = sum(len(message.encode()) for message in transport._deferred._messages)
    extensions = sum(len(name) + len(value) for name, value in transport.extensions.items())
    return deferred + extensions + len(transport._reader.unread())


# --- transport


@both_roles
@pytest.mark.parametrize(
    "message",
    [Ignore(bytes(100)), Debug(True, "x" * 100, ""), Unimplemented(7), Ping(bytes(100))],
    ids=lambda message: type(message).__name__,
)
@pytest.mark.parametrize("stage", [Stage.AUTHENTICATION, Stage.OPEN, Stage.REKEYING])
def test_small_talk_leaves_nothing_behind(stage: Stage, message: Message, victim_is_client: bool) -> None:
    if stage is Stage.REKEYING and isinstance(message, Ping):
        return
    rogue = Rogue(stage, victim_is_client=victim_is_client)
    data = rogue.packet(*[message.encode()] * COUNT)
    rogue.feed(data)
    assert not rogue.ended
    assert held(rogue) < 10_000
    # an answer is no larger than what it answers
    assert len(rogue.collect()) <= len(data)


@both_roles
def test_extensions_come_as_often_as_they_may(victim_is_client: bool) -> None:
    """Before login, each could leave 64 KiB of names and values with us."""
    rogue = Rogue(Stage.AUTHENTICATION, victim_is_client=victim_is_client)
    for number in range(10):
        rogue.send(ExtInfo.of({f"name{number}@example.com": bytes(50_000)}).encode())
    assert "too many EXT_INFO" in str(rogue.error)
    assert held(rogue) < 200_000


@both_roles
def test_too_many_extensions_in_one_message(victim_is_client: bool) -> None:
    for count, entries in ((65, 65), (2**32 - 1, 1), (1, 2), (2, 1)):
        rogue = Rogue(Stage.AUTHENTICATION, victim_is_client=victim_is_client)
        message = ExtInfo.of({f"{number}": b"" for number in range(entries)})
        rogue.send(message.replace(count=count).encode())
        assert isinstance(rogue.error, ProtocolError)


@both_roles
def test_pings_while_our_kexinit_is_unanswered(victim_is_client: bool) -> None:
    """Every pong waits for the key exchange that the rogue does not let begin."""
    rogue = Rogue(Stage.ASKED, victim_is_client=victim_is_client)
    for _ in range(20):
        rogue.send(Ping(bytes(200_000)).encode())
        assert held(rogue) <= Limits().deferred_size
    assert "too many messages wait" in str(rogue.error)


def test_requests_while_our_kexinit_is_unanswered() -> None:
    limits = Limits(deferred_messages=10)
    rogue = Rogue(Stage.ASKED, victim_is_client=False, limits=limits)
    rogue.send(*[GlobalRequest("keepalive@openssh.com", True).encode()] * 11)
    assert "too many messages wait" in str(rogue.error)


@both_roles
def test_an_owner_is_not_blamed_for_a_peer_that_does_not_answer(victim_is_client: bool) -> None:
    """What the owner sends during an exchange waits too; the peer that makes it endless pays for it."""
    rogue = Rogue(Stage.ASKED, victim_is_client=victim_is_client, limits=Limits(deferred_messages=2))
    engine = rogue.victim.engine
    for _ in range(4):
        engine.connection.send_keepalive()
    assert not engine.wants_data
    assert not engine.connection.channels
    rogue.victim.take(engine.tick(0.0))
    assert "too many messages wait" in str(rogue.error)
    assert engine.data_to_send()


@both_roles
def test_unknown_messages_are_answered_so_often_and_no_more(victim_is_client: bool) -> None:
    rogue = Rogue(Stage.OPEN, victim_is_client=victim_is_client, limits=Limits(unimplemented_messages=5))
    rogue.send(*[bytes([number]) for number in (8, 127, 200, 255, 19, 22)])
    assert "too many unknown messages" in str(rogue.error)


# --- key exchanges


def rekey(rogue: Rogue) -> None:
    rogue.rogue.engine.transport.start_rekey()
    while data := b"".join(rogue.rogue.engine.data_to_send()):
        rogue.feed(data)
        rogue.rogue.take(rogue.rogue.engine.receive_data(rogue.collect()))


@both_roles
def test_before_login_keys_are_exchanged_so_often_and_no_more(victim_is_client: bool) -> None:
    """Each exchange costs a server a signature, and a stranger nearly nothing (CVE-2002-20001)."""
    patient = Limits(exchanges_before_authentication=100)
    rogue = Rogue(Stage.AUTHENTICATION, victim_is_client=victim_is_client, rogue_limits=patient)
    for _ in range(20):
        rekey(rogue)
    assert "too many key exchanges before login" in str(rogue.error)
    assert len(rogue.victim.of(KeysExchanged)) == Limits().exchanges_before_authentication


@both_roles
def test_a_storm_of_rekeys_leaves_nothing_behind(victim_is_client: bool) -> None:
    rogue = Rogue(Stage.OPEN, victim_is_client=victim_is_client)
    for _ in range(30):
        rekey(rogue)
        assert not rogue.ended
    assert held(rogue) < 10_000
    assert len(rogue.victim.of(KeysExchanged)) == 31


@both_roles
def test_kexinit_again_and_again(victim_is_client: bool) -> None:
    for stage in (Stage.OPEN, Stage.ASKED, Stage.REKEYING):
        rogue = Rogue(stage, victim_is_client=victim_is_client)
        rogue.collect()
        rogue.send(*[kexinit().encode()] * 100)
        assert isinstance(rogue.error, ProtocolError)
        assert len(rogue.collect()) < 5000


def test_nobody_rekeys_before_login() -> None:
    """SUCCESS would wait for the new keys, and delayed compression begin before it was sent."""
    algorithms = Algorithms.legacy().replace(compression=("zlib@openssh.com",))
    pair = Pair(
        ClientOptions(user="me", algorithms=algorithms),
        ServerOptions(host_keys=(HOST_KEY.key,), algorithms=algorithms, rekey_seconds=10),
    )
    verdict = pair.server.answers.pop(AuthenticationRequested)
    pair.run()
    pair.server.answer(pair.server.open_questions[0], verdict)
    pair.run()
    # the password is looked at for so long that the keys grow old
    for now in (0.0, 100.0):
        pair.server.take(pair.server.engine.tick(now))
        pair.run()
    pair.server.answer(pair.server.open_questions[0], verdict)
    pair.run()
    assert pair.client.of(Authenticated)
    assert not pair.client.of(Ended)
    assert pair.server.of(Authenticated)


# --- authentication


def test_a_stranger_keeps_us_below_a_quarter_of_a_megabyte() -> None:
    """Security rule 5, with the worst that is found to stay: extensions, a request, an unfinished packet."""
    rogue = Rogue(Stage.AUTHENTICATION, victim_is_client=False)
    packets = rogue.packet(
        ExtInfo.of({"x": bytes(60_000)}).encode(),
        *[Ignore(bytes(60_000)).encode()] * 20,
        UserauthRequest("u" * 1024, "ssh-connection", "password", bytes(60_000)).encode(),
    )
    unfinished = rogue.packet(Ignore(bytes(60_000)).encode())[:-1]
    del rogue
    attack = Rogue(Stage.AUTHENTICATION, victim_is_client=False)
    tracemalloc.start()
    for piece in (packets, unfinished):
        attack.victim.engine.receive_data(piece)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not attack.victim.of(Ended)
    assert after < 256 * 1024


def test_requests_that_count_as_no_attempt_end_too() -> None:
    for message in (
        ServiceRequest("ssh-userauth"),
        UserauthRequest("me", "ssh-connection", "none", b""),
        UserauthRequest("me", "ssh-connection", "unheard-of", b""),
    ):
        rogue = Rogue(Stage.AUTHENTICATION, victim_is_client=False)
        sent = 0
        while not rogue.ended:
            rogue.send(message.encode())
            sent += 1
            assert sent <= 1100
        assert isinstance(rogue.error, ProtocolError)
        assert rogue.error.reason is DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE


def test_banners_without_end() -> None:
    rogue = Rogue(Stage.AUTHENTICATION, victim_is_client=True)
    sent = 0
    while not rogue.ended:
        rogue.send(UserauthBanner(bytes(10_000), "").encode())
        sent += 10_000
        assert sent < 100_000
    assert "too much banner" in str(rogue.error)


# --- channels


def test_more_channels_than_there_may_be() -> None:
    rogue = Rogue(Stage.OPEN, victim_is_client=False, limits=Limits(channels=10), watch=True)
    rogue.send(*[ChannelOpen("session", number, 1 << 20, 1 << 15).encode() for number in range(1, 100)])
    assert not rogue.ended
    assert len(rogue.victim.engine.connection.channels) == 10
    assert len(rogue.victim.open_questions) == 9
    refusals = [message for message in rogue.said if isinstance(message, ChannelOpenFailure)]
    assert [refusal.recipient_channel for refusal in refusals] == list(range(10, 100))
    assert {refusal.reason_code for refusal in refusals} == {OpenFailureReason.RESOURCE_SHORTAGE}


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (ChannelRequest(0, "env", True, b"\0\0\0\1A\0\0\0\1B"), ChannelRequestReceived),
        (GlobalRequest("tcpip-forward", True, b"\0\0\0\0\0\0\0\x50"), GlobalRequestReceived),
        (GlobalRequest("unheard-of", True), GlobalRequestReceived),
    ],
)
def test_more_unanswered_requests_than_there_may_be(message: Message, kind: type[object]) -> None:
    rogue = Rogue(Stage.OPEN, victim_is_client=False, limits=Limits(pending_requests=10))
    rogue.send(*[message.encode()] * 10)
    assert not rogue.ended
    rogue.send(message.encode())
    assert "at once" in str(rogue.error)
    assert len(rogue.victim.of(kind)) == 10


@pytest.mark.parametrize(
    "message",
    [
        ChannelRequest(0, "env", False, b"\0\0\0\1A\0\0\0\1B"),
        ChannelRequest(0, "unheard-of", False, bytes(100)),
        GlobalRequest("unheard-of", False, bytes(100)),
        GlobalRequest("keepalive@openssh.com", True),
        ChannelRequest(0, "keepalive@openssh.com", True),
        ChannelWindowAdjust(0, 0),
        ChannelData(0, b""),
        ChannelEof(0),
        ChannelOpen("forwarded-tcpip", 1, 1 << 20, 1 << 15),
        ChannelOpen("session", 1, 1 << 20, 0),
    ],
    ids=str,
)
def test_what_can_be_repeated_leaves_nothing_behind(message: Message) -> None:
    rogue = Rogue(Stage.OPEN, victim_is_client=False)
    data = rogue.packet(*[message.encode()] * COUNT)
    rogue.feed(data)
    assert not rogue.ended
    (channel,) = rogue.victim.engine.connection.channels.values()
    assert not channel.received_requests.places
    assert held(rogue) < 10_000
    assert len(rogue.collect()) <= 2 * len(data)


def test_empty_data_costs_no_event() -> None:
    rogue = Rogue(Stage.OPEN, victim_is_client=False)
    rogue.send(*[ChannelData(0, b"").encode()] * COUNT)
    assert not rogue.victim.of(DataReceived)


def test_a_channel_opened_and_closed_without_end() -> None:
    rogue = Rogue(Stage.OPEN, victim_is_client=False)
    for _ in range(200):
        number = rogue.rogue.engine.connection.open_channel(Session())
        rogue.run()
        rogue.rogue.engine.connection.close(number)
        rogue.run()
    connection = rogue.victim.engine.connection
    assert list(connection.channels) == [0]
    state = connection.export_state()
    assert state.next_number < 50
    assert len(state.resting) < 50


# --- a peer that does not read


@both_roles
def test_a_peer_that_does_not_read_costs_its_window(victim_is_client: bool) -> None:
    rogue = Rogue(Stage.OPEN, victim_is_client=victim_is_client, rogue_limits=Limits(window_size=100_000))
    connection = rogue.victim.engine.connection
    sent = 0
    for _ in range(100):
        sent += connection.send_data(0, bytes(10_000))
    assert sent == 100_000
    assert len(rogue.collect()) < 110_000


def test_a_peer_that_asks_and_does_not_read_costs_what_it_sends() -> None:
    """The rest is the adapter's: it stops reading while too much is unsent."""
    rogue = Rogue(Stage.OPEN, victim_is_client=False)
    asked = rogue.packet(*[GlobalRequest("keepalive@openssh.com", True).encode()] * COUNT)
    rogue.feed(asked)
    assert len(rogue.collect()) <= len(asked)
    assert not rogue.victim.of(GlobalRequestReceived)


def test_what_the_owner_sends_waits_for_an_exchange_only_so_far() -> None:
    rogue = Rogue(Stage.ASKED, victim_is_client=True, limits=Limits(deferred_size=1000))
    rogue.victim.engine.connection.request(0, Exec(bytes(1000)))
    (ended,) = rogue.victim.engine.tick(0.0)
    assert isinstance(ended, Ended)


# --- compression


def zlib_rogue(name: str, victim_is_client: bool = False) -> Rogue:
    algorithms = Algorithms.legacy().replace(kex=QUICK.kex, host_key=QUICK.host_key, compression=(name,))
    stage = Stage.OPEN if name == "zlib@openssh.com" else Stage.AUTHENTICATION
    return Rogue(stage, victim_is_client=victim_is_client, algorithms=algorithms)


class Bomb:
    """In a compressor's place: sends what it was given as it is."""

    used = True

    def compress(self, payload: bytes) -> bytes:
        return payload


@both_roles
@pytest.mark.parametrize("name", ["zlib", "zlib@openssh.com"])
def test_a_decompression_bomb(name: str, victim_is_client: bool) -> None:
    rogue = zlib_rogue(name, victim_is_client)
    compressor = rogue.rogue.engine.transport._writer.compressor
    assert compressor is not None
    bomb = compressor.compress(b"\x02" + bytes(50_000_000))
    assert len(bomb) < 60_000
    rogue.rogue.engine.transport._writer.compressor = Bomb()
    tracemalloc.start()
    rogue.send(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(rogue.error, ProtocolError)
    assert rogue.error.reason is DisconnectReason.COMPRESSION_ERROR
    assert peak < 2_000_000


@pytest.mark.parametrize("name", ["zlib", "zlib@openssh.com"])
@pytest.mark.parametrize(
    "sent", [chance(1)(5000), b"", zlib.compress(b"\x02")], ids=["garbage", "none", "another"]
)
def test_compressed_data_that_is_none(name: str, sent: bytes) -> None:
    rogue = zlib_rogue(name)
    rogue.rogue.engine.transport._writer.compressor = Bomb()
    rogue.send(sent)
    assert isinstance(rogue.error, ProtocolError)


def test_compression_waits_for_login() -> None:
    algorithms = Algorithms.legacy().replace(compression=("zlib@openssh.com",))
    rogue = Rogue(Stage.AUTHENTICATION, victim_is_client=False, algorithms=algorithms)
    assert rogue.victim.engine.transport._reader.decompressor is None
    assert rogue.victim.engine.transport._writer.compressor is None
