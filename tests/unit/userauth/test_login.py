"""Client and server joined: every method, from both ends."""

import pytest

from pyssh.errors import DisconnectReason, ProtocolError
from pyssh.events import (
    Accept,
    AskPasswordChange,
    AskPrompts,
    AttemptRefused,
    Authenticated,
    AuthenticationFailed,
    AuthenticationRequested,
    BannerReceived,
    CredentialNeeded,
    CredentialRefused,
    InteractiveAttempt,
    InteractiveResponses,
    KeyAccepted,
    KeyboardInteractiveCredential,
    NoneAttempt,
    PartialSuccess,
    PasswordAttempt,
    PasswordChange,
    PasswordCredential,
    Prompt,
    PromptsReceived,
    PublicKeyAttempt,
    PublicKeyCredential,
    Refuse,
    SignatureNeeded,
    Verdict,
)
from tests.unit.userauth.joined import (
    HOSTBOUND,
    OTHER_KEY,
    SESSION,
    USER_KEY,
    Joined,
    server_options,
    trusting,
)

KEY = PublicKeyCredential(USER_KEY.key)
WRONG_KEY = PublicKeyCredential(OTHER_KEY.key)
ALL_METHODS = ("publickey", "password", "keyboard-interactive")


def decide_password(question: AuthenticationRequested) -> Verdict:
    match question.attempt:
        case PasswordAttempt("right", None):
            return Accept()
        case _:
            return Refuse()


@pytest.mark.parametrize("extensions", [{}, HOSTBOUND], ids=["plain", "hostbound"])
def test_a_key_is_probed_then_proved(extensions: dict[str, bytes]) -> None:
    pair = Joined(credentials=[KEY], decide=trusting(USER_KEY), extensions=extensions)
    assert pair.login()
    assert [question.attempt for question in pair.asked()] == [
        NoneAttempt(),
        PublicKeyAttempt(USER_KEY.key, "ssh-ed25519", signed=False),
        PublicKeyAttempt(USER_KEY.key, "ssh-ed25519", signed=True),
    ]
    assert [type(event) for event in pair.client_events] == [
        CredentialNeeded,
        KeyAccepted,
        SignatureNeeded,
        Authenticated,
    ]
    assert pair.client_events[-1] == pair.server_events[-1] == Authenticated("alice", "publickey")
    for side in (pair.client, pair.server):
        assert (side.user, side.method) == ("alice", "publickey")
    data = pair.client_got(SignatureNeeded)[0].data
    assert data[4:36] == SESSION
    assert (b"publickey-hostbound-v00@openssh.com" in data) is bool(extensions)


def test_an_unknown_key_is_not_signed_with() -> None:
    pair = Joined(credentials=[WRONG_KEY, KEY], decide=trusting(USER_KEY))
    assert pair.login()
    assert pair.client_got(CredentialRefused) == [
        CredentialRefused(WRONG_KEY, probed=True, methods=ALL_METHODS)
    ]
    assert len(pair.client_got(SignatureNeeded)) == 1


def test_a_key_without_a_signer_is_dropped() -> None:
    pair = Joined(credentials=[KEY], decide=trusting(USER_KEY), signers=[])
    assert not pair.login()
    refused = pair.client_got(CredentialRefused)
    assert [(event.credential, event.probed, event.reason) for event in refused] == [
        (KEY, False, "no signature was made")
    ]
    assert pair.client_events[-1] == AuthenticationFailed(("publickey",), ALL_METHODS)


@pytest.mark.parametrize("wrong", [{"client_session": b"another"}, {"server_key": OTHER_KEY}])
def test_a_signature_for_another_session_or_host_never_reaches_the_owner(wrong: dict[str, object]) -> None:
    pair = Joined(credentials=[KEY], decide=trusting(USER_KEY), extensions=HOSTBOUND, **wrong)  # type: ignore[arg-type]  # each is of its parameter's type
    assert not pair.login()
    assert not any(getattr(question.attempt, "signed", False) for question in pair.asked())
    assert pair.server.attempts == 1
    reasons = {event.reason for event in pair.server_got(AttemptRefused)}
    assert reasons <= {"the signature is wrong", "bound to another host key"}


def test_a_password() -> None:
    pair = Joined(
        credentials=[PasswordCredential("wrong"), PasswordCredential("right")], decide=decide_password
    )
    assert pair.login()
    assert [question.attempts for question in pair.asked()] == [0, 0, 1]
    assert "wrong" not in repr(pair.client_events)
    assert "right" not in repr(pair.server_events)


def test_a_password_change() -> None:
    def decide(question: AuthenticationRequested) -> Verdict:
        match question.attempt:
            case PasswordAttempt("old", None):
                return AskPasswordChange("time is up")
            case PasswordAttempt("old", "new"):
                return Accept()
            case _:
                return Refuse()

    pair = Joined(credentials=[PasswordCredential("old")], decide=decide, change=PasswordChange("old", "new"))
    assert pair.login()
    assert pair.server.attempts == 0

    pair = Joined(credentials=[PasswordCredential("old")], decide=decide, change=None)
    assert not pair.login()
    assert pair.client_got(CredentialRefused)[0].reason == "the password has expired"


