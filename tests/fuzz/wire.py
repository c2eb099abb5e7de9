"""Targets: identification lines, packets, messages and what is inside them."""

from collections.abc import Iterator
from typing import Final

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.algorithms.kex import KEX
from pyssh.algorithms.macs import MACS
from pyssh.algorithms.zlib_streams import compressor, decompressor
from pyssh.connection.kinds import CHANNEL_KINDS, decode_kind, encode_kind
from pyssh.connection.requests import (
    CHANNEL_REQUESTS,
    GLOBAL_REQUESTS,
    HostKeyProofs,
    decode_channel_request,
    decode_global_request,
    encode_channel_request,
    encode_global_request,
)
from pyssh.connection.terminal_modes import decode_terminal_modes, encode_terminal_modes
from pyssh.errors import DecodeError, ProtocolError
from pyssh.messages import kex, tables, userauth
from pyssh.messages.connection import ChannelData, ChannelExtendedData
from pyssh.messages.transport import ExtInfo, KexInit
from pyssh.options import Limits, ServerOptions
from pyssh.transport.framing import PacketReader, PacketWriter
from pyssh.transport.negotiation import negotiate
from pyssh.transport.version import VersionReader
from pyssh.userauth.methods import METHODS, AttemptRejectedError, Session, decode_prompts, decode_responses
from pyssh.wire.channel_data import unpack_data
from pyssh.wire.message import Message, Struct
from tests.fuzz.targets import outcome, target, words
from tests.support.pair import HOST_KEY, USER_KEY
from tests.support.payloads import PAYLOADS, kexinit
from tests.support.rogue import chance

LIMITS: Final = Limits(packet_size=4096, packet_size_before_authentication=4096)


def _pieces(data: bytes, by_byte: bool) -> Iterator[bytes]:
    if by_byte:
        yield from (data[at : at + 1] for at in range(len(data)))
    else:
        yield data


# --- identification lines


def _version_seeds() -> Iterator[bytes]:
    for line in (
        b"SSH-2.0-OpenSSH_10.0 comment\r\n",
        b"SSH-1.99-old\n",
        b"hello\r\nthere\r\nSSH-2.0-x\r\nrest",
    ):
        yield b"\0" + line
        yield b"\1" + line


def _read_version(data: bytes, *, peer_is_server: bool, by_byte: bool) -> tuple[bytes, int, tuple[str, ...]]:
    reader = VersionReader(LIMITS, peer_is_server=peer_is_server)
    taken = 0
    for piece in _pieces(data, by_byte):
        taken += reader.receive(memoryview(piece))
    return reader.identification or b"", taken, tuple(reader.preamble)


@target("version", _version_seeds)
def fuzz_version(data: bytes) -> str:
    is_server = data[:1] == b"\1"
    results = []
    for by_byte in (False, True):
        try:
            results.append(str(_read_version(data[1:], peer_is_server=is_server, by_byte=by_byte)))
        except ProtocolError as error:
            results.append(words(error))
    assert results[0] == results[1]
    return results[0][:20]


# --- packets


def _sealed(index: int) -> tuple[PacketReader, PacketWriter]:
    """Both ends of one of the ciphers, each time the same."""
    random = chance(index)
    reader, writer = PacketReader(LIMITS.packet_size), PacketWriter(random)
    if index:
        specs = [(cipher, mac) for cipher in CIPHERS for mac in ([None] if cipher.is_aead else list(MACS))]
        cipher, mac = specs[index % len(specs)]
        key, iv = random(cipher.key_size), random(cipher.iv_size)
        mac_key = random(mac.key_size) if mac else b""
        reader.switch(cipher.opener(key, iv, mac.keyed(mac_key) if mac else None), None)
        writer.switch(cipher.sealer(key, iv, mac.keyed(mac_key) if mac else None), None)
    return reader, writer


def _packet_seeds() -> Iterator[bytes]:
    for index in range(0, 40, 3):
        _, writer = _sealed(index)
        for payload in (b"\2", bytes(100), b"\x5e" + bytes(300)):
            writer.write(payload)
        yield bytes([index]) + b"".join(writer.drain())


@target("packets", _packet_seeds)
def fuzz_packets(data: bytes) -> str:
    results = []
    for by_byte in (False, True):
        reader, _ = _sealed(data[0] if data else 0)
        found: list[bytes | str] = []
        try:
            for piece in _pieces(data[1:], by_byte):
                reader.feed(piece)
                while (payload := reader.next_payload()) is not None:
                    assert payload
                    found.append(bytes(payload))
                reader.keep()
        except ProtocolError as error:
            found.append(words(error))
        assert len(reader.unread()) <= max(len(data), LIMITS.packet_size)
        results.append(found)
    assert results[0] == results[1]
    return str([item if isinstance(item, str) else len(item) for item in results[0]])


# --- messages

