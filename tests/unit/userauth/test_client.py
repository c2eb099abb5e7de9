"""The client alone: what it sends for each answer, and what it does not take from a server."""

from typing import Any

import pytest

from pyssh.algorithms.preferences import Algorithms
from pyssh.errors import ProtocolError, UsageError
from pyssh.events import (
    AnyEvent,
    Authenticated,
    AuthenticationFailed,
    BannerReceived,
    Credential,
    CredentialNeeded,
    CredentialRefused,
    KeyboardInteractiveCredential,
    PasswordChange,
    PasswordChangeNeeded,
    PasswordCredential,
    Prompt,
    PromptsReceived,
    PublicKeyCredential,
    Question,
    SignatureNeeded,
)
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import decode_public_key
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
from pyssh.options import ClientOptions, Limits
from pyssh.userauth.client import ClientAuthentication, State
from pyssh.userauth.methods import choose_algorithm, encode_prompts
from pyssh.wire.message import Message
from tests.unit.keys.building import certificate_blob
from tests.unit.userauth.joined import HOSTBOUND, OTHER_KEY, SESSION, USER_KEY, make_client

METHODS = ("publickey", "password", "keyboard-interactive")
FAILURE = UserauthFailure(METHODS, False)
KEY = PublicKeyCredential(USER_KEY.key)
PK_OK = UserauthPkOk("ssh-ed25519", USER_KEY.key.blob)


class Bench:
    """A client that was told what methods there are."""

    def __init__(
        self,
        options: ClientOptions | None = None,
        extensions: dict[str, bytes] | None = None,
        *,
        listed: bool = True,
    ) -> None:
        self.client: ClientAuthentication
        self.sent: list[Message]
        self.events: list[AnyEvent]
        self.client, self.sent, self.events = make_client(options, extensions)
        self.client.start()
        assert self.sent.pop() == ServiceRequest("ssh-userauth")
        if listed:
            self.receive(ServiceAccept("ssh-userauth"))
            assert self.sent.pop() == UserauthRequest("alice", "ssh-connection", "none", b"")
            self.receive(FAILURE)

    def receive(self, message: Message) -> None:
        assert self.client.receive(memoryview(message.encode()))

    def answer(self, answer: Any) -> None:
        question = self.events[-1]
        assert isinstance(question, Question)
        self.client.answer(question, answer)

    def sent_request(self) -> UserauthRequest:
        message = self.sent.pop()
        assert isinstance(message, UserauthRequest)
        assert not self.sent
        return message


# --- starting


def test_starting_twice() -> None:
    bench = Bench()
    with pytest.raises(UsageError):
        bench.client.start()


def test_another_service_than_asked_for() -> None:
    bench = Bench(listed=False)
    with pytest.raises(ProtocolError, match="not asked for"):
        bench.receive(ServiceAccept("ssh-connection"))


def test_success_at_once() -> None:
    bench = Bench(listed=False)
    bench.receive(ServiceAccept("ssh-userauth"))
    bench.receive(UserauthSuccess())
    assert bench.events == [Authenticated("alice", "none")]
    assert bench.client.succeeded
    assert (bench.client.user, bench.client.method) == ("alice", "none")


def test_success_before_anything_was_asked() -> None:
    bench = Bench(listed=False)
    with pytest.raises(ProtocolError, match="UserauthSuccess came in state SERVICE"):
        bench.receive(UserauthSuccess())
    assert not bench.client.succeeded


def test_giving_up() -> None:
    bench = Bench()
    bench.answer(None)
    assert bench.events[-1] == AuthenticationFailed((), METHODS)
    assert bench.client.state is State.EXHAUSTED
    bench.receive(UserauthBanner(b"bye", ""))
    assert bench.events[-1] == BannerReceived("bye")
    with pytest.raises(ProtocolError):
        bench.receive(UserauthSuccess())


def test_the_server_runs_out_of_methods() -> None:
    bench = Bench()
    bench.answer(PasswordCredential("x"))
    bench.receive(UserauthFailure((), False))
    assert bench.events[-2:] == [
        CredentialRefused(PasswordCredential("x"), False, ()),
        AuthenticationFailed(("password",), ()),
    ]


