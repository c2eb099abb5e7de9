"""What happens between the first byte and an open channel, and who may do what when."""

import itertools

import pytest

from pyssh.algorithms.preferences import Algorithms
from pyssh.connection.kinds import Session
from pyssh.engine import ClientEngine, ServerEngine
from pyssh.errors import (
    ConnectionLost,
    Disconnected,
    DisconnectReason,
    NegotiationError,
    ProtocolError,
    UsageError,
    VersionError,
)
from pyssh.events import (
    Authenticated,
    AuthenticationFailed,
    CredentialNeeded,
    DebugReceived,
    Ended,
    ExtensionsReceived,
    HostKeyQuestion,
    KeysExchanged,
    PongReceived,
    SignatureNeeded,
    UnimplementedReceived,
    VersionReceived,
)
from pyssh.keys.private import generate_private_key
from pyssh.messages import numbers
from pyssh.messages.connection import ChannelOpen
from pyssh.messages.transport import Debug, Disconnect, Ignore, Ping
from pyssh.messages.userauth import UserauthRequest, UserauthSuccess
from pyssh.options import ClientOptions, Limits, ServerOptions
from pyssh.wire.message import Message, message
from tests.support.pair import HOST_KEY, Cut, Pair, Side, byte_by_byte, sign_with, whole


def end_of(side: Side) -> object:
    (ended,) = side.of(Ended)
    return ended.error


def names(side: Side) -> list[str]:
    return [type(event).__name__ for event in side.events]


@pytest.mark.parametrize("cut", [whole, byte_by_byte])
def test_cuts_do_not_change_events(cut: Cut) -> None:
    pair = Pair(cut=cut).run()
    assert names(pair.client) == [
        "VersionReceived",
        "HostKeyQuestion",
        "KeysExchanged",
        "ExtensionsReceived",
        "CredentialNeeded",
        "Authenticated",
    ]
    assert names(pair.server) == [
        "VersionReceived",
        "SignatureNeeded",
        "KeysExchanged",
        "AuthenticationRequested",
        "AuthenticationRequested",
        "Authenticated",
    ]
    client, server = pair.client.of(KeysExchanged)[0], pair.server.of(KeysExchanged)[0]
    assert client.session_identifier == server.session_identifier == client.exchange_hash
    assert client.algorithms == server.algorithms
    assert client.algorithms.strict
    assert pair.client.of(VersionReceived)[0].identification.startswith("SSH-2.0-pyssh_")


def test_the_same_chances_give_the_same_bytes() -> None:
    def run() -> bytes:
        chance = itertools.count(1)
        options = ClientOptions(
            user="me",
            algorithms=Algorithms().replace(kex=("curve25519-sha256",)),
            random=lambda size: bytes(next(chance) % 251 for _ in range(size)),
        )
        return b"".join(ClientEngine(options).data_to_send())

    assert run() == run()


def test_a_host_key_that_is_not_trusted_ends_it() -> None:
    pair = Pair()
    pair.client.answers[HostKeyQuestion] = False
    pair.run()
    error = end_of(pair.client)
    assert isinstance(error, ProtocolError)
    assert error.reason is DisconnectReason.HOST_KEY_NOT_VERIFIABLE
    assert isinstance(end_of(pair.server), Disconnected)


def test_an_unanswered_question_parks_the_input() -> None:
    pair = Pair()
    del pair.client.answers[HostKeyQuestion]
    pair.run()
    assert not pair.client.engine.wants_data
    assert not pair.client.of(KeysExchanged)
    (question,) = pair.client.open_questions
    pair.client.answer(question, True)
    pair.run()
    assert pair.client.of(Authenticated)
    with pytest.raises(UsageError):
        pair.client.engine.answer(question, True)


def test_a_host_key_that_cannot_sign_ends_it() -> None:
    pair = Pair()
    pair.server.answers[SignatureNeeded] = None
    pair.run()
    assert "cannot sign" in str(end_of(pair.server))


def test_a_forged_host_key_signature_is_noticed() -> None:
    pair = Pair()
    pair.server.answers[SignatureNeeded] = lambda question: HOST_KEY.sign(question.algorithm, b"other data")
    pair.run()
    assert "signature is wrong" in str(end_of(pair.client))
    assert not pair.client.of(HostKeyQuestion)


def test_a_small_rsa_host_key_is_refused() -> None:
    pair = Pair(
        ClientOptions(user="me", limits=Limits(rsa_bits=3072)), host_keys=(generate_private_key("rsa", 2048),)
    ).run()
    assert "has only 2048 bits" in str(end_of(pair.client))


def test_nothing_in_common() -> None:
    pair = Pair(
        ClientOptions(user="me", algorithms=Algorithms().replace(ciphers=("aes128-ctr",))),
        ServerOptions(
            host_keys=(HOST_KEY.key,), algorithms=Algorithms().replace(ciphers=("aes256-gcm@openssh.com",))
        ),
    ).run()
    for side in (pair.client, pair.server):
        assert isinstance(end_of(side), (NegotiationError, Disconnected))
    errors = [end_of(side) for side in (pair.client, pair.server)]
    assert any("no cipher in common" in str(error) for error in errors)