_CLASSES: Final[tuple[type[Message], ...]] = tuple(
    cls
    for holder in (tables.TRANSPORT, tables.KEX_ECDH, tables.KEX_DH, tables.KEX_DH_GEX, tables.CONNECTION)
    for cls in holder.values()
) + tuple(cls for cls in vars(userauth).values() if isinstance(cls, type) and hasattr(cls, "number"))


def _message_seeds() -> Iterator[bytes]:
    yield from PAYLOADS.values()
    yield userauth.UserauthInfoRequest("n", "i", "", 1, b"\0\0\0\1p\1").encode()
    yield userauth.UserauthPasswdChangereq("p", "").encode()
    yield kex.KexDhInit(2**1000).encode()
    yield kex.KexDhGexGroup(2**2048 - 1, 2).encode()


@target("messages", _message_seeds)
def fuzz_messages(data: bytes) -> str:
    found = []
    for cls in _CLASSES:
        message, problem = outcome(cls.decode, data, errors=DecodeError)
        if message is not None:
            assert cls.decode(message.encode()) == message
            assert cls.__name__ in repr(message)
        if data[:1] == bytes([cls.number]):
            found.append(f"{cls.__name__} {problem}")
    return str(found)


@target("channel-data", lambda: (PAYLOADS[94], PAYLOADS[95]))
def fuzz_channel_data(data: bytes) -> str:
    """The fast path and the declared messages say the same."""
    if data[:1] not in (b"\x5e", b"\x5f"):
        return ""
    fast, problem = outcome(unpack_data, memoryview(data), errors=DecodeError)
    if data[0] == 94:
        message, _ = outcome(ChannelData.decode, data, errors=DecodeError)
        slow = (message.recipient_channel, 0, message.data) if message else None
    else:
        extended, _ = outcome(ChannelExtendedData.decode, data, errors=DecodeError)
        slow = (extended.recipient_channel, extended.data_type_code, extended.data) if extended else None
    assert (fast and (*fast[:2], bytes(fast[2]))) == slow
    return problem


@target("kexinit", lambda: (kexinit().encode()[1:], kexinit(first_kex_packet_follows=True).encode()[1:]))
def fuzz_kexinit(data: bytes) -> str:
    theirs, problem = outcome(KexInit.decode, b"\x14" + data, errors=DecodeError)
    if theirs is None:
        return problem
    found = []
    for client, server, is_client in ((kexinit(), theirs, True), (theirs, kexinit(), False)):
        agreed, problem = outcome(
            lambda client=client, server=server, is_client=is_client: negotiate(
                client, server, is_client=is_client
            ),
            errors=ProtocolError,
        )
        found.append(problem or str(agreed and agreed.algorithms))
    return str(found)


def _ext_info_seeds() -> Iterator[bytes]:
    yield ExtInfo.of({"server-sig-algs": b"ssh-ed25519", "ping@openssh.com": b"0"}).encode()[1:]
    yield ExtInfo.of({}).encode()[1:]


@target("ext-info", _ext_info_seeds)
def fuzz_ext_info(data: bytes) -> str:
    message, problem = outcome(ExtInfo.decode, b"\7" + data, errors=DecodeError)
    if message is None:
        return problem
    extensions, problem = outcome(message.extensions, errors=DecodeError)
    assert extensions is None or len(extensions) <= 64
    return problem


# --- key exchange methods; of each family the quickest

_METHODS: Final = (
    "curve25519-sha256",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "mlkem768x25519-sha256",
    "mlkem768nistp256-sha256",
    "diffie-hellman-group14-sha256",
)


def _kex_seeds() -> Iterator[bytes]:
    for index, name in enumerate(_METHODS):
        client, server = KEX[name].client(chance(1)), KEX[name].server(chance(2))
        start = client.start()
        yield bytes([index]) + start.encode()
        server.receive(start)
        yield bytes([index + 128]) + server.reply(b"key", b"signature").encode()


@target("kex", _kex_seeds)
def fuzz_kex(data: bytes) -> str:
    if not data:
        return ""
    spec = KEX[_METHODS[data[0] % 128 % len(_METHODS)]]
    declared = spec.messages.get(data[1]) if len(data) > 1 else None
    message, problem = outcome(declared.decode, data[1:], errors=DecodeError) if declared else (None, "no")
    if message is None:
        return problem
    if data[0] < 128:
        return spec.name + outcome(spec.server(chance(2)).receive, message, errors=ProtocolError)[1]
    client = spec.client(chance(1))
    client.start()
    return spec.name + outcome(client.receive, message, errors=ProtocolError)[1]


# --- authentication


