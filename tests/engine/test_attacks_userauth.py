"""Attacks on authentication: getting in without a proof, or with one that was made for something else."""

from collections.abc import Callable
from typing import Any

import pytest

from pyssh.algorithms.preferences import Algorithms
from pyssh.errors import DisconnectReason, ProtocolError
from pyssh.events import (
    Accept,
    AskPrompts,
    AttemptRefused,
    Authenticated,
    AuthenticationRequested,
    BannerReceived,
    CredentialNeeded,
    Ended,
    KeyboardInteractiveCredential,
    PartialSuccess,
    PasswordAttempt,
    PasswordCredential,
    Prompt,
    PromptsReceived,
    PublicKeyAttempt,
    PublicKeyCredential,
    Refuse,
    SignatureNeeded,
)
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.messages.connection import ChannelOpen
from pyssh.messages.transport import ServiceAccept, ServiceRequest
from pyssh.messages.userauth import (
    PublicKeyFields,
    UserauthBanner,
    UserauthFailure,
    UserauthInfoRequest,
    UserauthInfoResponse,
    UserauthPasswdChangereq,
    UserauthPkOk,
    UserauthRequest,
    UserauthSuccess,
)
from pyssh.options import Limits
from pyssh.userauth.signed_data import HOSTBOUND_METHOD, signature_request, signed_data
from tests.support.pair import HOST_KEY, USER_KEY
from tests.support.payloads import PAYLOADS
from tests.support.rogue import QUICK, Rogue, Stage
from tests.unit.keys.building import certificate_blob, strings

RSA = generate_private_key("rsa", 2048)
OTHER = generate_private_key("ed25519")
SERVICE = "ssh-connection"


YES = Accept()


def server(answer: Any = YES, **more: Any) -> Rogue:
    """A server that says yes to all that comes through: the engine alone must keep strangers out."""
    rogue = Rogue(Stage.AUTHENTICATION, victim_is_client=False, **more)
    rogue.victim.answers[AuthenticationRequested] = answer
    rogue.victim.events.clear()
    return rogue


def client(**more: Any) -> Rogue:
    rogue = Rogue(Stage.AUTHENTICATION, victim_is_client=True, **more)
    rogue.victim.events.clear()
    return rogue


def request(method: str, fields: bytes, user: str = "me", service: str = SERVICE) -> bytes:
    return UserauthRequest(user, service, method, fields).encode()


def session_of(rogue: Rogue) -> bytes:
    identifier = rogue.victim.engine.transport.session_identifier
    assert identifier is not None
    return identifier


def signed_request(
    rogue: Rogue,
    *,
    key: PublicKey = USER_KEY.key,
    signer: PrivateKey = USER_KEY,
    algorithm: str = "ssh-ed25519",
    signed_with: str = "",
    sent_user: str = "me",
    session: bytes | None = None,
    change: Callable[[bytes], bytes] = bytes,
) -> bytes:
    """A signed request for "me", right unless told otherwise; `change` is for what is signed."""
    signed = signature_request("me", key, algorithm, None)
    data = change(signed_data(session_of(rogue) if session is None else session, signed))
    signature = signer.sign(signed_with or algorithm, data)
    rest = strings(signature)
    return request("publickey", PublicKeyFields(True, algorithm, key.blob, rest).encode(), sent_user)


def turned_away(rogue: Rogue) -> None:
    assert not rogue.victim.of(Authenticated)
    assert not rogue.victim.of(AuthenticationRequested)
    assert rogue.victim.of(AttemptRefused) or isinstance(rogue.error, ProtocolError)


# --- signatures


def test_a_signature_that_is_right_is_let_through() -> None:
    rogue = server()
    rogue.send(signed_request(rogue))
    assert rogue.victim.of(Authenticated)


def test_a_signature_of_another_session() -> None:
    rogue = server()
    rogue.send(signed_request(rogue, session=bytes(32)))
    turned_away(rogue)