@pytest.mark.parametrize("right", [True, False])
def test_a_client_may_guess(right: bool) -> None:
    server_kex = Algorithms().kex if right else Algorithms().kex[::-1]
    # the client's order decides; a guess is wrong when the first names differ
    pair = Pair(
        ClientOptions(user="me", guess_kex=True),
        ServerOptions(host_keys=(HOST_KEY.key,), algorithms=Algorithms().replace(kex=server_kex)),
    ).run()
    assert pair.client.of(Authenticated)


def test_extensions_go_both_ways() -> None:
    client = ClientOptions(user="me", extensions={"of-client@example.com": b"1"})
    server = ServerOptions(host_keys=(HOST_KEY.key,), extensions={"of-server@example.com": b"2"})
    pair = Pair(client, server).run()
    from_server = pair.client.of(ExtensionsReceived)[0].extensions
    assert from_server["of-server@example.com"] == b"2"
    assert b"ssh-ed25519" in from_server["server-sig-algs"]
    assert from_server["ping@openssh.com"] == b"0"
    assert pair.server.of(ExtensionsReceived)[0].extensions == {"of-client@example.com": b"1"}


def test_small_talk() -> None:
    pair = Pair().run()
    for text in (Ping(b"hello"), Debug(True, "\x1b[31m", ""), Ignore(b"x")):
        pair.client.engine.transport.send(text)
    pair.run()
    assert pair.client.of(PongReceived)[0].data == b"hello"
    assert pair.server.of(DebugReceived)[0].message == "\x1b[31m"


@message(200)
class Strange(Message):
    """A message that nobody knows."""


def test_unknown_messages_are_told_by_their_number() -> None:
    pair = Pair(
        server=ServerOptions(host_keys=(HOST_KEY.key,), limits=Limits(unimplemented_messages=3))
    ).run()
    sequence_number = pair.client.engine.transport._writer.sequence_number
    pair.client.engine.transport.send(Strange())
    pair.run()
    assert [event.packet_sequence_number for event in pair.client.of(UnimplementedReceived)] == [
        sequence_number
    ]
    for _ in range(3):
        pair.client.engine.transport.send(Strange())
    pair.run()
    assert "too many unknown" in str(end_of(pair.server))


def test_nothing_is_taken_after_the_end() -> None:
    pair = Pair().run()
    pair.client.engine.transport.send(Disconnect(11, "bye\x07"))
    pair.run()
    error = end_of(pair.server)
    assert isinstance(error, Disconnected)
    assert (error.reason, error.description) == (11, "bye\x07")
    assert pair.server.engine.receive_data(b"anything") == []
    assert pair.server.engine.receive_eof() == []
    assert pair.server.engine.tick(1.0) == []
    assert not pair.server.engine.wants_data


def test_our_goodbye() -> None:
    pair = Pair().run()
    pair.client.take(pair.client.engine.disconnect(11, "enough"))
    assert end_of(pair.client) is None
    assert pair.client.engine.disconnect(11, "twice") == []
    pair.run()
    assert "enough" in str(end_of(pair.server))


def test_the_end_of_the_stream_says_where_it_came() -> None:
    pair = Pair()
    assert isinstance(pair.client.engine.receive_eof()[0], Ended)
    pair = Pair().run()
    (ended,) = pair.client.engine.receive_eof()
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, ConnectionLost)


def test_a_client_that_is_none_gets_one_line() -> None:
    engine = ServerEngine(ServerOptions(host_keys=(HOST_KEY.key,)))
    engine.data_to_send()
    (ended,) = engine.receive_data(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, VersionError)
    assert b"".join(engine.data_to_send()) == b"Invalid SSH identification string.\r\n"


# --- messages that come too early or from the wrong side


def test_a_client_that_opens_a_channel_before_it_is_in_is_thrown_out() -> None:
    pair = Pair()
    del pair.client.answers[CredentialNeeded]
    pair.run()
    pair.client.engine.transport.send(ChannelOpen("session", 0, 1 << 20, 1 << 15))
    pair.run()
    assert "message 90 is not allowed during authentication" in str(end_of(pair.server))


def test_a_client_cannot_declare_itself_in() -> None:
    """The hole of libssh in 2018."""
    pair = Pair()
    del pair.client.answers[CredentialNeeded]
    pair.run()
    pair.client.engine.transport.send(UserauthSuccess())
    pair.run()
    assert not pair.server.of(Authenticated)
    assert isinstance(end_of(pair.server), ProtocolError)


