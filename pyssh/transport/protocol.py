"""`TransportProtocol`: the version exchange, packets, key exchanges and the messages 1-49, both roles.

Takes bytes and gives payloads for the layers above; takes messages and gives bytes.
"""

from collections.abc import Callable
from typing import Final

from pyssh.errors import (
    ConnectionLost,
    Disconnected,
    DisconnectReason,
    ProtocolError,
    SSHError,
    UsageError,
)
from pyssh.events import (
    AgreedAlgorithms,
    AnyEvent,
    DebugReceived,
    ExtensionsReceived,
    HostKeyQuestion,
    KeysExchanged,
    PongReceived,
    SignatureNeeded,
    UnimplementedReceived,
    VersionReceived,
)
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.messages import numbers, tables
from pyssh.messages.transport import (
    Debug,
    Disconnect,
    ExtInfo,
    Ping,
    Pong,
    Unimplemented,
)
from pyssh.options import Options
from pyssh.transport import gate
from pyssh.transport.deferred import DeferredMessages
from pyssh.transport.derivation import DirectionKeys
from pyssh.transport.exchange import Identifications, KeyExchange, Outcome
from pyssh.transport.framing import PacketReader, PacketWriter
from pyssh.transport.gate import Phase
from pyssh.transport.negotiation import server_sig_algs
from pyssh.transport.rekey import RekeyTimer
from pyssh.transport.state import AlgorithmsState, DirectionState, TransportState
from pyssh.transport.suite import Suite
from pyssh.transport.version import VersionReader
from pyssh.wire.message import Message

# 60-79 mean what the running method says, and channel data is too much to look at
_OBSERVED: Final[tables.MessageTable] = {
    number: cls
    for number, cls in (tables.TRANSPORT | tables.USERAUTH | tables.CONNECTION).items()
    if number not in (numbers.SSH_MSG_CHANNEL_DATA, numbers.SSH_MSG_CHANNEL_EXTENDED_DATA)
}