def test_a_signature_for_another_user() -> None:
    rogue = server()
    rogue.send(signed_request(rogue, sent_user="root"))
    turned_away(rogue)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"ssh-connection", b"ssh-connectiom"),
        (b"publickey", b"publickeX"),
        (b"ssh-ed25519", b"ssh-ed25518"),
        (b"\0\0\0\2me", b"\0\0\0\2mf"),
        (b"publickey\1", b"publickey\0"),
    ],
)
def test_each_field_is_under_the_signature(old: bytes, new: bytes) -> None:
    rogue = server()

    def change(data: bytes) -> bytes:
        assert old in data
        return data.replace(old, new, 1)

    rogue.send(signed_request(rogue, change=change))
    turned_away(rogue)


def test_a_signature_by_another_key() -> None:
    rogue = server()
    rogue.send(signed_request(rogue, signer=OTHER))
    turned_away(rogue)


@pytest.mark.parametrize(
    "signature", [b"", bytes(4), strings("ssh-ed25519", bytes(64)), strings("ssh-ed25519", b"")]
)
def test_signatures_that_are_none(signature: bytes) -> None:
    rogue = server()
    fields = PublicKeyFields(True, "ssh-ed25519", USER_KEY.key.blob, strings(signature))
    rogue.send(request("publickey", fields.encode()))
    turned_away(rogue)


@pytest.mark.parametrize("behind", [b"", b"\0", strings(b"more")])
def test_a_request_with_too_little_or_too_much(behind: bytes) -> None:
    rogue = server()
    rogue.send(request("publickey", PublicKeyFields(True, "ssh-ed25519", USER_KEY.key.blob, behind).encode()))
    turned_away(rogue)
    rogue = server()
    rogue.send(signed_request(rogue) + (behind or b"\0"))
    turned_away(rogue)


def hostbound(rogue: Rogue, shown: bytes, signed_for: PublicKey) -> bytes:
    signed = signature_request("me", USER_KEY.key, "ssh-ed25519", signed_for)
    signature = USER_KEY.sign("ssh-ed25519", signed_data(session_of(rogue), signed))
    rest = strings(shown, signature)
    return request(HOSTBOUND_METHOD, PublicKeyFields(True, "ssh-ed25519", USER_KEY.key.blob, rest).encode())


def test_a_signature_bound_to_another_host() -> None:
    rogue = server()
    rogue.send(hostbound(rogue, HOST_KEY.key.blob, HOST_KEY.key))
    assert rogue.victim.of(Authenticated)
    for shown, signed_for in (
        (OTHER.key.blob, OTHER.key),
        (HOST_KEY.key.blob, OTHER.key),
        (OTHER.key.blob, HOST_KEY.key),
        (b"", HOST_KEY.key),
    ):
        rogue = server()
        rogue.send(hostbound(rogue, shown, signed_for))
        turned_away(rogue)


# --- algorithms


@pytest.mark.parametrize("signed_with", ["ssh-rsa", "rsa-sha2-256"])
def test_the_name_in_the_signature_is_the_one_in_the_request(signed_with: str) -> None:
    rogue = server()
    rogue.send(
        signed_request(rogue, key=RSA.key, signer=RSA, algorithm="rsa-sha2-512", signed_with=signed_with)
    )
    turned_away(rogue)


@pytest.mark.parametrize("switched_on", [True, False])
def test_sha_1_is_taken_only_where_it_is_switched_on(switched_on: bool) -> None:
    algorithms = QUICK.replace(user_key=Algorithms.legacy().user_key) if switched_on else QUICK
    rogue = server(algorithms=algorithms)
    rogue.send(signed_request(rogue, key=RSA.key, signer=RSA, algorithm="ssh-rsa"))
    assert bool(rogue.victim.of(Authenticated)) is switched_on
    if not switched_on:
        turned_away(rogue)


CERTIFICATE = decode_public_key(certificate_blob(USER_KEY.key, OTHER))
RSA_CERTIFICATE = decode_public_key(certificate_blob(RSA.key, OTHER))