def _userauth_seeds() -> Iterator[bytes]:
    fields: dict[str, list[Struct]] = {
        "none": [],
        "publickey": [
            userauth.PublicKeyFields(False, "ssh-ed25519", USER_KEY.key.blob, b""),
            userauth.PublicKeyFields(True, "ssh-ed25519", USER_KEY.key.blob, b"\0\0\0\1s"),
        ],
        "password": [
            userauth.PasswordFields(False, b"secret", b""),
            userauth.PasswordFields(True, b"secret", b"\0\0\0\3new"),
        ],
        "keyboard-interactive": [userauth.KeyboardInteractiveFields("", "pam")],
    }
    for index, name in enumerate(METHODS):
        for struct in fields.get(name, fields["publickey"]):
            yield bytes([index]) + struct.encode()


@target("userauth-fields", _userauth_seeds)
def fuzz_userauth(data: bytes) -> str:
    session = Session(ServerOptions(host_keys=(HOST_KEY.key,)), b"session", HOST_KEY.key)
    names = list(METHODS)
    name = names[(data[0] if data else 0) % len(names)]
    request = userauth.UserauthRequest("me", "ssh-connection", name, data[1:])
    try:
        return repr(METHODS[name].attempt(request, session))[:40]
    except (DecodeError, AttemptRejectedError) as error:
        return words(error)


@target("prompts", lambda: (b"\1\0\0\0\4\0\0\0\1p\1", b"\2" + b"\0\0\0\1p\0" * 2, b"\0"))
def fuzz_prompts(data: bytes) -> str:
    count = int.from_bytes(data[:1], "big") * 0x01010101 if data[:1] > b"\x80" else data[0] if data else 0
    asked = userauth.UserauthInfoRequest("", "", "", count, data[1:])
    answered = userauth.UserauthInfoResponse(count, data[1:])
    prompts, problem = outcome(decode_prompts, asked, Limits(), errors=ProtocolError)
    assert prompts is None or len(prompts) == count
    try:
        responses = decode_responses(answered, count % 8, Limits())
        assert len(responses) == count
    except (AttemptRejectedError, DecodeError) as error:
        problem += words(error)
    return problem


# --- connection


def _declared_seeds(names: tuple[str, ...]) -> Iterator[bytes]:
    for index in range(len(names)):
        yield bytes([index]) + b"\0\0\0\1x" * 4 + bytes(16)
        yield bytes([index]) + bytes(24)
        yield bytes([index])


@target("channel-types", lambda: _declared_seeds(CHANNEL_KINDS.names()))
def fuzz_channel_types(data: bytes) -> str:
    names = (*CHANNEL_KINDS.names(), "unheard-of")
    name = names[(data[0] if data else 0) % len(names)]
    kind, problem = outcome(decode_kind, name, data[1:], errors=DecodeError)
    if kind is not None:
        assert encode_kind(kind) == (name, data[1:])
    return problem


@target("channel-requests", lambda: _declared_seeds(CHANNEL_REQUESTS.names()))
def fuzz_channel_requests(data: bytes) -> str:
    names = (*CHANNEL_REQUESTS.names(), "unheard-of")
    name = names[(data[0] if data else 0) % len(names)]
    request, problem = outcome(decode_channel_request, name, data[1:], errors=DecodeError)
    if request is not None:
        assert decode_channel_request(*encode_channel_request(request)) == request
    return problem


@target("global-requests", lambda: _declared_seeds(GLOBAL_REQUESTS.names()))
def fuzz_global_requests(data: bytes) -> str:
    names = (*GLOBAL_REQUESTS.names(), "unheard-of")
    name = names[(data[0] if data else 0) % len(names)]
    request, problem = outcome(decode_global_request, name, data[1:], errors=DecodeError)
    if request is not None:
        assert decode_global_request(*encode_global_request(request)) == request
    outcome(HostKeyProofs.decode, data[1:], errors=DecodeError)
    return problem


@target("terminal-modes", lambda: (encode_terminal_modes({1: 3, 53: 1, 128: 9600}), b"", b"\0", b"\xa0rest"))
def fuzz_terminal_modes(data: bytes) -> str:
    modes, problem = outcome(decode_terminal_modes, data, errors=DecodeError)
    if modes is not None:
        assert decode_terminal_modes(encode_terminal_modes(modes)) == modes
    return problem or str(len(modes or ()))


# --- compression


def _zlib_seeds() -> Iterator[bytes]:
    stream = compressor()
    for payload in (b"\2", bytes(1000), b"\x5e" + bytes(range(256))):
        yield stream.compress(payload)
    yield compressor().compress(bytes(100_000))


@target("zlib", _zlib_seeds)
def fuzz_zlib(data: bytes) -> str:
    stream = decompressor(2000)
    found = []
    for start in range(0, len(data), 50):
        payload, problem = outcome(stream.decompress, data[start : start + 50], errors=ProtocolError)
        found.append(problem or str(len(payload or b"")))
        if payload is None:
            break
        assert len(payload) <= 2000
    return str(found)
