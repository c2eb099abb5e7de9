"""An agent: bytes of each connection in, answers out. It has no sockets and no clock.

    agent.connect() -> connection       for each client
    connection.receive_data(data, now)  what came; then
    connection.data_to_send()           what is to go
    connection.question                 a `Confirm` for the user, or None; `answer` settles it
    agent.advance(now)                  forgets keys whose time has come; returns when to call it again

A connection that waits for the user, for the end of a delay, or for its peer to read, does no more until
then, and `wants_data` says so. The others go on meanwhile.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from pyssh.agent.constraints import NO_CONSTRAINTS, decode_constraints
from pyssh.agent.destinations import Bindings, DestinationError, check_listed, check_login
from pyssh.agent.framing import MAX_MESSAGE_SIZE, FrameReader, encode_frame
from pyssh.agent.identities import take_identity
from pyssh.agent.lock import Lock
from pyssh.agent.messages import (
    QUERY,
    REQUESTS,
    RSA_SHA2_256,
    RSA_SHA2_512,
    SESSION_BIND,
    SSH_AGENTC_REMOVE_ALL_RSA_IDENTITIES,
    AddIdConstrained,
    AddIdentity,
    AddSmartcardKey,
    AddSmartcardKeyConstrained,
    Extension,
    ExtensionFailure,
    ExtensionResponse,
    Failure,
    RemoveAllIdentities,
    RemoveIdentity,
    RemoveSmartcardKey,
    RequestIdentities,
    SignRequest,
    SignResponse,
    Success,
    Unlock,
)
from pyssh.agent.messages import Lock as LockRequest
from pyssh.agent.ring import Entry, KeyRing, encode_listing
from pyssh.agent.signed_data import Login, parse_login
from pyssh.errors import DecodeError, SSHError
from pyssh.keys.private import PrivateKey
from pyssh.record import Record
from pyssh.wire.message import Message
from pyssh.wire.types import Reader, put_text, take_rest

__all__ = ["Agent", "AgentConnection", "Confirm", "LogLevel", "Moment"]

_EXTENSIONS: Final = (SESSION_BIND,)
"""What `query` answers with, which as OpenSSH has it leaves out itself."""
_RSA_ALGORITHMS: Final = {0: "ssh-rsa", RSA_SHA2_256: "rsa-sha2-256", RSA_SHA2_512: "rsa-sha2-512"}


class LogLevel(IntEnum):
    """How much a line of the log matters."""

    ERROR = 1
    VERBOSE = 2
    DEBUG = 3


class Moment(Record):
    """A time: `steady` in seconds on a clock that never jumps, and `wall` in seconds since 1970."""

    steady: float
    wall: float


class Confirm(Record):
    """A question to the user: may this key be used? `login` is set where it is known what for."""

    entry: Entry
    login: Login | None


class _Waiting(Record):
    """A request that was begun: the signature that the user is asked about, or what waits for its time."""

    request: Message
    until: float | None


class Agent:
    """What the connections have in common.

    `lifetime` is for keys that come without one. `random` gives bytes for salts. `log` takes lines in which
    texts from outside are quoted. `allows_provider` decides which libraries a security key may name.
    """

    def __init__(
        self,
        *,
        random: Callable[[int], bytes],
        log: Callable[[LogLevel, str], None],
        lifetime: float | None = None,
        allows_provider: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.ring: Final = KeyRing()
        self.lock: Final = Lock(random)
        self.log: Final = log
        self.lifetime: Final = lifetime
        self.allows_provider: Final = allows_provider

    def connect(self) -> "AgentConnection":
        """Return the state of a new connection; it needs no end."""
        return AgentConnection(self)

    def advance(self, now: Moment) -> float | None:
        """Forget keys whose time has come; return when the next one's comes, on the steady clock."""
        for entry in self.ring.expire(now.steady):
            self.log(LogLevel.DEBUG, f"expired: {_shown(entry)}")
        return self.ring.next_expiry

    def forget_all(self) -> None:
        """Forget all keys, locked or not."""
        self.ring.clear()
        self.log(LogLevel.VERBOSE, "all keys are forgotten")