@pytest.mark.parametrize(
    ("algorithm", "key", "signer"),
    [
        ("ssh-ed25519", CERTIFICATE, USER_KEY),
        ("ssh-ed25519-cert-v01@openssh.com", USER_KEY.key, USER_KEY),
        ("rsa-sha2-512", RSA_CERTIFICATE, RSA),
        ("rsa-sha2-512-cert-v01@openssh.com", RSA.key, RSA),
        ("rsa-sha2-512", USER_KEY.key, USER_KEY),
        ("ssh-ed25519", RSA.key, RSA),
        ("ecdsa-sha2-nistp256", USER_KEY.key, USER_KEY),
        ("ssh-rsa-cert-v01@openssh.com", RSA_CERTIFICATE, RSA),
        ("none", USER_KEY.key, USER_KEY),
        ("", USER_KEY.key, USER_KEY),
    ],
)
def test_a_key_of_one_kind_under_the_name_of_another(
    algorithm: str, key: PublicKey, signer: PrivateKey
) -> None:
    for signed in (True, False):
        rogue = server()
        data = signed_data(session_of(rogue), signature_request("me", key, algorithm, None))
        signature = signer.sign(signer.key.signature_algorithms[0], data)
        rest = strings(signature) if signed else b""
        rogue.send(request("publickey", PublicKeyFields(signed, algorithm, key.blob, rest).encode()))
        turned_away(rogue)


def test_small_rsa_keys() -> None:
    rogue = server(limits=Limits(rsa_bits=3072))
    rogue.send(signed_request(rogue, key=RSA.key, signer=RSA, algorithm="rsa-sha2-512"))
    turned_away(rogue)


def test_keys_that_are_too_large() -> None:
    rogue = server()
    rogue.send(request("publickey", PublicKeyFields(False, "ssh-ed25519", bytes(40_000), b"").encode()))
    turned_away(rogue)


# --- who, and how often


def test_a_probe_lets_nobody_in() -> None:
    rogue = server()
    rogue.send(request("publickey", PublicKeyFields(False, "ssh-ed25519", USER_KEY.key.blob, b"").encode()))
    assert rogue.victim.of(AuthenticationRequested)[0].attempt == PublicKeyAttempt(
        USER_KEY.key, "ssh-ed25519", signed=False
    )
    assert not rogue.victim.of(Authenticated)
    rogue.send(PAYLOADS[90])
    assert "message 90 is not allowed" in str(rogue.error)


def test_channels_asked_for_behind_a_request_that_is_refused() -> None:
    rogue = server(Refuse())
    rogue.send(request("password", b"\0" + strings("guess")), ChannelOpen("session", 0, 1, 1000).encode())
    assert "message 90 is not allowed" in str(rogue.error)


@pytest.mark.parametrize("user", ["", "me\0", "\0", "x" * 1025])
def test_user_names_that_are_none(user: str) -> None:
    rogue = server(Refuse())
    rogue.send(request("password", b"\0" + strings("secret"), user))
    if user:
        assert isinstance(rogue.error, ProtocolError)
        assert rogue.error.reason is DisconnectReason.ILLEGAL_USER_NAME
    else:
        assert not rogue.victim.of(Authenticated)


@pytest.mark.parametrize("service", ["", "ssh-userauth", "ssh-connection\0", "SSH-CONNECTION"])
def test_services_that_are_not_offered(service: str) -> None:
    rogue = server()
    rogue.send(request("password", b"\0" + strings("secret"), service=service))
    assert isinstance(rogue.error, ProtocolError)
    assert rogue.error.reason is DisconnectReason.SERVICE_NOT_AVAILABLE
    rogue = server()
    rogue.send(ServiceRequest(service if service != "ssh-userauth" else "ssh-connection").encode())
    assert isinstance(rogue.error, ProtocolError)


