"""The arithmetic of the exchange methods: published vectors, and values that a hostile peer may send."""

import os
import warnings
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import dh, ec

from pyssh.algorithms.kex import KEX, KexSpec
from pyssh.algorithms.kex_dh import DhKey, encode_mpints
from pyssh.algorithms.kex_gex import choose_group
from pyssh.algorithms.modp_groups import MODP_GROUPS, Group
from pyssh.algorithms.nist_curves import NistKey, curve_key
from pyssh.algorithms.x25519 import X25519Key
from pyssh.errors import DisconnectReason, ProtocolError
from pyssh.messages.kex import (
    KexDhGexGroup,
    KexDhGexInit,
    KexDhGexReply,
    KexDhGexRequest,
    KexDhInit,
    KexDhReply,
    KexEcdhInit,
    KexEcdhReply,
)

MODP_2048 = MODP_GROUPS[2048]
P = MODP_2048.p


def _methods(*modules: str) -> list[KexSpec]:
    return [spec for spec in KEX if spec.module in modules]


def _ids(value: object) -> str | None:
    return value.name if isinstance(value, KexSpec) else None


class _Bytes:
    """A source of random bytes that gives what it was given."""

    def __init__(self, *parts: bytes) -> None:
        self._parts: Iterator[bytes] = iter(parts)

    def __call__(self, size: int) -> bytes:
        part = next(self._parts)
        assert len(part) == size
        return part


@pytest.mark.parametrize("spec", list(KEX), ids=_ids)
def test_a_client_is_made_of_its_random_bytes(spec: KexSpec) -> None:
    def same(size: int) -> bytes:
        return bytes(range(size))

    assert spec.client(same).start() == spec.client(same).start()


