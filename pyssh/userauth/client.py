"""`ClientAuthentication`: the client's side of RFC 4252 and RFC 4256.

The engine hands it messages 5, 6 and 50-79. It asks its owner what to try, keeps to the server's list of
methods, and has keys sign only what the server would take.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Any, Final, TypeVar, assert_never

from pyssh.errors import ProtocolError, UsageError
from pyssh.events import (
    AnyEvent,
    Authenticated,
    AuthenticationFailed,
    BannerReceived,
    Credential,
    CredentialNeeded,
    CredentialRefused,
    KeyAccepted,
    PasswordChange,
    PasswordChangeNeeded,
    PromptsReceived,
    PublicKeyCredential,
    Question,
    SignatureNeeded,
)
from pyssh.keys.public import PublicKey
from pyssh.messages.transport import ServiceAccept, ServiceRequest
from pyssh.messages.userauth import (
    UserauthBanner,
    UserauthFailure,
    UserauthInfoRequest,
    UserauthInfoResponse,
    UserauthPasswdChangereq,
    UserauthPkOk,
    UserauthRequest,
    UserauthSuccess,
)
from pyssh.options import ClientOptions
from pyssh.record import Record
from pyssh.userauth.methods import (
    METHODS,
    REPLY_NUMBER,
    Reply,
    choose_algorithm,
    decode_prompts,
    encode_responses,
    password_change_fields,
)
from pyssh.userauth.signed_data import SERVICE, signature_request, signed_data
from pyssh.wire.message import Message
from pyssh.wire.types import put_string

__all__ = ["TRANSITIONS", "ClientAuthentication", "State"]

USERAUTH_SERVICE: Final = "ssh-userauth"

A = TypeVar("A")


class State(Enum):
    """Where a client stands."""

    NEW = auto()
    SERVICE = auto()
    LISTING = auto()
    CHOOSING = auto()
    PROBING = auto()
    SIGNING = auto()
    WAITING = auto()
    ANSWERING = auto()
    CHANGING = auto()
    SUCCEEDED = auto()
    EXHAUSTED = auto()


_ASKING: Final = frozenset({State.CHOOSING, State.SIGNING, State.ANSWERING, State.CHANGING})
_FAILED: Final = frozenset({State.CHOOSING, State.EXHAUSTED})
_IN: Final = frozenset({State.SUCCEEDED})

TRANSITIONS: Final[Mapping[tuple[State, type[Message | Question[Any]]], frozenset[State]]] = {
    (State.SERVICE, ServiceAccept): frozenset({State.LISTING}),
    (State.LISTING, UserauthFailure): _FAILED,
    (State.PROBING, UserauthFailure): _FAILED,
    (State.WAITING, UserauthFailure): _FAILED,
    (State.LISTING, UserauthSuccess): _IN,
    (State.PROBING, UserauthSuccess): _IN,
    (State.WAITING, UserauthSuccess): _IN,
    (State.PROBING, UserauthPkOk): frozenset({State.SIGNING}),
    (State.WAITING, UserauthPasswdChangereq): frozenset({State.CHANGING}),
    (State.WAITING, UserauthInfoRequest): frozenset({State.ANSWERING}),
    **{
        (state, UserauthBanner): frozenset({state})
        for state in (State.LISTING, State.PROBING, State.WAITING, State.EXHAUSTED)
    },
    (State.CHOOSING, CredentialNeeded): frozenset(
        {State.PROBING, State.WAITING, State.CHOOSING, State.EXHAUSTED}
    ),
    (State.SIGNING, SignatureNeeded): frozenset({State.WAITING, State.CHOOSING}),
    (State.ANSWERING, PromptsReceived): frozenset({State.WAITING, State.CHOOSING}),
    (State.CHANGING, PasswordChangeNeeded): frozenset({State.WAITING, State.CHOOSING}),
}
"""What may come, from the server or as the answer to a question, and where it may lead."""

_Received = ServiceAccept | UserauthFailure | UserauthSuccess | UserauthBanner | Reply

_RECEIVED: Final[Mapping[int, type[_Received]]] = {
    cls.number: cls for cls in (ServiceAccept, UserauthFailure, UserauthSuccess, UserauthBanner)
}

_SENT_BY_CLIENTS: Final[Mapping[int, type[Message]]] = {
    cls.number: cls for cls in (ServiceRequest, UserauthRequest, UserauthInfoResponse)
}


_Question = CredentialNeeded | SignatureNeeded | PromptsReceived | PasswordChangeNeeded


class _Trying(Record):
    """A credential that was sent: `given` by the owner, `used` with its algorithm chosen."""

    given: Credential
    used: Credential


class ClientAuthentication:
    """Authenticates `options.user` to one server.

    `session_identifier` and `host_key` are those of the first key exchange, `extensions` the server's
    EXT_INFO so far. Questions come one at a time.
    """

    def __init__(
        self,
        options: ClientOptions,
        *,
        session_identifier: bytes,
        host_key: PublicKey,
        extensions: Mapping[str, bytes],
        send: Callable[[Message], None],
        emit: Callable[[AnyEvent], None],
    ) -> None:
        self._options = options
        self._session_identifier = session_identifier
        self._host_key = host_key
        self._extensions = extensions
        self._send = send
        self._emit = emit
        self._state = State.NEW
        self._method = ""
        self._question: _Question | None = None
        self._trying: _Trying | None = None
        self._signing = b""
        self._methods: tuple[str, ...] = ()
        self._tried: list[str] = []
        self._rounds = 0
        self._banner_bytes = 0

    @property
    def state(self) -> State:
        """Where the machine stands."""
        return self._state

    @property
    def waiting(self) -> bool:
        """Whether a question is open. Nothing may be received until it is settled."""
        return self._state in _ASKING

    @property
    def succeeded(self) -> bool:
        """Whether the user is in."""
        return self._state is State.SUCCEEDED

    @property
    def user(self) -> str:
        """Who asks to be let in."""
        return self._options.user

    @property
    def method(self) -> str:
        """The method that let the user in; empty before."""
        return self._method

    def update_extensions(self, extensions: Mapping[str, bytes]) -> None:
        """Take the server's EXT_INFO; a second one may come just before success (RFC 8308 section 2.4)."""
        self._extensions = extensions

    def start(self) -> None:
        """Ask for the service (RFC 4253 section 10)."""
        if self._state is not State.NEW:
            raise UsageError("authentication was started before")
        self._send(ServiceRequest(USERAUTH_SERVICE))
        self._state = State.SERVICE

    # --- from the server

    def receive(self, payload: memoryview) -> bool:
        """Handle one payload; False if its number means nothing here."""
        number = payload[0]
        received = self._running_reply() if number == REPLY_NUMBER else _RECEIVED.get(number)
        if received is None:
            if number in _SENT_BY_CLIENTS:
                raise ProtocolError(f"{_SENT_BY_CLIENTS[number].__name__} is not a server's to send")
            return False
        if (self._state, received) not in TRANSITIONS:
            raise ProtocolError(f"{received.__name__} came in state {self._state.name}")
        message = received.decode(payload)
        match message:
            case UserauthBanner():
                state = self._receive_banner(message, len(payload))
            case UserauthFailure():
                state = self._receive_failure(message)
            case UserauthSuccess():
                state = self._receive_success()
            case ServiceAccept():
                state = self._receive_service_accept(message)
            case _:
                state = self._receive_reply(message)
        self._enter(received, state)
        return True

    def _receive_reply(self, message: Reply) -> State:
        assert self._trying is not None
        match message:
            case UserauthPkOk():
                return self._receive_pk_ok(message, self._trying.used)
            case UserauthPasswdChangereq():
                return self._receive_change_request(message)
            case UserauthInfoRequest():
                return self._receive_info_request(message)
            case _:
                assert_never(message)

    def _running_reply(self) -> type[Reply]:
        """Return what number 60 means now. Without a method it is PK_OK, which then has no table row."""
        return UserauthPkOk if self._trying is None else METHODS[self._trying.used.method].reply

    def _enter(self, cause: type[Message | Question[Any]], state: State) -> None:
        assert state in TRANSITIONS[self._state, cause], (self._state, cause, state)
        self._state = state

    def _receive_service_accept(self, message: ServiceAccept) -> State:
        if message.service_name != USERAUTH_SERVICE:
            raise ProtocolError("the server accepted a service that was not asked for")
        self._request("none", METHODS["none"].fields(None))
        return State.LISTING

    def _receive_banner(self, message: UserauthBanner, size: int) -> State:
        self._banner_bytes += size
        if self._banner_bytes > self._options.limits.banner_size:
            raise ProtocolError("too much banner")
        self._emit(BannerReceived(message.message.decode("utf-8", "replace")))
        return self._state

    def _receive_failure(self, message: UserauthFailure) -> State:
        self._methods = message.authentications_that_can_continue
        if len(self._methods) > self._options.limits.name_list_names:
            raise ProtocolError("too many authentication methods")
        if self._trying is not None and not message.partial_success:
            self._emit(CredentialRefused(self._trying.given, self._state is State.PROBING, self._methods))
        if not self._methods:
            return self._give_up()
        return self._choose(partial_success=message.partial_success)

    def _receive_success(self) -> State:
        self._method = "none" if self._trying is None else self._trying.used.method
        self._emit(Authenticated(self.user, self._method))
        return State.SUCCEEDED

    def _receive_pk_ok(self, message: UserauthPkOk, credential: Credential) -> State:
        assert isinstance(credential, PublicKeyCredential)
        assert credential.algorithm is not None
        key, algorithm = credential.key, credential.algorithm
        # servers older than RFC 8332 name the key type here; OpenSSH's client takes that too
        if message.public_key != key.blob or message.algorithm_name not in key.signature_algorithms:
            raise ProtocolError("the server accepted a key that was not offered")
        self._emit(KeyAccepted(key, algorithm))
        bound = self._extensions.get("publickey-hostbound@openssh.com") == b"0"
        self._signing = signature_request(self.user, key, algorithm, self._host_key if bound else None)
        data = signed_data(self._session_identifier, self._signing)
        self._ask(SignatureNeeded(key, algorithm, data, "user"))
        return State.SIGNING

    def _receive_change_request(self, message: UserauthPasswdChangereq) -> State:
        if len(message.prompt) > self._options.limits.prompt_size:
            raise ProtocolError("too long a question")
        self._count_round()
        self._ask(PasswordChangeNeeded(message.prompt))
        return State.CHANGING

    def _receive_info_request(self, message: UserauthInfoRequest) -> State:
        prompts = decode_prompts(message, self._options.limits)
        self._count_round()
        self._ask(PromptsReceived(message.name, message.instruction, prompts))
        return State.ANSWERING

    def _count_round(self) -> None:
        self._rounds += 1
        if self._rounds > self._options.limits.keyboard_interactive_rounds:
            raise ProtocolError("too many questions")

    # --- to the server

    def _request(self, method: str, fields: bytes) -> None:
        self._send(UserauthRequest(self.user, SERVICE, method, fields))

    def _ask(self, question: _Question) -> None:
        self._question = question
        self._emit(question)

    def _choose(self, *, partial_success: bool = False) -> State:
        self._ask(CredentialNeeded(self._methods, partial_success))
        return State.CHOOSING

    def _give_up(self) -> State:
        self._emit(AuthenticationFailed(tuple(self._tried), self._methods))
        return State.EXHAUSTED

    # --- from the owner

    def answer(self, question: Question[A], answer: A) -> None:
        """Settle the open question; `UsageError` if it is another or the answer cannot be one to it."""
        asked = self._question
        if not self.waiting or asked is None or question is not asked:
            raise UsageError("this question is not open")
        given: Any = answer
        match asked:
            case CredentialNeeded():
                state = self._try(given)
            case SignatureNeeded():
                state = self._prove(given)
            case PromptsReceived():
                state = self._respond(asked, given)
            case PasswordChangeNeeded():
                state = self._change_password(given)
            case _:
                assert_never(asked)
        self._enter(type(asked), state)

    def _try(self, given: Credential | None) -> State:
        if given is None:
            return self._give_up()
        if given.method not in self._methods:
            return self._drop(given, f"the server does not offer {given.method} now")
        used = given
        if isinstance(given, PublicKeyCredential):
            server_sig_algs = self._extensions.get("server-sig-algs", b"")
            algorithm = choose_algorithm(given, self._options, server_sig_algs)
            if algorithm is None:
                return self._drop(given, "no signature algorithm in common with the server")
            used = given.replace(algorithm=algorithm)
        fields = METHODS[used.method].fields(used)
        self._trying = _Trying(given, used)
        self._rounds = 0
        if used.method not in self._tried:
            self._tried.append(used.method)
        self._request(used.method, fields)
        return State.PROBING if isinstance(used, PublicKeyCredential) else State.WAITING

    def _drop(self, given: Credential, reason: str) -> State:
        """Ask for another credential without the server's having refused this one."""
        self._emit(CredentialRefused(given, False, self._methods, reason))
        return self._choose()

    def _drop_running(self, reason: str) -> State:
        assert self._trying is not None
        return self._drop(self._trying.given, reason)

    def _prove(self, signature: bytes | None) -> State:
        if signature is None:
            return self._drop_running("no signature was made")
        payload = bytearray(self._signing)
        put_string(payload, signature)
        self._send(UserauthRequest.decode(payload))
        return State.WAITING

    def _respond(self, asked: PromptsReceived, responses: tuple[str, ...] | None) -> State:
        if responses is None:
            return self._drop_running("broken off")
        if len(responses) != len(asked.prompts):
            raise UsageError(f"{len(asked.prompts)} answers are wanted")
        self._send(encode_responses(responses))
        return State.WAITING

    def _change_password(self, change: PasswordChange | None) -> State:
        if change is None:
            return self._drop_running("the password has expired")
        self._request("password", password_change_fields(change))
        return State.WAITING