@pytest.mark.parametrize(
    "number", [numbers.SSH_MSG_IGNORE, numbers.SSH_MSG_DEBUG, numbers.SSH_MSG_UNIMPLEMENTED]
)
@pytest.mark.parametrize("before_kexinit", [True, False])
def test_strict_key_exchange_takes_nothing_extra(number: int, before_kexinit: bool) -> None:
    """The Terrapin attack of 2023: a packet slipped in moves the sequence numbers."""
    pair = Pair()
    data = b"".join(pair.client.engine.data_to_send())
    line, packets = data[: data.index(b"\n") + 1], data[data.index(b"\n") + 1 :]
    slipped_in = b"\0\0\0\x14\x06" + bytes([number]) + bytes(18)
    whole_stream = line + (slipped_in + packets if before_kexinit else packets + slipped_in)
    pair.server.take(pair.server.engine.receive_data(whole_stream))
    assert isinstance(end_of(pair.server), ProtocolError)


def test_authentication_messages_after_success_are_dropped() -> None:
    pair = Pair().run()
    pair.client.engine.transport.send(UserauthRequest("me", "ssh-connection", "none", b""))
    pair.run()
    assert not pair.server.of(Ended)
    assert not pair.client.of(UnimplementedReceived)


# --- time


def test_login_grace_covers_everything_before_login() -> None:
    options = ServerOptions(host_keys=(HOST_KEY.key,), login_grace_seconds=30)
    engine = ServerEngine(options)
    assert engine.deadline() is None
    assert engine.tick(100.0) == []
    assert engine.deadline() == 130.0
    engine.receive_data(b"SSH-2.0-drip\r\n")
    assert engine.tick(129.0) == []
    (ended,) = engine.tick(130.0)
    assert isinstance(ended, Ended)


def test_login_grace_ends_with_login() -> None:
    pair = Pair()
    pair.server.take(pair.server.engine.tick(0.0))
    pair.run()
    assert pair.server.engine.tick(1000.0) == []
    assert pair.server.engine.deadline() is None


def test_a_peer_that_falls_silent_is_given_up() -> None:
    pair = Pair(ClientOptions(user="me", keepalive_seconds=10, keepalive_count=2)).run()
    engine = pair.client.engine
    assert engine.tick(0.0) == []
    assert engine.deadline() == 10.0
    assert engine.tick(10.0) == []
    pair.run()
    assert engine.tick(10.5) == []
    assert engine.deadline() == 20.5
    for now in (20.5, 30.5):
        assert engine.tick(now) == []
    (ended,) = engine.tick(40.5)
    assert isinstance(ended, Ended)
    assert isinstance(ended.error, ConnectionLost)


# --- rekeying


@pytest.mark.parametrize("cut", [whole, byte_by_byte])
def test_both_sides_may_rekey_at_once(cut: Cut) -> None:
    pair = Pair(cut=cut).run()
    channel = pair.client.engine.connection.open_channel(Session())
    pair.run()
    for side in (pair.client, pair.server):
        side.engine.transport.start_rekey()
    assert pair.client.engine.connection.send_data(channel, b"waits") == 0
    assert pair.client.engine.connection.writable(channel) == 0
    pair.run()
    for side in (pair.client, pair.server):
        assert [event.first for event in side.of(KeysExchanged)] == [True, False]
    first, second = pair.client.of(KeysExchanged)
    assert first.session_identifier == second.session_identifier != second.exchange_hash
    assert pair.client.engine.connection.send_data(channel, b"goes") == 4


def test_control_messages_wait_for_a_rekey_to_end() -> None:
    pair = Pair(ClientOptions(user="me", limits=Limits(deferred_messages=2))).run()
    transport = pair.client.engine.transport
    transport.start_rekey()
    transport.send(Ping(b"1"))
    transport.send(Ping(b"2"))
    with pytest.raises(ProtocolError, match="too many messages"):
        transport.send(Ping(b"3"))
    pair.run()
    assert [event.data for event in pair.client.of(PongReceived)] == [b"1", b"2"]


def test_a_rekey_needs_the_same_host_key() -> None:
    pair = Pair().run()
    other = generate_private_key("ed25519")
    pair.server.engine.transport._options = ServerOptions(host_keys=(other.key,))
    pair.server.answers[SignatureNeeded] = sign_with(other)
    pair.client.engine.transport.start_rekey()
    pair.run()
    assert "host key changed" in str(end_of(pair.client))


def test_age_brings_a_rekey() -> None:
    pair = Pair(ClientOptions(user="me", rekey_seconds=60)).run()
    pair.client.engine.tick(0.0)
    pair.client.engine.tick(60.0)
    pair.run()
    assert len(pair.server.of(KeysExchanged)) == 2


def test_rekeying_before_the_first_exchange_is_a_mistake() -> None:
    with pytest.raises(UsageError):
        Pair().client.engine.transport.start_rekey()


def test_giving_up_leaves_the_connection_to_its_owner() -> None:
    pair = Pair()
    pair.client.answers[CredentialNeeded] = None
    pair.run()
    (failed,) = pair.client.of(AuthenticationFailed)
    assert "password" in failed.methods
    assert not pair.client.of(Ended)
