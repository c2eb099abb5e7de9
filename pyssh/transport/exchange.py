"""The key exchange machine (RFC 4253 section 7), one object per exchange, both roles.

NEW -> INIT_SENT -> METHOD -> TRUST -> KEYS_SENT -> DONE. It waits in METHOD also while a server's host key
signs, and in TRUST while a client's owner looks at the host key; both are blocking questions.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, assert_never

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.kex import KEX, KexReply, KexResult
from pyssh.errors import DisconnectReason, KeyFormatError, ProtocolError
from pyssh.events import AnyEvent, HostKeyQuestion, SignatureNeeded
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.messages.transport import KexInit, NewKeys
from pyssh.options import ClientOptions, Options, ServerOptions
from pyssh.record import Record
from pyssh.transport.derivation import HashedBeginning, KeySource, exchange_hash
from pyssh.transport.negotiation import (
    EXT_INFO_CLIENT,
    EXT_INFO_SERVER,
    STRICT_CLIENT,
    STRICT_SERVER,
    Negotiated,
    negotiate,
)
from pyssh.wire.message import Message


class State(Enum):
    """Where an exchange stands."""

    NEW = "new"
    INIT_SENT = "our KEXINIT sent"
    METHOD = "method running"
    TRUST = "host key under question"
    KEYS_SENT = "our NEWKEYS sent"
    DONE = "done"


class Input(Enum):
    """What moves an exchange: a message of the peer, or an answer of the owner."""

    KEXINIT = "KEXINIT"
    METHOD = "a message of the method"
    TRUST = "an answer about the host key"
    SIGNATURE = "a signature by the host key"
    NEWKEYS = "NEWKEYS"


TRANSITIONS: Final[Mapping[tuple[State, Input], frozenset[State]]] = {
    (State.INIT_SENT, Input.KEXINIT): frozenset({State.METHOD}),
    (State.METHOD, Input.METHOD): frozenset({State.METHOD, State.TRUST, State.KEYS_SENT}),
    (State.METHOD, Input.SIGNATURE): frozenset({State.KEYS_SENT}),
    (State.TRUST, Input.TRUST): frozenset({State.KEYS_SENT}),
    (State.KEYS_SENT, Input.NEWKEYS): frozenset({State.DONE}),
}


class Identifications(Record):
    """The two identification lines, without line ends."""

    client: bytes
    server: bytes


class Outcome(Record):
    """What a finished exchange leaves behind."""

    negotiated: Negotiated
    keys: KeySource
    host_key: PublicKey
    signature: bytes


class KeyExchange:
    """One key exchange.

    `send` sends at once, whatever else waits; `observe` sees the method's messages. `keys_ready(outcome)`
    is called when our NEWKEYS has been written: what we send switches then; what we receive switches when
    `receive_newkeys` returns. `session_identifier` and `host_key` are those of the first exchange, None in
    it.
    """

    def __init__(
        self,
        options: Options,
        *,
        is_client: bool,
        session_identifier: bytes | None,
        host_key: PublicKey | None,
        send: Callable[[Message], None],
        observe: Callable[[str, Message], None],
        emit: Callable[[AnyEvent], None],
        keys_ready: Callable[[Outcome], None],
    ) -> None:
        self._options = options
        self._is_client = is_client
        self._session_identifier = session_identifier
        self._required_host_key = host_key
        self._send = send
        self._observe = observe
        self._emit = emit
        self._keys_ready = keys_ready
        self._our_init: KexInit | None = None
        self._inits = (b"", b"")
        self._skip_guess = False
        self.state = State.NEW
        self.negotiated: Negotiated | None = None
        self.question: HostKeyQuestion | SignatureNeeded | None = None
        self.outcome: Outcome | None = None

    @property
    def first(self) -> bool:
        """Whether this is the connection's first exchange."""
        return self._session_identifier is None

    def start(self) -> None:
        """Send our KEXINIT, unasked, and on a guess what follows it."""
        guess = isinstance(self._options, ClientOptions) and self._options.guess_kex
        self._send_init(guess=guess)
        self.state = State.INIT_SENT
        if guess:
            self._start_method(self._options.algorithms.kex[0])

    def _send_init(self, *, guess: bool) -> None:
        self._our_init = _our_kexinit(self._options, is_client=self._is_client, first=self.first, guess=guess)
        self._send(self._our_init)

    def _start_method(self, name: str) -> None:
        self._spec = KEX[name]
        if self._is_client:
            self._client = self._spec.client(self._options.random, self._key_bits())
            self._send(self._client.start())
        else:
            self._server = self._spec.server(self._options.random)

    def _key_bits(self) -> int:
        """Return how strong the ciphers are that the exchange makes keys for; on a guess, our first one."""
        if self.negotiated is None:
            return CIPHERS[self._options.algorithms.ciphers[0]].key_bits
        agreed = self.negotiated.algorithms
        both = (agreed.cipher_client_to_server, agreed.cipher_server_to_client)
        return max(CIPHERS[name].key_bits for name in both)

    def _enter(self, given: Input, state: State) -> None:
        assert state in TRANSITIONS[self.state, given], (self.state, given, state)
        self.state = state

    def _expect(self, given: Input) -> None:
        if (self.state, given) not in TRANSITIONS:
            raise ProtocolError(
                f"{given.value} while {self.state.value}", DisconnectReason.KEY_EXCHANGE_FAILED
            )

    # --- messages

    def receive_kexinit(self, payload: bytes, identifications: Identifications) -> None:
        """Take the peer's KEXINIT; choose, and start the method if we are the client."""
        self._identifications = identifications
        self._expect(Input.KEXINIT)
        limits = self._options.limits
        if len(payload) > limits.kexinit_size:
            raise ProtocolError("the KEXINIT is too large", DisconnectReason.KEY_EXCHANGE_FAILED)
        theirs = KexInit.decode(payload)
        if any(
            isinstance(names := getattr(theirs, field), tuple) and len(names) > limits.name_list_names
            for field in KexInit.__match_args__
        ):
            raise ProtocolError(
                "a name-list of the KEXINIT is too long", DisconnectReason.KEY_EXCHANGE_FAILED
            )
        ours = self._our_init
        assert ours is not None
        client, server = (ours, theirs) if self._is_client else (theirs, ours)
        encoded = ours.encode()
        self._inits = (encoded, payload) if self._is_client else (payload, encoded)
        self.negotiated = negotiated = negotiate(client, server, is_client=self._is_client)
        self._skip_guess = negotiated.server_guess_wrong if self._is_client else negotiated.client_guess_wrong
        self._enter(Input.KEXINIT, State.METHOD)
        if not ours.first_kex_packet_follows or negotiated.client_guess_wrong:
            self._start_method(negotiated.algorithms.kex)

    def receive_method(self, payload: memoryview) -> None:
        """Take one of the messages 30-49."""
        if self._skip_guess and self.state is State.METHOD:
            self._skip_guess = False
            return
        self._expect(Input.METHOD)
        declared = self._spec.messages.get(payload[0])
        if declared is None:
            raise ProtocolError(
                f"message {payload[0]} is not one of {self._spec.name}", DisconnectReason.KEY_EXCHANGE_FAILED
            )
        message = declared.decode(payload)
        self._observe("received", message)
        step = self._client.receive(message) if self._is_client else self._server.receive(message)
        match step:
            case KexReply():
                self._check_host_key(step)
            case KexResult():
                self._ask_signature(step)
            case Message():
                self._send(step)
                self._enter(Input.METHOD, State.METHOD)
            case _:
                assert_never(step)

    def receive_newkeys(self, payload: memoryview) -> Outcome:
        """Take the peer's NEWKEYS: the exchange is done, inbound keys switch now."""
        self._expect(Input.NEWKEYS)
        NewKeys.decode(payload)
        self._enter(Input.NEWKEYS, State.DONE)
        assert self.outcome is not None
        return self.outcome

    # --- client

    def _check_host_key(self, reply: KexReply) -> None:
        assert self.negotiated is not None
        algorithm = self.negotiated.algorithms.host_key
        host_key = self._decode_host_key(reply.host_key, algorithm)
        keys = self._key_source(reply.result, reply.host_key)
        if not host_key.verify(algorithm, reply.signature, keys.exchange_hash):
            raise ProtocolError(
                "the host key's signature is wrong: this is not the server that owns the key",
                DisconnectReason.KEY_EXCHANGE_FAILED,
            )
        self.outcome = Outcome(self.negotiated, keys, host_key, reply.signature)
        if self._required_host_key is None:
            self._enter(Input.METHOD, State.TRUST)
            self.question = HostKeyQuestion(host_key, algorithm)
            self._emit(self.question)
            return
        if host_key != self._required_host_key:
            raise ProtocolError(
                "the host key changed during the connection", DisconnectReason.HOST_KEY_NOT_VERIFIABLE
            )
        self._send_newkeys(Input.METHOD)

    def _decode_host_key(self, blob: bytes, algorithm: str) -> PublicKey:
        limits = self._options.limits
        reason = DisconnectReason.HOST_KEY_NOT_VERIFIABLE
        if len(blob) > limits.key_blob_size:
            raise ProtocolError("the host key is too large", reason)
        try:
            host_key = decode_public_key(blob)
        except KeyFormatError as error:
            raise ProtocolError(f"bad host key: {error}", reason) from None
        if algorithm not in host_key.signature_algorithms:
            raise ProtocolError(f"a host key of type {host_key.key_type} for {algorithm}", reason)
        if host_key.plain.key_type == "ssh-rsa" and host_key.bits < limits.rsa_bits:
            raise ProtocolError(f"the RSA host key has only {host_key.bits} bits", reason)
        return host_key

    def answer_host_key(self, trusted: bool) -> None:
        """Go on, or end the connection."""
        self.question = None
        if trusted is not True:
            raise ProtocolError("host key not verifiable", DisconnectReason.HOST_KEY_NOT_VERIFIABLE)
        self._send_newkeys(Input.TRUST)

    # --- server

    def _ask_signature(self, result: KexResult) -> None:
        assert self.negotiated is not None
        algorithm = self.negotiated.algorithms.host_key
        host_key = _host_key_for(self._options, algorithm)
        keys = self._key_source(result, host_key.blob)
        self.outcome = Outcome(self.negotiated, keys, host_key, b"")
        self._enter(Input.METHOD, State.METHOD)
        self.question = SignatureNeeded(host_key, algorithm, keys.exchange_hash, "host key")
        self._emit(self.question)

    def answer_signature(self, signature: bytes | None) -> None:
        """Send the reply and our NEWKEYS; without a signature the connection ends."""
        self.question = None
        if signature is None:
            raise ProtocolError("the host key cannot sign", DisconnectReason.KEY_EXCHANGE_FAILED)
        assert self.outcome is not None
        self.outcome = self.outcome.replace(signature=signature)
        self._send(self._server.reply(self.outcome.host_key.blob, signature))
        self._send_newkeys(Input.SIGNATURE)

    # --- both

    def _key_source(self, result: KexResult, host_key: bytes) -> KeySource:
        hash_name = self._spec.hash_name
        h = exchange_hash(
            hash_name,
            HashedBeginning(
                self._identifications.client,
                self._identifications.server,
                *self._inits,
                host_key,
                result.transcript,
                result.shared_secret,
            ),
        )
        return KeySource(hash_name, result.shared_secret, h, self._session_identifier or h)

    def _send_newkeys(self, given: Input) -> None:
        assert self.outcome is not None
        self._send(NewKeys())
        self._enter(given, State.KEYS_SENT)
        self._keys_ready(self.outcome)


def _host_key_for(options: Options, algorithm: str) -> PublicKey:
    assert isinstance(options, ServerOptions)
    return next(key for key in options.host_keys if algorithm in key.signature_algorithms)


def _our_kexinit(options: Options, *, is_client: bool, first: bool, guess: bool) -> KexInit:
    algorithms = options.algorithms
    host_key = algorithms.host_key
    if isinstance(options, ServerOptions):
        usable = {name for key in options.host_keys for name in key.signature_algorithms}
        host_key = tuple(name for name in host_key if name in usable)
    # RFC 8308 section 2.1 and OpenSSH's PROTOCOL section 1.10: the marks count in the first exchange only
    marks = (EXT_INFO_CLIENT, STRICT_CLIENT) if is_client else (EXT_INFO_SERVER, STRICT_SERVER)
    return KexInit(
        options.random(16),
        algorithms.kex + (marks if first else ()),
        host_key,
        algorithms.ciphers,
        algorithms.ciphers,
        algorithms.macs,
        algorithms.macs,
        algorithms.compression,
        algorithms.compression,
        (),
        (),
        guess,
    )