def test_what_was_tried_is_told_once_each() -> None:
    bench = Bench()
    for credential in (PasswordCredential("a"), PasswordCredential("b"), KeyboardInteractiveCredential()):
        bench.answer(credential)
        bench.receive(FAILURE)
    bench.answer(None)
    assert bench.events[-1] == AuthenticationFailed(("password", "keyboard-interactive"), METHODS)


# --- publickey


@pytest.mark.parametrize("extensions", [{}, HOSTBOUND, {"publickey-hostbound@openssh.com": b"1"}])
def test_requests_with_a_key(extensions: dict[str, bytes]) -> None:
    bench = Bench(extensions=extensions)
    bench.answer(KEY)
    probe = bench.sent_request()
    assert probe.method_name == "publickey"
    assert PublicKeyFields.decode(probe.method_fields) == PublicKeyFields(
        False, "ssh-ed25519", USER_KEY.key.blob, b""
    )
    bench.receive(PK_OK)
    question = bench.events[-1]
    assert isinstance(question, SignatureNeeded)
    assert question.purpose == "user"
    bench.answer(b"signature")
    request = bench.sent_request()
    payload = request.encode()
    assert question.data == len(SESSION).to_bytes(4, "big") + SESSION + payload[: -4 - len(b"signature")]
    assert request.method_name == (
        "publickey-hostbound-v00@openssh.com" if extensions == HOSTBOUND else "publickey"
    )
    assert PublicKeyFields.decode(request.method_fields).has_signature


def test_extensions_that_come_late() -> None:
    bench = Bench()
    bench.client.update_extensions(HOSTBOUND)
    bench.answer(KEY)
    bench.receive(PK_OK)
    bench.answer(b"s")
    assert bench.sent[-1].encode().count(b"publickey-hostbound-v00@openssh.com") == 1


@pytest.mark.parametrize(
    "answer",
    [
        UserauthPkOk("ssh-ed25519", OTHER_KEY.key.blob),
        UserauthPkOk("rsa-sha2-512", USER_KEY.key.blob),
        UserauthPkOk("", b""),
    ],
)
def test_a_key_that_was_not_offered(answer: Message) -> None:
    bench = Bench()
    bench.answer(KEY)
    with pytest.raises(ProtocolError, match="not offered"):
        bench.receive(answer)


def test_old_servers_name_the_key_type() -> None:
    key = generate_private_key("rsa", 2048).key
    bench = Bench(ClientOptions(user="alice", algorithms=Algorithms.legacy()))
    bench.answer(PublicKeyCredential(key, "rsa-sha2-256"))
    bench.receive(UserauthPkOk("ssh-rsa", key.blob))
    question = bench.events[-1]
    assert isinstance(question, SignatureNeeded)
    assert question.algorithm == "rsa-sha2-256"


def test_a_key_without_an_algorithm_is_not_sent() -> None:
    bench = Bench(extensions={"server-sig-algs": b"ssh-ed25519"})
    credential = PublicKeyCredential(generate_private_key("rsa", 2048).key)
    bench.answer(credential)
    assert not bench.sent
    assert bench.events[-2] == CredentialRefused(
        credential, False, METHODS, "no signature algorithm in common with the server"
    )
    assert isinstance(bench.events[-1], CredentialNeeded)


@pytest.mark.parametrize(
    ("wanted", "allowed", "server_sig_algs", "chosen"),
    [
        (None, None, b"", "rsa-sha2-512"),
        (None, None, b"ssh-ed25519,rsa-sha2-256,rsa-sha2-512", "rsa-sha2-512"),
        (None, None, b"ssh-ed25519,rsa-sha2-256", "rsa-sha2-256"),
        (None, None, b"ssh-rsa", None),
        (None, None, b"\xff,,", None),
        (None, ("ssh-rsa", "rsa-sha2-512"), b"ssh-rsa", "ssh-rsa"),
        (None, ("ssh-rsa", "rsa-sha2-512"), b"", "ssh-rsa"),
        (None, ("ssh-ed25519",), b"", None),
        ("rsa-sha2-256", None, b"", "rsa-sha2-256"),
        ("rsa-sha2-256", None, b"rsa-sha2-512", None),
        ("ssh-rsa", None, b"", None),
        ("ssh-ed25519", None, b"", None),
    ],
)
def test_algorithms_for_rsa_keys(
    wanted: str | None, allowed: tuple[str, ...] | None, server_sig_algs: bytes, chosen: str | None
) -> None:
    algorithms = Algorithms() if allowed is None else Algorithms(user_key=allowed)
    credential = PublicKeyCredential(generate_private_key("rsa", 2048).key, wanted)
    assert choose_algorithm(credential, ClientOptions(algorithms=algorithms), server_sig_algs) == chosen