def test_failures_count_for_the_connection_whatever_changes() -> None:
    """Not for the user, the method, or since the service was asked for."""
    rogue = server(Refuse())
    sent = 0
    while not rogue.ended:
        user = f"user{sent}"
        rogue.send(
            ServiceRequest("ssh-userauth").encode(),
            request("password", b"\0" + strings("guess"), user)
            if sent % 2
            else request(
                "publickey", PublicKeyFields(False, "ssh-ed25519", OTHER.key.blob, b"").encode(), user
            ),
        )
        sent += 1
        assert sent <= 6
    # the first none was free, this stage has used it up
    assert sent == 6
    assert isinstance(rogue.error, ProtocolError)
    assert rogue.error.reason is DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE


def test_half_a_login_does_not_pass_to_another_user() -> None:
    def verdict(question: AuthenticationRequested) -> Any:
        if isinstance(question.attempt, PublicKeyAttempt):
            return PartialSuccess(("password",))
        return Refuse()

    rogue = server(verdict, watch=True)
    rogue.send(signed_request(rogue))
    (partial,) = [message for message in rogue.said if isinstance(message, UserauthFailure)][-1:]
    assert partial == UserauthFailure(("password",), True)
    rogue.send(request("password", b"\0" + strings("guess"), "root"))
    (failure,) = [message for message in rogue.said if isinstance(message, UserauthFailure)][-1:]
    assert "publickey" in failure.authentications_that_can_continue
    assert not failure.partial_success


def test_known_and_unknown_are_parsed_alike() -> None:
    """What is malformed is refused before anybody is asked about the user."""
    for fields in (b"", b"\0", b"\0" + bytes(100)):
        rogue = server()
        rogue.send(request("publickey", fields))
        turned_away(rogue)
    rogue = server()
    rogue.send(request("password", b"\0" + strings(b"\xff" * 10)))
    turned_away(rogue)


@pytest.mark.parametrize("count", [0, 1, 3, 2**32 - 1])
def test_answers_to_other_questions(count: int) -> None:
    rogue = server(AskPrompts("", "", (Prompt("a", False), Prompt("b", False))))
    rogue.send(request("keyboard-interactive", bytes(8)))
    asked = len(rogue.victim.of(AuthenticationRequested))
    rogue.send(UserauthInfoResponse(count, strings(*["x"] * min(count, 5))).encode())
    assert len(rogue.victim.of(AuthenticationRequested)) == asked
    assert rogue.victim.of(AttemptRefused)


def test_answers_that_nobody_asked_for() -> None:
    rogue = server()
    rogue.send(UserauthInfoResponse(0, b"").encode())
    turned_away(rogue)


def test_a_password_is_never_shown() -> None:
    rogue = server(Refuse())
    rogue.send(request("password", b"\0" + strings("hunter2")))
    assert rogue.victim.of(AuthenticationRequested)[0].attempt == PasswordAttempt("hunter2")
    assert "hunter2" not in repr(rogue.victim.events)


# --- a server that attacks its client


def test_success_before_anything_was_asked() -> None:
    """A client that believed it would open channels, and hand out what they are for, to anybody."""
    rogue = Rogue(Stage.METHOD, victim_is_client=True)
    rogue.send(UserauthSuccess().encode())
    assert "message 52 is not allowed" in str(rogue.error)


@pytest.mark.parametrize(
    "message",
    [
        UserauthPkOk("ssh-ed25519", USER_KEY.key.blob),
        ServiceAccept("ssh-userauth"),
        UserauthInfoRequest("", "", "", 0, b""),
    ],
    ids=lambda message: type(message).__name__,
)
def test_replies_to_nothing(message: UserauthPkOk) -> None:
    rogue = client()
    rogue.send(message.encode())
    assert isinstance(rogue.error, ProtocolError)


def choosing(credential: Any) -> Rogue:
    """A client whose server has just offered everything; it tries this."""
    rogue = client()
    rogue.victim.answers[CredentialNeeded] = credential
    rogue.send(UserauthFailure(("publickey", "password", "keyboard-interactive"), False).encode())
    return rogue