def test_questions_in_any_number_of_rounds() -> None:
    rounds = [
        AskPrompts("Login", "All of it", (Prompt("Password: ", echo=False), Prompt("Colour: ", echo=True))),
        AskPrompts("", "Nearly there", ()),
        AskPrompts("", "", (Prompt("Code: ", echo=False),)),
        Accept(),
    ]
    left = iter(rounds)

    def decide(question: AuthenticationRequested) -> Verdict:
        return Refuse() if isinstance(question.attempt, NoneAttempt) else next(left)

    pair = Joined(
        credentials=[KeyboardInteractiveCredential("otp")],
        decide=decide,
        responses=[("secret", "grün"), (), ("123456",)],
    )
    assert pair.login()
    assert [question.attempt for question in pair.asked()] == [
        NoneAttempt(),
        InteractiveAttempt("otp"),
        InteractiveResponses(("secret", "grün")),
        InteractiveResponses(()),
        InteractiveResponses(("123456",)),
    ]
    assert [(event.name, event.instruction, event.prompts) for event in pair.client_got(PromptsReceived)] == [
        (asked.name, asked.instruction, asked.prompts) for asked in rounds if isinstance(asked, AskPrompts)
    ]
    assert "secret" not in repr(pair.server_events)


def test_questions_broken_off_give_way_to_the_next_request() -> None:
    def decide(question: AuthenticationRequested) -> Verdict:
        if isinstance(question.attempt, InteractiveAttempt):
            return AskPrompts("", "", (Prompt("?", echo=True),))
        return decide_password(question)

    pair = Joined(
        credentials=[KeyboardInteractiveCredential(), PasswordCredential("right")],
        decide=decide,
        responses=[None],
    )
    assert pair.login()
    assert pair.client_got(CredentialRefused)[0].reason == "broken off"
    assert pair.server.attempts == 0


def test_several_methods_in_turn() -> None:
    granted: list[str] = []

    def decide(question: AuthenticationRequested) -> Verdict:
        match question.attempt:
            case PublicKeyAttempt(signed=False):
                return Accept()
            case PublicKeyAttempt():
                granted.append("publickey")
                return PartialSuccess(("password",))
            case PasswordAttempt("right") if granted:
                return Accept()
            case _:
                return Refuse()

    pair = Joined(
        credentials=[KEY, KEY, PasswordCredential("no"), PasswordCredential("right")], decide=decide
    )
    assert pair.login()
    assert [(event.methods, event.partial_success) for event in pair.client_got(CredentialNeeded)] == [
        (ALL_METHODS, False),
        (("password",), True),
        (("password",), False),
        (("password",), False),
    ]
    refused = pair.client_got(CredentialRefused)
    assert [event.reason for event in refused] == ["the server does not offer publickey now", ""]
    assert pair.server.attempts == 1
    assert pair.client.method == pair.server.method == "password"


def test_partial_success_to_a_probe_is_pk_ok() -> None:
    def decide(question: AuthenticationRequested) -> Verdict:
        match question.attempt:
            case PublicKeyAttempt():
                return PartialSuccess(("password",))
            case _:
                return decide_password(question)

    pair = Joined(credentials=[KEY, PasswordCredential("right")], decide=decide)
    assert pair.login()
    assert len(pair.client_got(KeyAccepted)) == 1


def test_none_lets_in_where_it_is_offered() -> None:
    pair = Joined(options=server_options(methods=("none",)), decide=lambda _: Accept())
    assert pair.login()
    assert pair.client_events == [Authenticated("alice", "none")]


@pytest.mark.parametrize("methods", [(), ("none",)])
def test_no_methods_let_nobody_in(methods: tuple[str, ...]) -> None:
    pair = Joined(options=server_options(methods=methods), credentials=[PasswordCredential("right")])
    assert not pair.login()
    assert pair.client_events == [AuthenticationFailed((), ())]


def test_too_many_failures_end_the_connection() -> None:
    pair = Joined(credentials=[PasswordCredential("no")] * 6, decide=decide_password)
    with pytest.raises(ProtocolError, match="Too many authentication failures") as caught:
        pair.login()
    assert caught.value.reason is DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE
    assert pair.server.attempts == 6
    assert not pair.to_client


def test_the_banner_comes_once_and_first() -> None:
    pair = Joined(
        options=server_options(banner="Hello\r\n"),
        credentials=[PasswordCredential("no"), PasswordCredential("right")],
        decide=decide_password,
    )
    assert pair.login()
    assert pair.client_got(BannerReceived) == [BannerReceived("Hello\r\n")]
    assert isinstance(pair.client_events[0], BannerReceived)