def test_algorithms_for_keys_with_one() -> None:
    options = ClientOptions()
    assert choose_algorithm(KEY, options, b"rsa-sha2-512") == "ssh-ed25519"
    assert choose_algorithm(PublicKeyCredential(USER_KEY.key, "rsa-sha2-512"), options, b"") is None


@pytest.mark.parametrize("server_sig_algs", [b"", b"rsa-sha2-256", b"rsa-sha2-256-cert-v01@openssh.com"])
def test_algorithms_for_certificates(server_sig_algs: bytes) -> None:
    blob = certificate_blob(generate_private_key("rsa", 2048).key, OTHER_KEY)
    chosen = choose_algorithm(PublicKeyCredential(decode_public_key(blob)), ClientOptions(), server_sig_algs)
    size = "256" if server_sig_algs else "512"
    assert chosen == f"rsa-sha2-{size}-cert-v01@openssh.com"


# --- passwords and questions


def test_a_password_that_expired() -> None:
    bench = Bench()
    bench.answer(PasswordCredential("x"))
    bench.receive(UserauthPasswdChangereq("New one, please", "en"))
    assert isinstance(bench.events[-1], PasswordChangeNeeded)
    bench.answer(None)
    assert bench.events[-2] == CredentialRefused(
        PasswordCredential("x"), False, METHODS, "the password has expired"
    )
    assert isinstance(bench.events[-1], CredentialNeeded)


def test_questions() -> None:
    bench = Bench()
    bench.answer(KeyboardInteractiveCredential("pam"))
    assert bench.sent_request().method_fields == b"\0\0\0\0\0\0\0\3pam"
    prompts = (Prompt("Password: ", echo=False), Prompt("Name? ", echo=True))
    bench.receive(encode_prompts("a name", "an instruction", prompts))
    question = bench.events[-1]
    assert isinstance(question, PromptsReceived)
    assert (question.name, question.instruction, question.prompts) == ("a name", "an instruction", prompts)
    with pytest.raises(UsageError, match="2 answers are wanted"):
        bench.answer(("one",))
    bench.answer(("one", "two"))
    assert bench.sent == [UserauthInfoResponse(2, b"\0\0\0\3one\0\0\0\3two")]
    assert "one" not in repr(bench.sent)


@pytest.mark.parametrize(
    "message",
    [
        UserauthInfoRequest("", "", "", 65, b""),
        UserauthInfoRequest("", "", "", 2**32 - 1, b""),
        UserauthInfoRequest("x" * 16385, "", "", 0, b""),
        UserauthInfoRequest("", "x" * 16385, "", 0, b""),
        UserauthInfoRequest("", "", "", 1, b"\0\0\0\1?"),
        UserauthInfoRequest("", "", "", 1, b"\0\0\0\1?\0\0"),
        UserauthInfoRequest("", "", "", 1, b""),
    ],
)
def test_questions_that_cannot_be(message: Message) -> None:
    bench = Bench()
    bench.answer(KeyboardInteractiveCredential())
    with pytest.raises(ProtocolError):
        bench.receive(message)


@pytest.mark.parametrize(
    ("credential", "message", "answer"),
    [
        (KeyboardInteractiveCredential(), encode_prompts("", "", ()), ()),
        (PasswordCredential("x"), UserauthPasswdChangereq("", ""), PasswordChange("x", "y")),
    ],
)
def test_rounds_come_to_an_end(credential: Credential, message: Message, answer: object) -> None:
    bench = Bench(ClientOptions(user="alice", limits=Limits(keyboard_interactive_rounds=3)))
    bench.answer(credential)
    for _ in range(3):
        bench.receive(message)
        bench.answer(answer)
    with pytest.raises(ProtocolError, match="too many questions"):
        bench.receive(message)


