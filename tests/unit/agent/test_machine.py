"""The agent as a machine: what it answers, and what it does not do meanwhile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.agent.constraints import Constraints
from pyssh.agent.framing import MAX_MESSAGE_SIZE, encode_frame
from pyssh.agent.identities import encode_identity
from pyssh.agent.machine import LogLevel
from pyssh.agent.messages import (
    QUERY,
    RSA_SHA2_256,
    RSA_SHA2_512,
    AddIdConstrained,
    AddIdentity,
    AddSmartcardKey,
    AddSmartcardKeyConstrained,
    Extension,
    ExtensionResponse,
    IdentitiesAnswer,
    Lock,
    RemoveAllIdentities,
    RemoveIdentity,
    RemoveSmartcardKey,
    RequestIdentities,
    SignRequest,
    SignResponse,
    Unlock,
)
from pyssh.errors import DecodeError
from pyssh.keys.certificate import Certificate
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import decode_public_key
from pyssh.wire.types import Reader, take_string
from tests.unit.agent.building import CA, HOSTS, USER, Asked, Holder, destinations, login_data
from tests.unit.agent.test_messages import HANDLES
from tests.unit.keys.building import certificate_blob

FAILURE, SUCCESS, EXTENSION_FAILURE = 5, 6, 28
OTHER = HOSTS["a"]


@pytest.fixture
def holder() -> Holder:
    return Holder()


@pytest.fixture
def asked(holder: Holder) -> Asked:
    return holder.connect()


def signature(
    asked: Asked, data: bytes = b"data", flags: int = 0, blob: bytes = USER.key.blob
) -> bytes | None:
    """The signature, or None if it is refused."""
    asked.connection.receive_data(encode_frame(SignRequest(blob, data, flags)), asked.holder.now)
    payload = asked.connection.data_to_send()[4:]
    return SignResponse.decode(payload).signature if payload != b"\5" else None


# --- keys


def test_keys_are_listed_in_their_order(asked: Asked) -> None:
    certificate = decode_public_key(certificate_blob(USER.key, CA))
    assert isinstance(certificate, Certificate)
    assert [asked.add(), asked.add(OTHER), asked.add(certificate=certificate), asked.add()] == [SUCCESS] * 4
    answer = asked.send(RequestIdentities())
    assert isinstance(answer, IdentitiesAnswer)
    reader = Reader(answer.keys)
    listed = [(take_string(reader), take_string(reader)) for _ in range(answer.number_of_keys)]
    assert listed == [(key.blob, b"comment") for key in (USER.key, OTHER.key, certificate)]
    assert not reader.remaining


def test_all_connections_have_the_same_keys(holder: Holder, asked: Asked) -> None:
    asked.add()
    assert holder.connect().count() == 1


def test_keys_are_removed(asked: Asked) -> None:
    asked.add()
    asked.add(OTHER)
    assert asked.send(RemoveIdentity(USER.key.blob)) == SUCCESS
    assert asked.send(RemoveIdentity(USER.key.blob)) == FAILURE
    assert asked.count() == 1
    assert asked.send(RemoveAllIdentities()) == SUCCESS
    assert asked.count() == 0
    # what removed the keys of version 1
    asked.add()
    asked.connection.receive_data(b"\0\0\0\1\x09", asked.holder.now)
    assert asked.answer() == SUCCESS
    assert asked.count() == 0


@pytest.mark.parametrize(
    "identity",
    [b"", b"\0\0\0\4none", encode_identity(USER, "")[:-1], encode_identity(USER, "") + b"\7"],
    ids=["empty", "unknown", "short", "constraint"],
)
def test_keys_that_are_none_are_refused(asked: Asked, identity: bytes) -> None:
    assert asked.send(AddIdentity(identity)) == FAILURE
    assert asked.send(AddIdConstrained(identity)) == FAILURE
    assert asked.count() == 0
    assert "refused" in asked.holder.log[-1]


def test_the_agent_holds_what_can_be_listed(asked: Asked) -> None:
    comment = b"x" * 60_000
    answers = [asked.send(AddIdentity(encode_identity(key, comment))) for key in [*HOSTS.values()][:5]]
    assert answers == [SUCCESS] * 4 + [FAILURE]
    assert asked.count() == 4
    # one that is there already can be added again
    assert asked.send(AddIdentity(encode_identity(OTHER, comment))) == SUCCESS


# --- signatures


@pytest.mark.parametrize(
    ("kind", "flags", "algorithm"),
    [
        ("ed25519", 0, "ssh-ed25519"),
        ("ed25519", RSA_SHA2_512, "ssh-ed25519"),
        ("ecdsa", 0, "ecdsa-sha2-nistp256"),
        ("mldsa44-ed25519", 0, "ssh-mldsa44-ed25519"),
        ("rsa", RSA_SHA2_256, "rsa-sha2-256"),
        ("rsa", RSA_SHA2_512, "rsa-sha2-512"),
        ("rsa", RSA_SHA2_256 | RSA_SHA2_512, "rsa-sha2-256"),
        ("rsa", 0, "ssh-rsa"),
    ],
)
def test_signatures(asked: Asked, kind: str, flags: int, algorithm: str) -> None:
    private = generate_private_key(kind, 2048 if kind == "rsa" else None)
    certificate = decode_public_key(certificate_blob(private.key, CA))
    assert isinstance(certificate, Certificate)
    for shown in (None, certificate):
        asked.add(private, certificate=shown)
        made = signature(asked, flags=flags, blob=(shown or private.key).blob)
        assert made is not None
        assert private.key.verify(algorithm, made, b"data")


def test_unknown_flags_and_keys_are_refused(asked: Asked) -> None:
    assert signature(asked) is None
    asked.add()
    assert signature(asked, flags=8) is None
    assert signature(asked) is not None


@pytest.mark.parametrize("private", HANDLES, ids=lambda key: key.key.key_type)
def test_security_keys_are_held_and_do_not_sign(asked: Asked, private: object) -> None:
    handle = next(key for key in HANDLES if key is private)
    assert asked.add(handle, Constraints(sk_provider="internal")) == SUCCESS
    assert asked.count() == 1
    assert signature(asked, blob=handle.key.blob) is None
    assert asked.holder.levels[-1] == LogLevel.ERROR
    assert "security key" in asked.holder.log[-1]


def test_providers_are_for_security_keys_and_have_to_be_allowed(asked: Asked) -> None:
    assert asked.add(USER, Constraints(sk_provider="internal")) == FAILURE
    assert asked.add(HANDLES[0], Constraints(sk_provider="/tmp/evil.so")) == FAILURE
    assert asked.count() == 0


def test_tokens_are_refused(asked: Asked) -> None:
    for request in (AddSmartcardKey("x", b"1"), AddSmartcardKeyConstrained("x", b"1", b"")):
        assert asked.send(request) == FAILURE
        assert "PKCS#11" in asked.holder.log[-1]
    assert asked.send(RemoveSmartcardKey("x", b"1")) == FAILURE
    assert asked.add(USER, Constraints(certificates_only=True, certificates=(USER.key,))) == FAILURE


# --- lifetimes


def test_keys_live_as_long_as_they_may(asked: Asked) -> None:
    agent = asked.holder.agent
    asked.add(USER, Constraints(lifetime=10))
    asked.add(OTHER, Constraints(lifetime=20))
    assert agent.advance(asked.holder.now) == 110.0
    asked.holder.later(9.9)
    assert asked.count() == 2
    asked.holder.later(0.1)
    # not even if nobody looked for those that have to go
    assert signature(asked) is None
    assert asked.count() == 1
    assert agent.advance(asked.holder.now) == 120.0
    asked.holder.later(10)
    assert agent.advance(asked.holder.now) is None
    assert not len(agent.ring)


def test_a_lifetime_for_keys_without_one() -> None:
    holder = Holder(lifetime=60)
    asked = holder.connect()
    asked.add()
    asked.add(OTHER, Constraints(lifetime=100))
    holder.later(60)
    assert asked.count() == 1


def test_adding_again_begins_a_new_life(asked: Asked) -> None:
    asked.add(USER, Constraints(lifetime=10))
    asked.add()
    asked.holder.later(1000)
    assert asked.count() == 1


# --- locking


def test_a_locked_agent_tells_nothing_and_does_nothing(asked: Asked) -> None:
    asked.add()
    assert asked.send(Lock(b"")) == FAILURE
    assert asked.send(Unlock(b"secret")) == FAILURE
    assert asked.send(Lock(b"secret")) == SUCCESS
    assert asked.count() == 0
    assert signature(asked) is None
    for request in (
        Lock(b"other"),
        RemoveAllIdentities(),
        RemoveIdentity(USER.key.blob),
        AddIdentity(encode_identity(OTHER, "")),
        Extension(QUERY, b""),
    ):
        assert asked.send(request) == FAILURE
    assert asked.send(Unlock(b"secret")) == SUCCESS
    assert asked.count() == 1


def test_each_wrong_passphrase_makes_the_next_try_wait(holder: Holder, asked: Asked) -> None:
    asked.send(Lock(b"secret"))
    other = holder.connect()
    for failures in range(1, 4):
        assert asked.send(Unlock(b"wrong")) == FAILURE
        delay = 0.1 * failures
        # other connections wait as well
        assert other.send(Unlock(b"")) is None
        assert other.connection.waits_until == pytest.approx(holder.now.steady + delay)
        assert not other.connection.wants_data
        # and what they ask behind it
        assert other.send(RequestIdentities()) is None
        holder.later(delay / 2)
        other.connection.advance(holder.now)
        assert other.answer() is None
        holder.later(delay)
        other.connection.advance(holder.now)
        assert other.answer() == FAILURE
        assert isinstance(other.answer(), IdentitiesAnswer)
    assert asked.send(Unlock(b"secret")) == SUCCESS
    asked.send(Lock(b"new"))
    assert asked.send(Unlock(b"secret")) == FAILURE
    holder.later(0.1)
    assert asked.send(Unlock(b"new")) == SUCCESS


def test_passphrases_may_be_any_bytes(asked: Asked) -> None:
    assert asked.send(Lock(b"\xff\0")) == SUCCESS
    assert asked.send(Unlock(b"\xff\0")) == SUCCESS


# --- consent


def test_a_signature_waits_for_the_user(holder: Holder, asked: Asked) -> None:
    asked.add(USER, Constraints(confirm=True))
    assert asked.send(SignRequest(USER.key.blob, login_data(b"session"), 0)) is None
    question = asked.connection.question
    assert question is not None
    assert question.entry.key == USER.key
    assert question.login is not None
    assert question.login.user_name == "me"
    assert not asked.connection.wants_data
    # others go on
    assert holder.connect().count() == 1
    asked.connection.receive_data(encode_frame(RequestIdentities()), holder.now)
    assert asked.answer() is None
    asked.connection.answer(True, holder.now)
    assert asked.answer() == SignResponse.number
    assert isinstance(asked.answer(), IdentitiesAnswer)
    assert asked.connection.question is None


@pytest.mark.parametrize("change", ["refused", "removed", "added again", "expired", "locked"])
def test_consent_that_does_not_help(holder: Holder, asked: Asked, change: str) -> None:
    asked.add(USER, Constraints(confirm=True, lifetime=10))
    asked.send(SignRequest(USER.key.blob, b"data", 0))
    other = holder.connect()
    match change:
        case "removed":
            other.send(RemoveIdentity(USER.key.blob))
        case "added again":
            other.add(USER, Constraints(confirm=True))
        case "expired":
            holder.later(10)
        case "locked":
            other.send(Lock(b"secret"))
    asked.connection.answer(change != "refused", holder.now)
    assert asked.answer() == FAILURE


# --- destinations


def test_constraints_follow_the_sessions_of_a_connection(holder: Holder, asked: Asked) -> None:
    limits = Constraints(destinations=destinations("a", "a>b"))
    asked.add(USER, limits)
    assert signature(asked, login_data(b"session")) is None

    direct, forwarded, elsewhere = holder.connect(), holder.connect(), holder.connect()
    assert direct.bind("a") == SUCCESS
    assert direct.count() == 1
    assert signature(direct, b"data") is None
    assert signature(direct, login_data(b"session", host_key=HOSTS["a"].key)) is not None

    assert forwarded.bind("a", forwarding=True) == SUCCESS
    assert forwarded.count() == 1
    assert forwarded.bind("b", b"far") == SUCCESS
    assert signature(forwarded, login_data(b"far", host_key=HOSTS["b"].key)) is not None
    assert signature(forwarded, login_data(b"far")) is None

    assert elsewhere.bind("x", forwarding=True) == SUCCESS
    assert elsewhere.count() == 0
    # what is hidden can neither be removed nor replaced
    assert elsewhere.send(RemoveIdentity(USER.key.blob)) == FAILURE
    assert elsewhere.add() == FAILURE
    assert signature(elsewhere, login_data(b"session", host_key=HOSTS["x"].key)) is None
    assert asked.count() == 1


def test_sessions_are_bound_while_locked(holder: Holder, asked: Asked) -> None:
    asked.add(USER, Constraints(destinations=destinations("a")))
    asked.send(Lock(b"secret"))
    other = holder.connect()
    assert other.bind("x", forwarding=True) == SUCCESS
    asked.send(Unlock(b"secret"))
    assert asked.count() == 1
    assert other.count() == 0


def test_a_session_that_is_not_believed(asked: Asked) -> None:
    asked.add(USER, Constraints(destinations=destinations("a")))
    asked.add(OTHER)
    assert asked.send(Extension("session-bind@openssh.com", b"x")) == EXTENSION_FAILURE
    assert asked.count() == 1


# --- the rest


def test_extensions(asked: Asked) -> None:
    asked.connection.receive_data(encode_frame(Extension(QUERY, b"")), asked.holder.now)
    answer = ExtensionResponse.decode(asked.connection.data_to_send()[4:])
    # as OpenSSH 10.6 answers
    assert answer == ExtensionResponse("query", b"\0\0\0\x18session-bind@openssh.com")
    assert asked.send(Extension("x@y", b"")) == FAILURE


@pytest.mark.parametrize("payload", [b"\1", b"\x63", b"\x0bx", b"\x11", b"\x0d\0", b"\x16\0\0", b"\x1b\0"])
def test_requests_that_are_none_fail_and_the_connection_goes_on(asked: Asked, payload: bytes) -> None:
    asked.connection.receive_data(len(payload).to_bytes(4, "big") + payload, asked.holder.now)
    assert asked.answer() == FAILURE
    assert asked.count() == 0


def test_a_frame_out_of_bounds_ends_the_connection(asked: Asked) -> None:
    with pytest.raises(DecodeError):
        asked.connection.receive_data(b"\xff\xff\xff\xff", asked.holder.now)


def test_who_does_not_read_is_not_served(asked: Asked) -> None:
    asked.send(AddIdentity(encode_identity(USER, b"x" * 100_000)))
    asked.connection.receive_data(encode_frame(RequestIdentities()) * 1000, asked.holder.now)
    assert not asked.connection.wants_data
    answers = len(asked.connection.data_to_send()) // 100_000
    assert answers == MAX_MESSAGE_SIZE // 100_000 + 1
    # the others come when these have gone
    for _ in range(1000):
        asked.connection.advance(asked.holder.now)
        answers += len(asked.connection.data_to_send()) // 100_000
    assert answers == 1000
    assert asked.connection.wants_data


def test_all_keys_are_forgotten_also_while_locked(asked: Asked) -> None:
    asked.add()
    asked.send(Lock(b"secret"))
    asked.holder.agent.forget_all()
    asked.send(Unlock(b"secret"))
    assert asked.count() == 0


@given(st.lists(st.binary(min_size=1, max_size=60), max_size=8))
def test_any_requests_are_answered_one_by_one(payloads: list[bytes]) -> None:
    asked = Holder().connect()
    for payload in payloads:
        asked.connection.receive_data(len(payload).to_bytes(4, "big") + payload, asked.holder.now)
        assert asked.answer() is not None