@pytest.mark.parametrize(
    ("algorithm", "blob"),
    [
        ("ssh-ed25519", OTHER.key.blob),
        ("ssh-rsa", USER_KEY.key.blob),
        ("ssh-ed25519", b""),
        ("ssh-ed25519", CERTIFICATE.blob),
    ],
    ids=["another key", "another algorithm", "none", "a certificate"],
)
def test_a_key_is_asked_to_sign_only_what_was_offered(algorithm: str, blob: bytes) -> None:
    rogue = choosing(PublicKeyCredential(USER_KEY.key))
    rogue.send(UserauthPkOk(algorithm, blob).encode())
    assert "a key that was not offered" in str(rogue.error)
    assert not rogue.victim.of(SignatureNeeded)


def test_a_key_signs_once_for_one_acceptance() -> None:
    rogue = choosing(PublicKeyCredential(USER_KEY.key))
    accepted = UserauthPkOk("ssh-ed25519", USER_KEY.key.blob).encode()
    rogue.send(accepted, accepted)
    assert len(rogue.victim.of(SignatureNeeded)) == 1
    assert isinstance(rogue.error, ProtocolError)


@pytest.mark.parametrize(
    ("count", "size"), [(65, 1), (2**32 - 1, 1), (1, 20_000)], ids=["many", "very many", "long"]
)
def test_too_many_prompts(count: int, size: int) -> None:
    rogue = choosing(KeyboardInteractiveCredential())
    prompts = (strings("?" * size) + b"\0") * min(count, 65)
    rogue.send(UserauthInfoRequest("", "", "", count, prompts).encode())
    assert isinstance(rogue.error, ProtocolError)
    assert not rogue.victim.of(PromptsReceived)


def test_prompts_without_end() -> None:
    rogue = choosing(KeyboardInteractiveCredential())
    rogue.victim.answers[PromptsReceived] = ("answer",)
    message = UserauthInfoRequest("", "", "", 1, strings("?") + b"\0").encode()
    rogue.send(*[message] * 100)
    assert "too many questions" in str(rogue.error)
    assert len(rogue.victim.of(PromptsReceived)) == Limits().keyboard_interactive_rounds


def test_a_change_of_password_is_not_asked_for_without_a_password() -> None:
    rogue = choosing(PublicKeyCredential(USER_KEY.key))
    rogue.send(UserauthPasswdChangereq("give me your password", "").encode())
    assert isinstance(rogue.error, ProtocolError)
    rogue = choosing(PasswordCredential("secret"))
    rogue.send(UserauthPasswdChangereq("x" * 20_000, "").encode())
    assert isinstance(rogue.error, ProtocolError)


def test_a_list_of_methods_without_end() -> None:
    rogue = client()
    rogue.send(UserauthFailure(tuple(f"m{number}" for number in range(1000)), False).encode())
    assert "too many authentication methods" in str(rogue.error)


def test_a_method_that_the_server_took_back_is_not_tried() -> None:
    rogue = client(watch=True)
    rogue.victim.answers[CredentialNeeded] = lambda question: (
        PasswordCredential("secret") if len(rogue.victim.of(CredentialNeeded)) < 3 else None
    )
    rogue.send(UserauthFailure(("publickey",), False).encode())
    methods = [message.method_name for message in rogue.said if isinstance(message, UserauthRequest)]
    assert "password" not in methods
    assert not rogue.victim.of(Ended)


def test_text_of_a_server_comes_as_it_is_and_no_longer_than_it_may() -> None:
    rogue = client()
    rogue.send(UserauthBanner(b"\x1b[2J\xff\0", "").encode())
    assert rogue.victim.of(BannerReceived)[0].message == "\x1b[2J\N{REPLACEMENT CHARACTER}\0"
    rogue.send(*[UserauthBanner(bytes(40_000), "").encode()] * 2)
    assert "too much banner" in str(rogue.error)