def test_each_credential_has_its_own_rounds() -> None:
    bench = Bench(ClientOptions(user="alice", limits=Limits(keyboard_interactive_rounds=1)))
    for _ in range(3):
        bench.answer(KeyboardInteractiveCredential())
        bench.receive(encode_prompts("", "", ()))
        bench.answer(())
        bench.receive(FAILURE)
    assert bench.client.state is State.CHOOSING


def test_a_change_request_that_is_too_long() -> None:
    bench = Bench()
    bench.answer(PasswordCredential("x"))
    with pytest.raises(ProtocolError, match="too long"):
        bench.receive(UserauthPasswdChangereq("x" * 16385, ""))


# --- replies out of place


@pytest.mark.parametrize(
    ("credential", "reply"),
    [
        (KEY, UserauthPasswdChangereq("", "")),
        (KEY, encode_prompts("", "", ())),
        (PasswordCredential("x"), PK_OK),
        (PasswordCredential("x"), encode_prompts("", "", (Prompt("?", echo=False),))),
        (KeyboardInteractiveCredential(), PK_OK),
    ],
)
def test_the_reply_of_another_method(credential: Credential, reply: Message) -> None:
    bench = Bench()
    bench.answer(credential)
    with pytest.raises(ProtocolError):
        bench.receive(reply)


def test_a_reply_to_none() -> None:
    bench = Bench(listed=False)
    bench.receive(ServiceAccept("ssh-userauth"))
    with pytest.raises(ProtocolError, match="UserauthPkOk came in state LISTING"):
        bench.receive(PK_OK)


def test_a_second_pk_ok() -> None:
    bench = Bench()
    bench.answer(KEY)
    bench.receive(PK_OK)
    bench.answer(b"s")
    with pytest.raises(ProtocolError, match="UserauthPkOk came in state WAITING"):
        bench.receive(PK_OK)


@pytest.mark.parametrize("number", [5, 50, 61])
def test_a_server_cannot_say_what_clients_say(number: int) -> None:
    bench = Bench()
    with pytest.raises(ProtocolError, match="not a server's to send"):
        bench.client.receive(memoryview(bytes([number])))


def test_numbers_without_a_meaning() -> None:
    bench = Bench()
    for number in (*range(54, 60), *range(62, 80)):
        assert bench.client.receive(memoryview(bytes([number]))) is False


def test_nothing_is_taken_while_a_question_is_open() -> None:
    bench = Bench()
    with pytest.raises(ProtocolError, match="CHOOSING"):
        bench.receive(FAILURE)


def test_too_many_methods() -> None:
    bench = Bench()
    bench.answer(PasswordCredential("x"))
    with pytest.raises(ProtocolError, match="too many authentication methods"):
        bench.receive(UserauthFailure(("x",) * 257, False))


# --- banners


def test_banners_are_bounded_together() -> None:
    bench = Bench(ClientOptions(user="alice", limits=Limits(banner_size=100)))
    bench.answer(PasswordCredential("x"))
    bench.receive(UserauthBanner(b"x" * 50, ""))
    bench.receive(UserauthBanner(b"", ""))
    with pytest.raises(ProtocolError, match="banner"):
        bench.receive(UserauthBanner(b"x" * 50, ""))


def test_a_banner_that_is_not_utf_8() -> None:
    bench = Bench()
    bench.answer(PasswordCredential("x"))
    bench.receive(UserauthBanner("Grüße".encode("latin-1"), ""))
    assert bench.events[-1] == BannerReceived("Gr\ufffd\ufffde")


# --- what an owner cannot do


def test_a_question_is_answered_once() -> None:
    bench = Bench()
    first = bench.events[-1]
    assert isinstance(first, CredentialNeeded)
    bench.answer(PasswordCredential("x"))
    with pytest.raises(UsageError, match="not open"):
        bench.client.answer(first, None)
    bench.receive(FAILURE)
    with pytest.raises(UsageError, match="not open"):
        bench.client.answer(first, None)


def test_a_method_that_the_server_does_not_offer() -> None:
    bench = Bench(listed=False)
    bench.receive(ServiceAccept("ssh-userauth"))
    bench.receive(UserauthFailure(("password", "hostbased"), False))
    bench.sent.clear()
    bench.answer(KEY)
    assert not bench.sent
    refused = bench.events[-2]
    assert isinstance(refused, CredentialRefused)
    assert refused.reason == "the server does not offer publickey now"
    assert isinstance(bench.events[-1], CredentialNeeded)