class TransportProtocol:
    """One side of a transport.

    Our identification line and KEXINIT are ready to be sent as soon as it exists. `emit` gets its events.
    """

    def __init__(self, options: Options, *, is_client: bool, emit: Callable[[AnyEvent], None]) -> None:
        self._options = options
        self._is_client = is_client
        self._emit = emit
        self._version: VersionReader | None = VersionReader(options.limits, peer_is_server=is_client)
        self._identification = f"SSH-2.0-{options.software_version}".encode()
        self.peer_identification = b""
        self._writer = PacketWriter(options.random)
        self._reader = PacketReader(options.limits.packet_size_before_authentication)
        self._writer.output.append(self._identification + b"\r\n")
        self._phase = Phase.FIRST_EXCHANGE
        self._verdicts = gate.table(self._phase, strict=False, is_client=is_client)
        self._deferred = DeferredMessages(options.limits)
        self._may_send = False
        self._unimplemented = 0
        self._exchanges = 0
        self._ext_infos = 0
        self._exchange: KeyExchange | None = None
        self._rekey: RekeyTimer | None = None
        self._authenticated = False
        self._ended = False
        self.algorithms: AgreedAlgorithms | None = None
        self.session_identifier: bytes | None = None
        self.host_key: PublicKey | None = None
        self.extensions: dict[str, bytes] = {}
        self._sent_keys: DirectionKeys | None = None
        self._received_keys: DirectionKeys | None = None
        self._start_exchange()

    # --- received

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take bytes of the stream; `next_payload` then works them off."""
        if self._version is not None:
            view = memoryview(data)
            data = view[self._version.receive(view) :]
            if self._version.identification is None:
                return
            self.peer_identification = self._version.identification
            shown = self.peer_identification.decode("utf-8", "backslashreplace")
            self._emit(VersionReceived(shown, tuple(self._version.preamble)))
            self._version = None
        self._reader.feed(data)

    def next_payload(self) -> memoryview | None:
        """Return the next payload for a layer above, or None when there is none before more bytes."""
        if self._version is not None:
            return None
        next_payload = self._reader.next_payload
        while not self.waiting and not self._ended:
            payload = next_payload()
            if payload is None:
                break
            number = payload[0]
            allowed = self._verdicts[number]
            if allowed == gate.ALLOW and (50 <= number < 192 or number in (5, 6)):
                if self._options.observer is not None:
                    self._observe_received(payload)
                return payload
            self._receive(number, allowed, payload)
        self._rekey_if_due()
        return None

    def keep(self) -> None:
        """Copy what was fed and not worked off: the caller may reuse its buffer afterwards."""
        self._reader.keep()

    def finish(self) -> SSHError:
        """Return what to call the end of the stream."""
        if self._version is not None:
            return self._version.finish()
        return ConnectionLost(f"connection lost during {self._phase.value}")

    @property
    def waiting(self) -> bool:
        """Whether a blocking question is open."""
        return (exchange := self._exchange) is not None and exchange.question is not None

    def _receive(self, number: int, allowed: int, payload: memoryview) -> None:
        if allowed == gate.FORBID:
            self._forbid(number)
        if allowed == gate.UNKNOWN:
            self.send_unimplemented()
        elif allowed == gate.ALLOW:
            if number == numbers.SSH_MSG_KEXINIT:
                self._receive_kexinit(payload)
            elif number == numbers.SSH_MSG_NEWKEYS:
                self._receive_newkeys(payload)
            elif 30 <= number <= 49:
                assert self._exchange is not None
                self._exchange.receive_method(payload)
            else:
                self._receive_general(tables.TRANSPORT[number].decode(payload))

    def _forbid(self, number: int) -> None:
        during = f"message {number} is not allowed during {self._phase.value}"
        if self._phase is Phase.FIRST_EXCHANGE:
            raise ProtocolError(during, DisconnectReason.KEY_EXCHANGE_FAILED)
        raise ProtocolError(during)

    def _receive_general(self, message: Message) -> None:
        self._observe("received", message)
        match message:
            case Disconnect():
                raise Disconnected(message.reason_code, message.description)
            case Debug():
                self._emit(DebugReceived(message.always_display, message.message))
            case Unimplemented():
                self._emit(UnimplementedReceived(message.packet_sequence_number))
            case ExtInfo():
                self._receive_ext_info(message)
            case Ping():
                self.send(Pong(message.data))
            case Pong():
                self._emit(PongReceived(message.data))

    def _receive_ext_info(self, message: ExtInfo) -> None:
        # RFC 8308 section 2.4: behind the first NEWKEYS, and a server once more before its success; any
        # number of them would fill our memory with names
        self._ext_infos += 1
        if self._ext_infos > (2 if self._is_client else 1):
            raise ProtocolError("too many EXT_INFO messages")
        self.extensions |= message.extensions()
        self._emit(ExtensionsReceived(dict(self.extensions)))

    # --- key exchange

    def _start_exchange(self) -> None:
        self._exchange = KeyExchange(
            self._options,
            is_client=self._is_client,
            session_identifier=self.session_identifier,
            host_key=self.host_key,
            send=self._send_now,
            observe=self._observe,
            emit=self._emit,
            keys_ready=self._keys_ready,
        )
        self._may_send = False
        self._exchange.start()

    def start_rekey(self) -> None:
        """Begin a new key exchange, unless one runs; `UsageError` before the first is done."""
        if self._phase is Phase.FIRST_EXCHANGE:
            raise UsageError("the first key exchange is not done")
        if self._exchange is None:
            self._start_exchange()

    def _rekey_if_due(self) -> None:
        # not before login: SUCCESS would wait for the new keys, and with it the begin of compression, about
        # which the peers would then differ; OpenSSH does not either
        if self._authenticated and self._may_send:
            assert self._rekey is not None
            if self._rekey.due(self._writer, self._reader):
                self.start_rekey()

    def _receive_kexinit(self, payload: memoryview) -> None:
        if self._exchange is None:
            self._start_exchange()
        exchange = self._exchange
        assert exchange is not None
        self._exchanges += 1
        if self._exchanges > self._options.limits.exchanges_before_authentication and not self._authenticated:
            raise ProtocolError("too many key exchanges before login")
        self._observe_received(payload)
        ours, theirs = self._identification, self.peer_identification
        exchange.receive_kexinit(
            bytes(payload),
            Identifications(ours, theirs) if self._is_client else Identifications(theirs, ours),
        )
        if exchange.first:
            assert exchange.negotiated is not None
            strict = exchange.negotiated.algorithms.strict
            if strict and self._reader.packets != 1:
                raise ProtocolError(
                    "strict key exchange: KEXINIT was not the first packet",
                    DisconnectReason.KEY_EXCHANGE_FAILED,
                )
            self._verdicts = gate.table(self._phase, strict=strict, is_client=self._is_client)
        else:
            self._enter(Phase.REKEYING)

    def _keys_ready(self, outcome: Outcome) -> None:
        """Our NEWKEYS is written: switch what we send, let go what waited."""
        first = self.session_identifier is None
        strict = self._strict_with(outcome)
        if strict:
            if first and self._writer.packets != self._writer.sequence_number:
                raise ProtocolError("strict key exchange: sequence numbers wrapped")
            self._writer.sequence_number = 0
        suite = Suite.of(outcome.negotiated.algorithms, client_to_server=self._is_client)
        self._sent_keys = keys = suite.keys(outcome.keys)
        self._writer.switch(suite.sealer(keys), suite.compressor(authenticated=self._authenticated))
        if first:
            self._send_ext_info(outcome)
        self._may_send = True
        for message in self._deferred.take_all():
            self._send_now(message)

    def _receive_newkeys(self, payload: memoryview) -> None:
        exchange = self._exchange
        assert exchange is not None
        self._observe_received(payload)
        outcome = exchange.receive_newkeys(payload)
        first = exchange.first
        if self._strict_with(outcome):
            if first and self._reader.packets != self._reader.sequence_number:
                raise ProtocolError("strict key exchange: sequence numbers wrapped")
            self._reader.sequence_number = 0
        algorithms = outcome.negotiated.algorithms.replace(strict=self._strict_with(outcome))
        suite = Suite.of(algorithms, client_to_server=not self._is_client)
        self._received_keys = keys = suite.keys(outcome.keys)
        limit = self._options.limits.decompressed_size
        self._reader.switch(suite.opener(keys), suite.decompressor(limit, authenticated=self._authenticated))
        self._exchange = None
        self.algorithms = algorithms
        self.session_identifier = outcome.keys.session_identifier
        self.host_key = outcome.host_key
        self._rekey = RekeyTimer(self._options, algorithms)
        self._enter(Phase.OPEN if self._authenticated else Phase.AUTHENTICATION)
        self._emit(
            KeysExchanged(
                algorithms,
                outcome.host_key,
                outcome.keys.exchange_hash,
                outcome.keys.session_identifier,
                outcome.signature,
                first,
            )
        )

    def _strict_with(self, outcome: Outcome) -> bool:
        """Strictness is decided in the first exchange and stays."""
        if self.algorithms is None:
            return outcome.negotiated.algorithms.strict
        return self.algorithms.strict

    def _send_ext_info(self, outcome: Outcome) -> None:
        """Tell our extensions, if the peer's KEXINIT asked for them (RFC 8308 section 2.4)."""
        negotiated = outcome.negotiated
        extensions = dict(self._options.extensions)
        if self._is_client:
            wanted = negotiated.server_wants_ext_info
        else:
            wanted = negotiated.client_wants_ext_info
            extensions = {
                "server-sig-algs": server_sig_algs(self._options.algorithms.user_key),
                "publickey-hostbound@openssh.com": b"0",
                "ping@openssh.com": b"0",
            } | extensions
        if wanted and extensions:
            self._send_now(ExtInfo.of(extensions))

    # --- sent

    def send(self, message: Message) -> None:
        """Send a message of any layer; during a key exchange it waits."""
        if self._may_send:
            self._send_now(message)
        elif not self._ended:
            self._deferred.put(message)

    def send_strings(self, fields: bytes, data: memoryview, most: int) -> None:
        """Send channel data at once, `most` bytes a packet behind `fields`; only while `can_send()`."""
        self._writer.write_strings(fields, data, most)

    def can_send(self) -> bool:
        """Whether channel data may be sent: not during a key exchange, nor after the end."""
        return self._may_send

    def _send_now(self, message: Message) -> None:
        self._observe("sent", message)
        self._writer.write(message.encode())

    def send_unimplemented(self) -> None:
        """Tell the peer that we do not know the packet last returned or received (RFC 4253 section 11.4)."""
        self._unimplemented += 1
        if self._unimplemented > self._options.limits.unimplemented_messages:
            raise ProtocolError("too many unknown messages")
        self.send(Unimplemented((self._reader.sequence_number - 1) & 0xFFFFFFFF))

    def disconnect(self, reason: int, description: str) -> None:
        """Say goodbye; nothing is sent or taken afterwards."""
        if not self._ended:
            if self._version is None:
                self._send_now(Disconnect(reason, description))
            elif not self._is_client:
                # a peer without SSH understands a line of text at best; these are OpenSSH's words
                self._writer.output.append(b"Invalid SSH identification string.\r\n")
            self.end()

    def end(self) -> None:
        """Take and send nothing more; what is ready still leaves."""
        self._ended = True
        self._may_send = False
        self._deferred.clear()

    def drain(self) -> list[bytes | bytearray]:
        """Return the bytes that are ready to leave, in order."""
        self._rekey_if_due()
        return self._writer.drain()

    # --- the rest

    def prepare(self) -> None:
        """Do what can be done for the next packets, both ways, while nobody waits."""
        self._writer.prepare()
        self._reader.prepare()

    def answer(self, question: HostKeyQuestion | SignatureNeeded, answer: bool | bytes | None) -> None:
        """Settle a question that the key exchange asked."""
        exchange = self._exchange
        if exchange is None or exchange.question is not question:
            raise UsageError("that question is not open")
        if isinstance(question, HostKeyQuestion):
            exchange.answer_host_key(answer is True)
        else:
            assert not isinstance(answer, bool)
            exchange.answer_signature(answer)

    def authenticated(self) -> None:
        """Let in channels and larger packets, and begin delayed compression: the user is in."""
        self._authenticated = True
        self._reader.maximum_packet_length = self._options.limits.packet_size
        # authentication stands still while keys are exchanged
        assert self._phase is Phase.AUTHENTICATION
        self._enter(Phase.OPEN)
        assert self.algorithms is not None
        sent = Suite.of(self.algorithms, client_to_server=self._is_client)
        received = Suite.of(self.algorithms, client_to_server=not self._is_client)
        if sent.compression.delayed:
            self._writer.compressor = sent.compressor(authenticated=True)
        if received.compression.delayed:
            limit = self._options.limits.decompressed_size
            self._reader.decompressor = received.decompressor(limit, authenticated=True)

    @property
    def packets_received(self) -> int:
        """Packets received under the present keys: changes whenever the peer shows life."""
        return self._reader.packets

    def deadline(self) -> float | None:
        """When `tick` is due, on the owner's clock."""
        return self._rekey.deadline() if self._rekey is not None else None

    def tick(self, now: float) -> None:
        """Let time pass: keys grow old."""
        if self._rekey is not None:
            self._rekey.tick(now)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._verdicts = gate.table(phase, strict=False, is_client=self._is_client)

    def _observe(self, direction: str, message: Message) -> None:
        if self._options.observer is not None:
            self._options.observer(direction, message)

    def _observe_received(self, payload: memoryview) -> None:
        if self._options.observer is not None and payload[0] in _OBSERVED:
            self._options.observer("received", _OBSERVED[payload[0]].decode(payload))

    # --- state that travels

    def export_state(self) -> TransportState:
        """Return all that another process needs to go on; drained bytes are not in it.

        `UsageError` while a key exchange runs, before authentication, or when compression has begun (a
        compressed stream cannot be taken up in its middle).
        """
        if self._exchange is not None or not self._authenticated or self._ended:
            raise UsageError("the state can be exported after authentication and between key exchanges")
        writer, reader = self._writer, self._reader
        if (writer.compressor and writer.compressor.used) or (
            reader.decompressor and reader.decompressor.used
        ):
            raise UsageError("a connection that is compressed cannot be exported")
        assert self.algorithms is not None
        assert self.host_key is not None
        assert self.session_identifier is not None
        assert self._sent_keys is not None
        assert self._received_keys is not None
        return TransportState(
            self._identification,
            self.peer_identification,
            self.session_identifier,
            self.host_key.blob,
            AlgorithmsState.of(self.algorithms).encode(),
            DirectionState.of(self._sent_keys, writer.sealer.iv, writer).encode(),
            DirectionState.of(self._received_keys, reader.opener.iv, reader).encode(),
            ExtInfo.of(self.extensions).encode(),
            reader.unread(),
            b"".join(writer.drain()),
        )

    @classmethod
    def restore(
        cls, options: Options, state: TransportState, *, is_client: bool, emit: Callable[[AnyEvent], None]
    ) -> "TransportProtocol":
        """Return a transport that goes on where the exported one stood."""
        transport = cls(options, is_client=is_client, emit=emit)
        transport._resume(state)
        return transport

    def _resume(self, state: TransportState) -> None:
        self._identification = state.identification
        self.peer_identification = state.peer_identification
        self.session_identifier = state.session_identifier
        self.host_key = decode_public_key(state.host_key)
        self.algorithms = AlgorithmsState.decode(state.algorithms).agreed()
        self.extensions = ExtInfo.decode(state.extensions).extensions()
        self._version = None
        self._exchange = None
        self._may_send = True
        self._writer.drain()
        sent, received = DirectionState.decode(state.sent), DirectionState.decode(state.received)
        self._sent_keys, self._received_keys = sent.keys, received.keys
        sent_suite = Suite.of(self.algorithms, client_to_server=self._is_client)
        received_suite = Suite.of(self.algorithms, client_to_server=not self._is_client)
        sent_suite.check_keys(sent.keys)
        received_suite.check_keys(received.keys)
        self._writer.switch(sent_suite.sealer(sent.keys), None)
        self._reader.switch(received_suite.opener(received.keys), None)
        for counted, counts in ((self._writer, sent), (self._reader, received)):
            counted.sequence_number = counts.sequence_number
            counted.packets = counts.packets
            counted.byte_count = counts.byte_count
        self._rekey = RekeyTimer(self._options, self.algorithms)
        self._enter(Phase.AUTHENTICATION)
        self.authenticated()
        if state.unsent:
            self._writer.output.append(state.unsent)
        self._reader.feed(state.unread)
        self._reader.keep()
