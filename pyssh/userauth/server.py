"""`ServerAuthentication`: the server's side of RFC 4252 and RFC 4256.

The engine hands it messages 5, 6 and 50-79. It decides what is well-formed, offered and rightly signed; who
gets in is the owner's answer to `AuthenticationRequested`, and without an answer nobody does.
"""

from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final, assert_never

from pyssh.errors import DisconnectReason, ProtocolError, UsageError
from pyssh.events import (
    Accept,
    AnyEvent,
    AskPasswordChange,
    AskPrompts,
    Attempt,
    AttemptRefused,
    Authenticated,
    AuthenticationRequested,
    InteractiveAttempt,
    InteractiveResponses,
    NoneAttempt,
    PartialSuccess,
    PasswordAttempt,
    PublicKeyAttempt,
    Refuse,
    Verdict,
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
from pyssh.options import ServerOptions
from pyssh.userauth.methods import (
    METHODS,
    AttemptRejectedError,
    Session,
    decode_responses,
    encode_prompts,
)
from pyssh.userauth.signed_data import SERVICE
from pyssh.wire.message import Message

__all__ = ["MAX_REQUESTS", "TRANSITIONS", "ServerAuthentication", "State"]

USERAUTH_SERVICE: Final = "ssh-userauth"

MAX_REQUESTS: Final = 1024
"""Requests in one connection, also those that are no failed attempts. The number is OpenSSH's."""


class State(Enum):
    """Where a server stands."""

    SERVICE = auto()
    READY = auto()
    DECIDING = auto()
    PROMPTING = auto()
    SUCCEEDED = auto()
    CLOSED = auto()


_REQUESTED: Final = frozenset({State.DECIDING, State.READY, State.CLOSED})

TRANSITIONS: Final[Mapping[tuple[State, type[Message | Verdict]], frozenset[State]]] = {
    (State.SERVICE, ServiceRequest): frozenset({State.READY}),
    # paramiko asks for the service anew before each attempt
    (State.READY, ServiceRequest): frozenset({State.READY, State.CLOSED}),
    (State.PROMPTING, ServiceRequest): frozenset({State.READY, State.CLOSED}),
    (State.READY, UserauthRequest): _REQUESTED,
    # a new request aborts the questions of the last one (RFC 4252 section 5.1)
    (State.PROMPTING, UserauthRequest): _REQUESTED,
    (State.PROMPTING, UserauthInfoResponse): _REQUESTED,
    (State.DECIDING, Accept): frozenset({State.SUCCEEDED, State.READY}),
    (State.DECIDING, Refuse): frozenset({State.READY, State.CLOSED}),
    (State.DECIDING, PartialSuccess): frozenset({State.READY}),
    (State.DECIDING, AskPrompts): frozenset({State.PROMPTING}),
    (State.DECIDING, AskPasswordChange): frozenset({State.READY}),
}
"""What may come, and where it may lead."""

_Received = ServiceRequest | UserauthRequest | UserauthInfoResponse

_RECEIVED: Final[Mapping[int, type[_Received]]] = {
    cls.number: cls for cls in (ServiceRequest, UserauthRequest, UserauthInfoResponse)
}

_SENT_BY_SERVERS: Final[Mapping[int, type[Message]]] = {
    cls.number: cls
    for cls in (ServiceAccept, UserauthFailure, UserauthSuccess, UserauthBanner, UserauthInfoRequest)
}


class ServerAuthentication:
    """Authenticates one client.

    `session_identifier` and `host_key` are those of the first key exchange. The count of `attempts` is for
    the connection; everything else starts afresh when the client changes its user name, so an owner that
    wants several methods must keep what it already granted by user name.

    Of all this only `user` and `method` outlive success. How long it may take is the engine's to watch.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        session_identifier: bytes,
        host_key: PublicKey,
        extensions: Mapping[str, bytes],
        send: Callable[[Message], None],
        emit: Callable[[AnyEvent], None],
    ) -> None:
        self._options = options
        self._session = Session(options, session_identifier, host_key)
        self._send = send
        self._emit = emit
        self._state = State.SERVICE
        self._user: str | None = None
        self._method = ""
        self._methods = options.methods
        self._banner = options.banner
        self._none_is_free = True
        self._requests = 0
        self._prompts_asked = 0
        self._question: AuthenticationRequested | None = None
        self.extensions: Final = extensions
        self.attempts = 0

    @property
    def state(self) -> State:
        """Where the machine stands."""
        return self._state

    @property
    def waiting(self) -> bool:
        """Whether a question is open. Nothing may be received until it is settled."""
        return self._state is State.DECIDING

    @property
    def succeeded(self) -> bool:
        """Whether the user is in."""
        return self._state is State.SUCCEEDED

    @property
    def user(self) -> str:
        """The user name of the latest request; empty before the first."""
        return self._user or ""

    @property
    def method(self) -> str:
        """The method that let the user in; empty before."""
        return self._method

    # --- from the client

    def receive(self, payload: memoryview) -> bool:
        """Handle one payload; False if its number means nothing here."""
        if self.succeeded:
            return True  # requests behind the one that succeeded are ignored (RFC 4252 section 5.1)
        number = payload[0]
        received = _RECEIVED.get(number)
        if received is None:
            if number in _SENT_BY_SERVERS:
                raise ProtocolError(f"{_SENT_BY_SERVERS[number].__name__} is not a client's to send")
            return False
        if (self._state, received) not in TRANSITIONS:
            raise ProtocolError(f"{received.__name__} came in state {self._state.name}")
        message = received.decode(payload)
        match message:
            case ServiceRequest():
                state = self._receive_service_request(message)
            case UserauthRequest():
                state = self._receive_request(message)
            case UserauthInfoResponse():
                state = self._receive_responses(message)
            case _:
                assert_never(message)
        self._enter(received, state)
        return True

    def _enter(self, cause: type[Message | Verdict], state: State) -> None:
        assert state in TRANSITIONS[self._state, cause], (self._state, cause, state)
        self._state = state
        if state is State.CLOSED:
            # OpenSSH's words, which its users know
            raise ProtocolError(
                "Too many authentication failures", DisconnectReason.NO_MORE_AUTH_METHODS_AVAILABLE
            )

    def _receive_service_request(self, message: ServiceRequest) -> State:
        if message.service_name != USERAUTH_SERVICE:
            raise ProtocolError("service not available", DisconnectReason.SERVICE_NOT_AVAILABLE)
        self._requests += 1
        if self._requests > MAX_REQUESTS:
            return State.CLOSED
        self._send(ServiceAccept(USERAUTH_SERVICE))
        return State.READY

    def _receive_request(self, message: UserauthRequest) -> State:
        self._requests += 1
        if self._requests > MAX_REQUESTS:
            return State.CLOSED
        self._take_user(message)
        if self._banner:
            self._send(UserauthBanner(self._banner.encode(), ""))
            self._banner = ""
        method = METHODS.get(message.method_name)
        if method is None or not self._may_try(method.name):
            return self._reject(message.method_name[:64], "method not offered")
        try:
            attempt = method.attempt(message, self._session)
        except AttemptRejectedError as rejected:
            return self._reject(method.name, str(rejected))
        return self._ask(attempt)

    def _take_user(self, message: UserauthRequest) -> None:
        if message.service_name != SERVICE:
            raise ProtocolError("service not available", DisconnectReason.SERVICE_NOT_AVAILABLE)
        user = message.user_name
        # a NUL would end the name early in some look-ups and not in others
        if len(user.encode()) > self._options.limits.user_name_size or "\0" in user:
            raise ProtocolError("illegal user name", DisconnectReason.ILLEGAL_USER_NAME)
        if user != self._user:
            self._user = user
            self._methods = self._options.methods

    def _may_try(self, name: str) -> bool:
        """Whether a method is worth asking about: any that can continue, and `none` for their list."""
        return name in self._methods or (name == "none" and bool(self._methods))

    def _receive_responses(self, message: UserauthInfoResponse) -> State:
        try:
            responses = decode_responses(message, self._prompts_asked, self._options.limits)
        except AttemptRejectedError as rejected:
            return self._reject(InteractiveResponses.method, str(rejected))
        return self._ask(InteractiveResponses(responses))

    def _ask(self, attempt: Attempt) -> State:
        self._question = AuthenticationRequested(self.user, SERVICE, attempt, self.attempts)
        self._emit(self._question)
        return State.DECIDING

    def _reject(self, method: str, reason: str) -> State:
        self._emit(AttemptRefused(self.user, method, reason))
        return self._refuse(method)

    def _refuse(self, method: str) -> State:
        """Count and say no. The first `none` is free: it only asks for the list."""
        if method == "none" and self._none_is_free:
            self._none_is_free = False
        else:
            self.attempts += 1
        if self.attempts >= self._options.authentication_attempts:
            return State.CLOSED
        self._send_failure(partial_success=False)
        return State.READY

    def _send_failure(self, *, partial_success: bool) -> None:
        # `none` must not be listed (RFC 4252 section 5.2)
        listed = tuple(name for name in self._methods if name != "none")
        self._send(UserauthFailure(listed, partial_success))

    # --- from the owner

    def answer(self, question: AuthenticationRequested, verdict: Verdict) -> None:
        """Settle the open question.

        `PartialSuccess` to a probe says the same as `Accept`. `UsageError`, with the question still open, for
        a verdict that does not fit the attempt, names methods that the options do not, or lets somebody in
        by a method that is not offered.
        """
        if not self.waiting or question is not self._question:
            raise UsageError("this question is not open")
        match verdict:
            case Accept():
                state = self._accept(question.attempt)
            case Refuse():
                self._take_methods(verdict.methods)
                state = self._refuse(question.attempt.method)
            case PartialSuccess():
                state = self._accept_partly(question.attempt, verdict)
            case AskPrompts():
                state = self._ask_prompts(question.attempt, verdict)
            case AskPasswordChange():
                state = self._ask_password_change(question.attempt, verdict)
            case _:
                raise UsageError(f"{type(verdict).__name__} is no verdict")
        self._enter(type(verdict), state)

    def send_banner(self, text: str) -> None:
        """Show a text to the user; `UsageError` unless authentication is going on."""
        if self._state in {State.SERVICE, State.SUCCEEDED, State.CLOSED}:
            raise UsageError("a banner belongs between the first request and success")
        self._send(UserauthBanner(text.encode(), ""))

    def _accept(self, attempt: Attempt) -> State:
        if attempt.method not in self._methods:
            raise UsageError(f"{attempt.method} is not offered")
        if isinstance(attempt, PublicKeyAttempt) and not attempt.signed:
            self._send(UserauthPkOk(attempt.algorithm, attempt.key.blob))
            return State.READY
        self._method = attempt.method
        self._send(UserauthSuccess())
        self._emit(Authenticated(self.user, attempt.method))
        return State.SUCCEEDED

    def _accept_partly(self, attempt: Attempt, verdict: PartialSuccess) -> State:
        if isinstance(attempt, NoneAttempt):
            raise UsageError("there is nothing right about no proof")
        if isinstance(attempt, PublicKeyAttempt) and not attempt.signed:
            return self._accept(attempt)
        self._take_methods(verdict.methods)
        self._send_failure(partial_success=True)
        return State.READY

    def _take_methods(self, methods: tuple[str, ...] | None) -> None:
        if methods is None:
            return
        for name in methods:
            if name not in self._options.methods:
                raise UsageError(f"{name} is not among the methods of the options")
        self._methods = methods

    def _ask_prompts(self, attempt: Attempt, verdict: AskPrompts) -> State:
        if not isinstance(attempt, InteractiveAttempt | InteractiveResponses):
            raise UsageError("only keyboard-interactive has prompts")
        self._prompts_asked = len(verdict.prompts)
        self._send(encode_prompts(verdict.name, verdict.instruction, verdict.prompts))
        return State.PROMPTING

    def _ask_password_change(self, attempt: Attempt, verdict: AskPasswordChange) -> State:
        if not isinstance(attempt, PasswordAttempt):
            raise UsageError("only a password can be changed")
        self._send(UserauthPasswdChangereq(verdict.prompt, ""))
        return State.READY
