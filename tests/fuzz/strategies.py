"""Hypothesis strategies of messages that a peer would send: well-formed, with values that matter."""

from typing import Any, Final, TypeVar

from hypothesis import strategies as st

from pyssh.connection.kinds import CHANNEL_KINDS
from pyssh.connection.requests import CHANNEL_REQUESTS, GLOBAL_REQUESTS
from pyssh.messages import kex, tables, transport, userauth
from pyssh.messages.connection import ChannelOpen, ChannelRequest, GlobalRequest
from pyssh.userauth.methods import METHODS
from pyssh.wire.message import Message, Struct
from tests.fuzz.sessions import OPERATIONS, STAGES, script
from tests.support.pair import HOST_KEY, USER_KEY
from tests.support.payloads import kexinit
from tests.support.rogue import QUICK

S = TypeVar("S", bound=Struct)

_NUMBERS: Final = st.sampled_from((0, 1, 2, 8, 64, 4096, 10_000, 2**31, 2**32 - 1)) | st.integers(
    0, 2**32 - 1
)
_TEXTS: Final = st.sampled_from(
    ("", "me", "ssh-userauth", "ssh-connection", "ssh-ed25519", *METHODS)
) | st.text(st.characters(codec="utf-8"), max_size=20)
_STRINGS: Final = st.sampled_from((b"", HOST_KEY.key.blob, USER_KEY.key.blob)) | st.binary(max_size=100)
_NAMES: Final = st.sampled_from((*QUICK.kex, *QUICK.ciphers, *METHODS, "unheard-of"))

_FIELDS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "byte": st.integers(0, 255),
    "boolean": st.booleans(),
    "uint32": _NUMBERS,
    "uint64": st.integers(0, 2**64 - 1),
    "string": _STRINGS,
    "secret string": _STRINGS,
    "text": _TEXTS,
    "name-list": st.lists(_NAMES, max_size=4).map(tuple),
    "mpint": st.sampled_from((0, 1, -1, 2, 2**255 - 19)) | st.integers(-(2**100), 2**2100),
    "rest": _STRINGS,
    "cookie": st.binary(min_size=16, max_size=16),
    "strings to the end": st.lists(_STRINGS, max_size=5).map(tuple),
}


def structs(cls: type[S]) -> st.SearchStrategy[S]:
    """Return instances of a struct."""
    return st.builds(cls, *(_FIELDS[codec.name] for _, codec in cls.codecs))


def _opens() -> st.SearchStrategy[Message]:
    return st.one_of(
        [
            st.builds(
                ChannelOpen, st.just(name), _NUMBERS, _NUMBERS, _NUMBERS, structs(cls).map(Struct.encode)
            )
            for name in CHANNEL_KINDS.names()
            if (cls := CHANNEL_KINDS.find(name)) is not None
        ]
    )


def _requests() -> st.SearchStrategy[Message]:
    of_channels = [
        st.builds(
            ChannelRequest,
            st.integers(0, 2),
            st.just(name),
            st.booleans(),
            structs(cls).map(Struct.encode),
        )
        for name in CHANNEL_REQUESTS.names()
        if (cls := CHANNEL_REQUESTS.find(name)) is not None
    ]
    of_all = [
        st.builds(GlobalRequest, st.just(name), st.booleans(), structs(kind).map(Struct.encode))
        for name in GLOBAL_REQUESTS.names()
        if (kind := GLOBAL_REQUESTS.find(name)) is not None
    ]
    return st.one_of([*of_channels, *of_all])


def _userauth_requests() -> st.SearchStrategy[Message]:
    fields = st.one_of(
        st.just(b""),
        structs(userauth.PublicKeyFields).map(Struct.encode),
        structs(userauth.PasswordFields).map(Struct.encode),
        structs(userauth.KeyboardInteractiveFields).map(Struct.encode),
    )
    return st.builds(
        userauth.UserauthRequest,
        st.sampled_from(("me", "other", "")),
        st.just("ssh-connection"),
        st.sampled_from(tuple(METHODS)),
        fields,
    )


_CLASSES: Final[tuple[type[Message], ...]] = (
    *tables.TRANSPORT.values(),
    *tables.USERAUTH.values(),
    *tables.CONNECTION.values(),
    *tables.KEX_ECDH.values(),
    kex.KexDhGexGroup,
    userauth.UserauthPkOk,
    userauth.UserauthPasswdChangereq,
    userauth.UserauthInfoRequest,
    userauth.UserauthInfoResponse,
)

MESSAGES: Final[st.SearchStrategy[Message]] = st.one_of(
    [
        *(structs(cls) for cls in _CLASSES),
        _opens(),
        _requests(),
        _userauth_requests(),
        st.builds(kexinit, first_kex_packet_follows=st.booleans()),
        st.sampled_from((transport.ServiceRequest("ssh-userauth"), transport.NewKeys())),
    ]
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """A message, whole or hurt, or bytes that are none."""
    payload = draw(MESSAGES).encode()
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(min_size=1, max_size=50))
    if kind == 1:
        return payload[: draw(st.integers(1, len(payload)))]
    if kind == 2:
        at = draw(st.integers(0, len(payload) - 1))
        return payload[:at] + draw(st.binary(min_size=1, max_size=4)) + payload[at + 1 :]
    return payload


_STEPS: Final = st.tuples(st.sampled_from(("payload",) * 6 + OPERATIONS), payloads()).map(
    # a call's first byte says which, its second the channel
    lambda step: (step[0], bytes([step[1][-1], step[1][0] % 3]) + step[1][:20]) if step[0] == "call" else step
)

SCRIPTS: Final = st.builds(
    lambda stage, victim_is_client, steps: script(stage, victim_is_client, *steps),
    st.sampled_from(STAGES),
    st.booleans(),
    st.lists(_STEPS, max_size=12),
)