def test_rfc_7748_diffie_hellman() -> None:
    alice = X25519Key(bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    bob = X25519Key(bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    assert alice.public.hex() == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    assert bob.public.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    assert alice.agree(bob.public).hex() == bob.agree(alice.public).hex() == secret


def test_rfc_5903_p256() -> None:
    """Section 8.1: the private values and the x coordinate they agree on."""
    random = _Bytes(bytes.fromhex("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433"))
    initiator = curve_key("nistp256", random)
    responder = curve_key(
        "nistp256", _Bytes(bytes.fromhex("c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53"))
    )
    secret = "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"
    assert initiator.agree(responder.public).hex() == responder.agree(initiator.public).hex() == secret


def test_private_values_outside_the_group_are_drawn_again() -> None:
    wanted = (1).to_bytes(32, "big")
    key = curve_key("nistp256", _Bytes(bytes(32), b"\xff" * 32, wanted))
    assert isinstance(key, NistKey)
    assert key.public == curve_key("nistp256", _Bytes(wanted)).public


def test_p521_private_values_use_521_bits() -> None:
    low = curve_key("nistp521", _Bytes(b"\x00\x80" + bytes(64)))
    assert len(low.public) == 133
    with pytest.raises(StopIteration):  # 2^521 - 1 is beyond the group's order
        curve_key("nistp521", _Bytes(b"\xff" * 66))


def test_an_ecdh_result_of_zero_is_refused() -> None:
    """P-256 has points whose x coordinate is zero: y is a root of the curve's b, and p is 3 modulo 4."""
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    y = pow(b, (p + 1) // 4, p)
    with pytest.raises(ProtocolError, match="zero"):
        NistKey(ec.SECP256R1(), 1).agree(b"\x04" + bytes(32) + y.to_bytes(32, "big"))


_BAD_X25519 = [b"", bytes(31), bytes(33), bytes(32), b"\x01" + bytes(31)]
_NIST = {"nistp256": 65, "nistp384": 97, "nistp521": 133}


def _bad_points(curve: str) -> list[bytes]:
    good = curve_key(curve, os.urandom).public
    half = len(good) // 2
    return [
        b"",
        b"\x00",
        bytes(len(good)),
        b"\x04" + bytes(len(good) - 1),
        good[:-1],
        good + b"\x00",
        good[:-1] + bytes((good[-1] ^ 1,)),
        b"\x06" + good[1:],
        bytes((2 + good[-1] % 2,)) + good[1 : 1 + half],  # compressed
        b"\x04" + b"\xff" * (len(good) - 1),
    ]


def _bad_curve_publics(curve: str) -> list[bytes]:
    return _BAD_X25519 if curve == "x25519" else _bad_points(curve)


@pytest.mark.parametrize("spec", _methods("kex_ecdh"), ids=_ids)
def test_public_keys_that_are_none(spec: KexSpec) -> None:
    for public in _bad_curve_publics(spec.parameter):
        _refused_by_both(spec, public, public)


def _refused_by_both(spec: KexSpec, client_public: bytes, server_public: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        spec.server(os.urandom).receive(KexEcdhInit(client_public))
    assert caught.value.reason == DisconnectReason.KEY_EXCHANGE_FAILED
    client = spec.client(os.urandom)
    client.start()
    with pytest.raises(ProtocolError) as caught:
        client.receive(KexEcdhReply(b"", server_public, b""))
    assert caught.value.reason == DisconnectReason.KEY_EXCHANGE_FAILED


@pytest.mark.parametrize("spec", _methods("kex_hybrid"), ids=_ids)
def test_hybrid_halves_that_are_none(spec: KexSpec) -> None:
    start = spec.client(os.urandom).start()
    assert isinstance(start, KexEcdhInit)
    init = start.client_public
    server = spec.server(os.urandom)
    server.receive(start)
    last = server.reply(b"", b"")
    assert isinstance(last, KexEcdhReply)
    reply = last.server_public
    for curve_public in _bad_curve_publics(spec.parameter):
        _refused_by_both(spec, init[:1184] + curve_public, reply[:1088] + curve_public)
    curve_public = init[1184:]
    beyond_modulus = b"\xff" * 1184  # FIPS 203 section 7.2, the modulus check
    for kem_public, ciphertext in ((beyond_modulus, b""), (init[1:1184], reply[1:1088]), (b"", bytes(1087))):
        _refused_by_both(spec, kem_public + curve_public, ciphertext + curve_public)


def _pi(bits: int) -> int:
    """Return floor(2^bits * pi) by Machin's formula."""
    one = 1 << (bits + 64)

    def arctan_of_inverse(x: int) -> int:
        term = total = one // x
        divisor, sign = 1, 1
        while term:
            term //= x * x
            divisor, sign = divisor + 2, -sign
            total += sign * (term // divisor)
        return total

    return 4 * (4 * arctan_of_inverse(5) - arctan_of_inverse(239)) >> 64


@pytest.mark.filterwarnings("ignore:Diffie-Hellman over finite fields")
def test_modp_groups_are_those_of_rfc_3526() -> None:
    constants = {2048: 124476, 3072: 1690314, 4096: 240904, 6144: 929484, 8192: 4743158}
    for bits, k in constants.items():
        group = MODP_GROUPS[bits]
        assert group.g == 2
        assert group.p == 2**bits - 2 ** (bits - 64) - 1 + 2**64 * (_pi(bits - 130) + k)
        dh.DHParameterNumbers(group.p, group.g).parameters()  # the library's own check of prime and generator
    assert constants.keys() == MODP_GROUPS.keys()


def test_both_ways_of_raising_to_a_power_agree() -> None:
    """The library's exchange serves RFC 3526's groups, and pow the others."""
    known, unknown = Group(P, 2), Group(P, 5)
    for group in (known, unknown):
        ours, theirs = DhKey(group, os.urandom), DhKey(group, os.urandom)
        assert ours.agree(theirs.public) == theirs.agree(ours.public)
    private = bytes(range(80))
    exponent = int.from_bytes(private, "big") | 1 << 639
    assert DhKey(known, _Bytes(private)).public == pow(2, exponent, P)
    assert DhKey(unknown, _Bytes(private)).public == pow(5, exponent, P)


def test_diffie_hellman_warns_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DhKey(MODP_2048, os.urandom).agree(3)


_BAD_VALUES = (-P, -2, -1, 0, 1, P - 1, P, P + 1, P + 2, 1 << 9000)


@pytest.mark.parametrize("value", _BAD_VALUES, ids=lambda value: f"{value.bit_length()} bits")
def test_values_outside_the_group(value: int) -> None:
    spec = KEX["diffie-hellman-group14-sha256"]
    with pytest.raises(ProtocolError) as caught:
        spec.server(os.urandom).receive(KexDhInit(value))
    assert caught.value.reason == DisconnectReason.KEY_EXCHANGE_FAILED
    client = spec.client(os.urandom)
    client.start()
    with pytest.raises(ProtocolError):
        client.receive(KexDhReply(b"", value, b""))


GEX = KEX["diffie-hellman-group-exchange-sha256"]


@pytest.mark.parametrize(
    ("key_bits", "wanted"), [(0, 3072), (112, 3072), (128, 3072), (192, 7680), (256, 8192), (512, 8192)]
)
def test_a_group_as_hard_as_the_keys_is_asked_for(key_bits: int, wanted: int) -> None:
    assert GEX.client(os.urandom, key_bits).start() == KexDhGexRequest(2048, wanted, 8192)


@pytest.mark.parametrize("value", _BAD_VALUES, ids=lambda value: f"{value.bit_length()} bits")
def test_values_outside_an_exchanged_group(value: int) -> None:
    server = GEX.server(os.urandom)
    server.receive(KexDhGexRequest(2048, 2048, 2048))
    with pytest.raises(ProtocolError):
        server.receive(KexDhGexInit(value))
    client = GEX.client(os.urandom)
    client.start()
    client.receive(KexDhGexGroup(P, 2))
    with pytest.raises(ProtocolError):
        client.receive(KexDhGexReply(b"", value, b""))


@pytest.mark.parametrize(
    ("p", "g"),
    [
        (0, 2),
        (-P, 2),
        (P >> 1, 2),
        (2**1024 - 1, 2),
        (1 << 8192, 2),
        (2**9000 + 1, 2),
        (P - 1, 2),
        (P, 0),
        (P, 1),
        (P, -2),
        (P, P - 1),
        (P, P),
        (P, P + 2),
    ],
)
def test_groups_that_a_client_refuses(p: int, g: int) -> None:
    client = GEX.client(os.urandom)
    client.start()
    with pytest.raises(ProtocolError) as caught:
        client.receive(KexDhGexGroup(p, g))
    assert caught.value.reason == DisconnectReason.KEY_EXCHANGE_FAILED


def test_a_value_of_small_order_in_a_group_of_the_servers_making() -> None:
    factor = 2**1024 + 643
    p = factor * factor  # no prime: the powers of its factor are zero
    client = GEX.client(os.urandom)
    client.start()
    client.receive(KexDhGexGroup(p, 2))
    with pytest.raises(ProtocolError):
        client.receive(KexDhGexReply(b"", factor, b""))


@pytest.mark.parametrize(
    ("request_bits", "bits"),
    [
        ((2048, 3072, 8192), 3072),
        ((2048, 2048, 8192), 2048),
        ((1024, 1024, 8192), 2048),
        ((2048, 2500, 8192), 3072),
        ((2048, 7680, 8192), 8192),
        ((2048, 8192, 7680), 6144),
        ((2048, 9999, 99999), 8192),
        ((4096, 2048, 8192), 4096),
        ((2048, 2**32 - 1, 2**32 - 1), 8192),
    ],
)
def test_the_group_that_a_server_chooses(request_bits: tuple[int, int, int], bits: int) -> None:
    assert choose_group(*request_bits) == MODP_GROUPS[bits]


@pytest.mark.parametrize(
    "request_bits", [(1024, 1024, 1024), (8192, 4096, 2048), (9000, 9000, 9000), (2500, 2600, 2700)]
)
def test_no_group_fits(request_bits: tuple[int, int, int]) -> None:
    assert choose_group(*request_bits) is None
    with pytest.raises(ProtocolError) as caught:
        GEX.server(os.urandom).receive(KexDhGexRequest(*request_bits))
    assert caught.value.reason == DisconnectReason.KEY_EXCHANGE_FAILED


def test_the_transcript_of_a_group_exchange() -> None:
    """RFC 4419 section 3: min, n, max, p, g, e, f."""
    client, server = GEX.client(os.urandom), GEX.server(os.urandom)
    request = client.start()
    group = server.receive(request)
    assert isinstance(request, KexDhGexRequest)
    assert isinstance(group, KexDhGexGroup)
    init = client.receive(group)
    assert isinstance(init, KexDhGexInit)
    result = server.receive(init)
    reply = server.reply(b"", b"")
    assert isinstance(reply, KexDhGexReply)
    sizes = b"".join(size.to_bytes(4, "big") for size in (request.min, request.n, request.max))
    transcript = getattr(result, "transcript", b"")
    assert transcript == sizes + encode_mpints(group.p, group.g, init.e, reply.f)
