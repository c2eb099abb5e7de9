"""What is sent to an agent and comes back: messages, frames, keys, constraints, answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyssh.agent import messages
from pyssh.agent.answers import (
    MAX_KEYS,
    AgentError,
    decode_answer,
    decode_extensions,
    decode_identities,
    signature_flags,
)
from pyssh.agent.constraints import (
    MAX_DESTINATIONS,
    NO_CONSTRAINTS,
    Constraints,
    Destination,
    Hop,
    HopKey,
    decode_constraints,
    encode_constraints,
)
from pyssh.agent.framing import MAX_MESSAGE_SIZE, FrameReader, encode_frame
from pyssh.agent.identities import encode_identity, take_identity
from pyssh.errors import DecodeError, KeyFormatError
from pyssh.keys.certificate import Certificate
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.keys.public import decode_public_key
from pyssh.wire.message import Message, Struct
from pyssh.wire.types import Reader, put_text
from tests.unit.keys.building import certificate_blob, strings
from tests.unit.keys.device import ECDSA, ED25519, Device
from tests.unit.wire.strategies import structs

STRUCTS = [
    found
    for found in vars(messages).values()
    if isinstance(found, type) and issubclass(found, Struct) and found.__module__ == messages.__name__
]
CA = generate_private_key("ed25519")
KEYS = [
    generate_private_key("ed25519"),
    generate_private_key("ecdsa", 256),
    generate_private_key("ecdsa", 521),
    generate_private_key("rsa", 2048),
    generate_private_key("mldsa44-ed25519"),
    generate_private_key("mldsa44-ed25519@openssh.com"),
]


def handle(key_type: str) -> PrivateKey:
    """A key that is in a device, as ssh-add sends it."""
    blob = Device(key_type).key.blob
    fields = blob + b"\1" + strings(b"handle", b"")
    return take_identity(Reader(fields + strings(b""))).private


HANDLES = [handle(ED25519), handle(ECDSA)]


@pytest.mark.parametrize("declared", STRUCTS)
@settings(max_examples=30)
@given(data=st.data())
def test_what_is_encoded_decodes_to_itself(declared: type[Struct], data: st.DataObject) -> None:
    value = data.draw(structs(declared))
    assert declared.decode(value.encode()) == value


def test_requests_are_found_by_number() -> None:
    requests = {declared for declared in STRUCTS if issubclass(declared, Message)} & {
        *messages.REQUESTS.values()
    }
    assert len(requests) == len(messages.REQUESTS) == 12
    assert all(declared.number == number for number, declared in messages.REQUESTS.items())


def test_secrets_are_not_shown() -> None:
    shown = repr(
        [
            messages.AddIdentity(b"hunter2"),
            messages.AddIdConstrained(b"hunter2"),
            messages.Lock(b"hunter2"),
            messages.Unlock(b"hunter2"),
            messages.AddSmartcardKey("", b"hunter2"),
        ]
    )
    assert "hunter" not in shown


# --- frames


@given(st.lists(st.binary(max_size=300), max_size=10), st.data())
def test_frames_come_whole_wherever_the_stream_is_cut(datas: list[bytes], data: st.DataObject) -> None:
    requests = [messages.AddIdentity(contents) for contents in datas]
    stream = b"".join(encode_frame(request) for request in requests)
    reader = FrameReader()
    found = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        reader.receive(stream[:size])
        stream = stream[size:]
        while (payload := reader.take()) is not None:
            found.append(messages.AddIdentity.decode(payload))
    assert found == requests
    assert reader.buffered == 0


@pytest.mark.parametrize("length", [0, MAX_MESSAGE_SIZE + 1, 2**32 - 1])
def test_lengths_out_of_bounds_are_refused_at_once(length: int) -> None:
    reader = FrameReader()
    reader.receive(length.to_bytes(4, "big"))
    with pytest.raises(DecodeError, match=f"{length} bytes"):
        reader.take()


# --- keys


@pytest.mark.parametrize("private", [*KEYS, *HANDLES], ids=lambda key: key.key.key_type)
@pytest.mark.parametrize("certified", [False, True])
def test_keys_and_certificates_arrive(private: PrivateKey, certified: bool) -> None:
    certificate = decode_public_key(certificate_blob(private.key, CA)) if certified else None
    assert certificate is None or isinstance(certificate, Certificate)
    reader = Reader(encode_identity(private, "me@here", certificate) + b"\2")
    held = take_identity(reader)
    assert held.comment == b"me@here"
    assert held.certificate == certificate
    fields, taken = bytearray(), bytearray()
    private.put_private(fields)
    held.private.put_private(taken)
    assert taken == fields
    assert held.signer.key == (certificate or private.key)
    # what follows is left for the constraints
    assert reader.remaining == 1


def test_the_certificate_of_another_key_is_refused() -> None:
    certificate = decode_public_key(certificate_blob(KEYS[1].key, CA))
    assert isinstance(certificate, Certificate)
    with pytest.raises(KeyFormatError, match="another key"):
        encode_identity(KEYS[0], "", certificate)


@pytest.mark.parametrize("blob", [KEYS[0].key.blob, certificate_blob(KEYS[1].key, CA)])
def test_what_calls_itself_a_certificate_and_is_not_that_one_is_refused(blob: bytes) -> None:
    with pytest.raises(KeyFormatError, match="something else"):
        take_identity(Reader(strings("ssh-ed25519-cert-v01@openssh.com", blob)))


@pytest.mark.parametrize("private", KEYS, ids=lambda key: key.key.key_type)
def test_damaged_keys_are_refused(private: PrivateKey) -> None:
    data = encode_identity(private, "")
    for cut in range(0, len(data), 7):
        with pytest.raises((DecodeError, KeyFormatError)):
            take_identity(Reader(data[:cut]))


def test_flags_for_signatures() -> None:
    assert signature_flags("rsa-sha2-256") == messages.RSA_SHA2_256
    assert signature_flags("rsa-sha2-512-cert-v01@openssh.com") == messages.RSA_SHA2_512
    assert signature_flags("ssh-rsa") == signature_flags("ssh-ed25519") == signature_flags("unknown") == 0


# --- constraints

HOST = HopKey(KEYS[0].key)
AUTHORITY = HopKey(CA.key, is_ca=True)
HERE = Hop("", "", ())
THERE = Hop("me", "there", (HOST, AUTHORITY))


@pytest.mark.parametrize(
    "constraints",
    [
        NO_CONSTRAINTS,
        Constraints(lifetime=0),
        Constraints(lifetime=60, confirm=True),
        Constraints(destinations=(Destination(HERE, THERE), Destination(THERE.replace(user=""), THERE))),
        Constraints(sk_provider="internal"),
        Constraints(
            certificates=(decode_public_key(certificate_blob(KEYS[0].key, CA)),), certificates_only=True
        ),
    ],
    ids=["none", "life 0", "two", "destinations", "provider", "certificates"],
)
def test_constraints_arrive(constraints: Constraints) -> None:
    assert decode_constraints(encode_constraints(constraints)) == constraints


def extension(name: str, *parts: bytes) -> bytes:
    return b"\xff" + strings(name, *parts)


def hop(user: str, host: str, *keys: bytes, reserved: bytes = b"") -> bytes:
    return strings(user, host, reserved) + b"".join(strings(key) + b"\0" for key in keys)


def step(origin: bytes, target: bytes, reserved: bytes = b"") -> bytes:
    return strings(strings(origin, target, reserved))


RESTRICT = "restrict-destination-v00@openssh.com"
BLOB = KEYS[0].key.blob
TARGET = hop("", "there", BLOB)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"\7", "unknown constraint, 7"),
        (b"\3\0\0\0\1", "unknown constraint, 3"),
        (extension("x@y", b""), "unknown constraint, 'x@y'"),
        (b"\2\2", "twice"),
        (b"\1\0\0\0\1\1\0\0\0\2", "twice"),
        (b"\1\0\0\0", "left"),
        (extension(RESTRICT, b""), "no destinations"),
        (extension(RESTRICT, step(hop("me", ""), TARGET)), "user at its origin"),
        (extension(RESTRICT, step(hop("", "from"), TARGET)), "name or keys"),
        (extension(RESTRICT, step(hop("", "", BLOB), TARGET)), "name or keys"),
        (extension(RESTRICT, step(hop("", ""), hop("", "there"))), "without a target"),
        (extension(RESTRICT, step(hop("", ""), hop("", "", BLOB))), "without a target"),
        (extension(RESTRICT, step(hop("", ""), TARGET, b"x")), "with extensions"),
        (extension(RESTRICT, step(hop("", "", reserved=b"x"), TARGET)), "with extensions"),
        (extension(RESTRICT, step(hop("", ""), hop("a\0b", "there", BLOB))), "NUL"),
        (extension(RESTRICT, step(hop("", ""), hop("", "there", b"\0\0\0\0"))), "unknown key type"),
        (extension(RESTRICT, step(hop("", ""), TARGET) * (MAX_DESTINATIONS + 1)), "more than 1024"),
        (extension(RESTRICT, step(hop("", ""), hop("", "there", *[BLOB] * 1025))), "more than 1024 keys"),
        (extension("associated-certs-v00@openssh.com") + b"\0" + strings(strings(BLOB) * 1025), "more than"),
    ],
)
def test_constraints_that_are_not_understood_are_refused(data: bytes, what: str) -> None:
    with pytest.raises((DecodeError, KeyFormatError), match=what):
        decode_constraints(data)


# --- answers


def test_answers_to_who_asks_for_keys() -> None:
    listed = messages.Identity(KEYS[0].key.blob, b"caf\xe9").encode()
    unknown = messages.Identity(strings("new-type", b""), b"").encode()
    found = decode_identities(messages.IdentitiesAnswer(2, unknown + listed))
    assert found == [(KEYS[0].key, "caf\N{REPLACEMENT CHARACTER}")]
    for answer in (
        messages.IdentitiesAnswer(MAX_KEYS + 1, b""),
        messages.IdentitiesAnswer(2, listed),
    ):
        with pytest.raises(AgentError):
            decode_identities(answer)


def test_answers_of_other_kinds() -> None:
    assert decode_answer(b"\6", messages.Success) == messages.Success()
    for payload in (b"", b"\5", b"\6\0"):
        with pytest.raises(AgentError):
            decode_answer(payload, messages.Success)


def test_extensions_that_an_agent_names() -> None:
    names = bytearray()
    for name in ("a@b", "c@d"):
        put_text(names, name)
    assert decode_extensions(messages.ExtensionResponse("query", bytes(names))) == ["a@b", "c@d"]
    for answer in (
        messages.ExtensionResponse("other", bytes(names)),
        messages.ExtensionResponse("query", bytes(names[:-1])),
    ):
        with pytest.raises(AgentError):
            decode_extensions(answer)