class AgentConnection:
    """One client's connection, and by which hops it came."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._bindings = Bindings()
        self._reader = FrameReader()
        self._output = bytearray()
        self._waiting: _Waiting | None = None
        self.question: Confirm | None = None

    @property
    def wants_data(self) -> bool:
        """Whether to read more from the client: not while it owes us reading, or we owe it an answer."""
        return self._waiting is None and len(self._output) <= MAX_MESSAGE_SIZE

    @property
    def waits_until(self) -> float | None:
        """When to call `advance`, on the steady clock, if it waits for its time."""
        return self._waiting.until if self._waiting else None

    def receive_data(self, data: bytes, now: Moment) -> None:
        """Take bytes, and do what they ask for; `DecodeError` if the connection is to be closed."""
        self._reader.receive(data)
        self.advance(now)

    def advance(self, now: Moment) -> None:
        """Go on with what was received, as far as that is possible."""
        self._agent.advance(now)
        waiting = self._waiting
        if waiting is not None and waiting.until is not None and waiting.until <= now.steady:
            self._waiting = None
            self._reply(waiting.request, now)
        while self.wants_data:
            payload = self._reader.take()
            if payload is None:
                return
            self._handle(payload, now)

    def data_to_send(self) -> bytes:
        """Return all that is to be sent, and regard it as sent. Call `advance` when it has gone."""
        data = bytes(self._output)
        self._output.clear()
        return data

    def answer(self, confirmed: bool, now: Moment) -> None:
        """Settle the open `question`."""
        question, waiting = self.question, self._waiting
        assert question is not None
        assert waiting is not None
        assert isinstance(waiting.request, SignRequest)
        self.question = self._waiting = None
        self._agent.advance(now)
        # meanwhile the key may have gone, or the agent may have been locked
        is_held = self._agent.ring.find(question.entry.key.blob) is question.entry
        if confirmed and is_held and not self._agent.lock.is_locked:
            self._send(self._sign(question.entry, waiting.request))
        else:
            self._agent.log(LogLevel.VERBOSE, f"the user refused the use of {_shown(question.entry)}")
            self._send(Failure())
        self.advance(now)

    # --- requests

    def _handle(self, payload: bytes, now: Moment) -> None:
        declared = REQUESTS.get(payload[0])
        if payload[0] == SSH_AGENTC_REMOVE_ALL_RSA_IDENTITIES:
            declared, payload = RemoveAllIdentities, bytes((RemoveAllIdentities.number,))
        if declared is None:
            self._refuse(f"an unknown request, {payload[0]}")
            return
        try:
            request = declared.decode(payload)
        except DecodeError as error:
            self._refuse(str(error))
            return
        self._reply(request, now)

    def _reply(self, request: Message, now: Moment) -> None:
        if self._agent.lock.is_locked:
            answer = self._while_locked(request, now)
        else:
            try:
                answer = self._while_open(request, now)
            except SSHError as error:
                self._agent.log(LogLevel.ERROR, f"{type(request).__name__} refused: {error}")
                answer = Failure()
        if answer is not None:
            self._send(answer)

    def _while_locked(self, request: Message, now: Moment) -> Message | None:
        match request:
            case Unlock(passphrase):
                retry_at = self._agent.lock.retry_at
                if retry_at > now.steady:
                    self._waiting = _Waiting(request, retry_at)
                    return None
                if self._agent.lock.unlock(passphrase, now.steady):
                    self._agent.log(LogLevel.DEBUG, "unlocked")
                    return Success()
                self._agent.log(LogLevel.VERBOSE, "a wrong passphrase to unlock with")
            case RequestIdentities():
                return encode_listing([])
            case Extension(extension_type, contents) if extension_type == SESSION_BIND:
                # else the path of a connection that was opened meanwhile would not be known afterwards
                return self._bind(contents)
        return Failure()

    def _while_open(self, request: Message, now: Moment) -> Message | None:
        agent = self._agent
        match request:
            case RequestIdentities():
                return encode_listing([entry for entry in agent.ring if self._may_see(entry, now)])
            case SignRequest():
                return self._begin_signature(request, now)
            case AddIdentity(identity) | AddIdConstrained(identity):
                return self._add(identity, now)
            case RemoveIdentity(key_blob):
                return self._remove(key_blob, now)
            case RemoveAllIdentities():
                agent.forget_all()
                return Success()
            case LockRequest(passphrase) if agent.lock.lock(passphrase):
                agent.log(LogLevel.DEBUG, "locked")
                return Success()
            case Extension(extension_type, contents):
                return self._extend(extension_type, contents)
            case AddSmartcardKey() | AddSmartcardKeyConstrained() | RemoveSmartcardKey():
                agent.log(LogLevel.ERROR, "PKCS#11 tokens are not supported")
        return Failure()

    def _begin_signature(self, request: SignRequest, now: Moment) -> Message | None:
        entry = self._agent.ring.find(request.key_blob)
        if entry is None:
            self._agent.log(LogLevel.VERBOSE, "a signature with a key that is not held")
            return Failure()
        login = parse_login(request.data, entry.key)
        check_login(entry.constraints.destinations, self._bindings, login, now.wall)
        if entry.constraints.confirm:
            self._waiting = _Waiting(request, None)
            self.question = Confirm(entry, login)
            return None
        return self._sign(entry, request)

    def _sign(self, entry: Entry, request: SignRequest) -> Message:
        private = entry.held.private
        if private.key.is_security_key:
            self._agent.log(
                LogLevel.ERROR, f"{_shown(entry)} is in a security key: signing with these is not supported"
            )
            return Failure()
        try:
            signature = private.sign(_algorithm(private, request.flags), request.data)
        except SSHError as error:
            self._agent.log(LogLevel.ERROR, f"{_shown(entry)} does not sign: {error}")
            return Failure()
        self._agent.log(LogLevel.DEBUG, f"signed with {_shown(entry)}")
        return SignResponse(signature)

    def _add(self, identity: bytes, now: Moment) -> Message:
        reader = Reader(identity)
        held = take_identity(reader)
        rest = take_rest(reader)
        constraints = decode_constraints(rest) if rest else NO_CONSTRAINTS
        self._check_provider(held.private, constraints.sk_provider)
        if constraints.certificates or constraints.certificates_only:
            raise DecodeError("certificates for the keys of a token, and no token")
        lifetime = self._agent.lifetime if constraints.lifetime is None else constraints.lifetime
        entry = Entry(held, constraints, None if lifetime is None else now.steady + lifetime)
        known = self._agent.ring.find(entry.key.blob)
        if known is not None:
            check_listed(known.constraints.destinations, self._bindings, now.wall)
        self._agent.ring.put(entry)
        self._agent.log(LogLevel.DEBUG, f"added {_shown(entry)}, {_limits(entry, lifetime)}")
        return Success()

    def _check_provider(self, private: PrivateKey, provider: str | None) -> None:
        if provider is None:
            return
        if not private.key.is_security_key:
            raise DecodeError(f"a provider for a key that is in no security key but a {private.key.key_type}")
        if not self._agent.allows_provider(provider):
            raise DestinationError(f"the provider {provider[:256]!r} is not allowed")

    def _remove(self, key_blob: bytes, now: Moment) -> Message:
        entry = self._agent.ring.find(key_blob)
        if entry is None or not self._may_see(entry, now):
            return Failure()
        self._agent.ring.remove(key_blob)
        self._agent.log(LogLevel.DEBUG, f"removed {_shown(entry)}")
        return Success()

    def _extend(self, extension_type: str, contents: bytes) -> Message:
        if extension_type == QUERY:
            names = bytearray()
            for name in _EXTENSIONS:
                put_text(names, name)
            return ExtensionResponse(QUERY, bytes(names))
        if extension_type == SESSION_BIND:
            return self._bind(contents)
        self._agent.log(LogLevel.DEBUG, f"an unknown extension, {extension_type[:64]!r}")
        return Failure()

    def _bind(self, contents: bytes) -> Message:
        try:
            binding = self._bindings.bind(contents)
        except SSHError as error:
            self._agent.log(LogLevel.ERROR, f"a session that cannot be bound: {error}")
            return ExtensionFailure()
        use = "forwarding" if binding.is_forwarding else "a login"
        self._agent.log(LogLevel.DEBUG, f"bound to {binding.host_key.fingerprint()} for {use}")
        return Success()

    def _may_see(self, entry: Entry, now: Moment) -> bool:
        try:
            check_listed(entry.constraints.destinations, self._bindings, now.wall)
        except DestinationError as error:
            self._agent.log(LogLevel.DEBUG, f"{_shown(entry)} stays hidden: {error}")
            return False
        return True

    def _refuse(self, problem: str) -> None:
        self._agent.log(LogLevel.ERROR, problem)
        self._send(Failure())

    def _send(self, message: Message) -> None:
        self._output += encode_frame(message)


def _algorithm(private: PrivateKey, flags: int) -> str:
    """Return the signature algorithm that the flags ask for; `DecodeError` for flags that nobody knows."""
    if flags & ~(RSA_SHA2_256 | RSA_SHA2_512):
        # RFC 9987 section 5.6.1: what is not supported must not be passed over
        raise DecodeError(f"unknown flags {flags:#x}")
    if private.key.key_type != "ssh-rsa":
        return private.key.signature_algorithms[0]
    # both at once: the order is OpenSSH's. Neither: SHA-1, for clients from before RFC 8332, as it does
    return _RSA_ALGORITHMS[flags & RSA_SHA2_256 or flags]


def _shown(entry: Entry) -> str:
    comment = entry.held.comment[:100].decode(errors="replace")
    return f"{entry.key.key_type} {entry.key.fingerprint()} {comment!r}"


def _limits(entry: Entry, lifetime: float | None) -> str:
    confirm = "to be confirmed" if entry.constraints.confirm else "without confirmation"
    span = "forever" if lifetime is None else f"for {lifetime:.0f} seconds"
    return f"{span}, {confirm}, {len(entry.constraints.destinations)} destination constraints"
