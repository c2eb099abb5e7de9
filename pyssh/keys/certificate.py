"""OpenSSH certificates (PROTOCOL.certkeys): fields, signature, validity, principals, options."""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NoReturn, Protocol, cast

from pyssh.errors import KeyFormatError, UsageError
from pyssh.keys.modules import CERTIFIED_TYPES, certificate_name, key_module, load
from pyssh.keys.private import PrivateKey
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.keys.signing import SIGNATURE_ALGORITHMS, signature_algorithm
from pyssh.wire.message import Struct
from pyssh.wire.types import (
    Reader,
    String,
    Text,
    UInt32,
    UInt64,
    put_string,
    put_text,
    take_string,
    take_text,
)

if TYPE_CHECKING:
    from pyssh.keys.verdict import Verdict

__all__ = [
    "DEFAULT_CA_ALGORITHMS",
    "FOREVER",
    "MAX_PRINCIPALS",
    "Certificate",
    "CertifiedSigner",
    "generate",
    "take_private",
    "take_public",
]

MAX_PRINCIPALS: Final = 256
"""OpenSSH's SSHKEY_CERT_MAX_PRINCIPALS."""

FOREVER: Final = 2**64 - 1
"""The `valid_before` of a certificate that does not expire."""

DEFAULT_CA_ALGORITHMS: Final = frozenset(
    algorithm.name
    for algorithm in SIGNATURE_ALGORITHMS
    if not algorithm.is_certificate and not algorithm.legacy
)
"""Signatures that a certificate may bear unless told otherwise: all but SHA-1's."""

_KINDS: Final = {1: "user", 2: "host"}
_TEXT_OPTIONS: Final = ("force-command", "source-address")


class _Statement(Struct):
    """What follows the certified key's fields."""

    serial: UInt64
    kind: UInt32
    key_id: Text
    principals: String
    valid_after: UInt64
    valid_before: UInt64
    critical_options: String
    extensions: String
    reserved: String
    signature_key: String
    signature: String


class _Verdicts(Protocol):
    """The module that judges, which stands on this one."""

    def judge_certificate(
        self,
        certificate: "Certificate",
        kind: str,
        now: float,
        *,
        names: Collection[str] | None,
        ca_algorithms: Collection[str],
    ) -> "Verdict":
        """Ask everything about a certificate."""


class Certificate(PublicKey):
    """A key with a CA's statement about it. Times are seconds since 1970; options map to their raw data."""

    certified: PublicKey
    serial: int
    kind: str
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    critical_options: Mapping[str, bytes]
    extensions: Mapping[str, bytes]
    signature_key: PublicKey
    signature: bytes

    @property
    def plain(self) -> PublicKey:
        """The certified key."""
        return self.certified

    @property
    def is_security_key(self) -> bool:
        """Whether the certified key is one."""
        return self.certified.is_security_key

    @property
    def force_command(self) -> str | None:
        """The only command that may run, if there is such."""
        return self._text_option("force-command")

    @property
    def source_address(self) -> str | None:
        """The addresses the key may come from, as CIDR patterns joined by commas, if they are limited."""
        return self._text_option("source-address")

    def _text_option(self, name: str) -> str | None:
        data = self.critical_options.get(name)
        return None if data is None else take_text(Reader(data))

    def verify(self, algorithm: str, signature: bytes, data: bytes) -> bool:
        """Tell whether `signature` is the certified key's; `algorithm` is a certificate algorithm.

        The name inside the signature is the plain one. The certificate itself is not looked at: `validate`.
        """
        known = signature_algorithm(algorithm)
        if known is None or algorithm not in self.signature_algorithms:
            return False
        return self.certified.verify(known.signature_format, signature, data)

    def validate(
        self,
        now: float,
        principal: str | None,
        kind: str,
        ca_algorithms: Collection[str] = DEFAULT_CA_ALGORITHMS,
    ) -> None:
        """Raise `KeyFormatError`, with the reason in words, unless the certificate holds.

        `principal` is the user or host to be authenticated, or None where the caller compares `principals`
        itself. Whether to trust `signature_key`, and to obey the critical options, is for the caller;
        `verdict.judge_certificate` asks more and says more.
        """
        names = None if principal is None else (principal,)
        judge = cast("_Verdicts", load("pyssh.keys.verdict")).judge_certificate
        verdict = judge(self, kind, now, names=names, ca_algorithms=ca_algorithms)
        if not verdict.holds:
            raise KeyFormatError(verdict.reason)


def _text_list(data: bytes) -> tuple[str, ...]:
    reader = Reader(data)
    texts: list[str] = []
    while reader.remaining:
        if len(texts) == MAX_PRINCIPALS:
            raise KeyFormatError(f"a certificate has at most {MAX_PRINCIPALS} principals")
        texts.append(_without_nul(take_text(reader)))
    return tuple(texts)


def _without_nul(text: str) -> str:
    # OpenSSH keeps these as C strings: what it would cut short must not be more than that here
    if "\0" in text:
        raise KeyFormatError("a NUL in the text of a certificate")
    return text


def _options(data: bytes) -> Mapping[str, bytes]:
    """Decode critical options or extensions, which come in order and once each."""
    reader = Reader(data)
    options: dict[str, bytes] = {}
    last = ""
    while reader.remaining:
        name, value = take_text(reader), take_string(reader)
        if options and name.encode() <= last.encode():
            raise KeyFormatError("the options of a certificate are not in order")
        options[name] = value
        last = name
    return MappingProxyType(options)


def _critical_options(data: bytes) -> Mapping[str, bytes]:
    options = _options(data)
    for name in _TEXT_OPTIONS:
        if name in options:
            reader = Reader(options[name])
            _without_nul(take_text(reader))
            reader.finish()
    return options


def _signature_key(blob: bytes) -> PublicKey:
    # looked at before it is decoded: certificates inside certificates would be a recursion without end
    if take_text(Reader(blob)) in CERTIFIED_TYPES:
        raise KeyFormatError("a certificate cannot sign a certificate")
    return decode_public_key(blob)


def take_public(key_type: str, reader: Reader) -> Certificate:
    """Take a certificate."""
    plain_type = CERTIFIED_TYPES[key_type]
    nonce = take_string(reader)
    certified = key_module(plain_type).take_public(plain_type, reader)
    statement = _Statement.take(reader)
    kind = _KINDS.get(statement.kind)
    if kind is None:
        raise KeyFormatError(f"a certificate for neither user nor host, but kind {statement.kind}")

    blob = bytearray()
    put_text(blob, key_type)
    put_string(blob, nonce)
    fields = Reader(certified.blob)
    take_string(fields)
    blob += certified.blob[fields.offset :]
    statement.put(blob)
    return Certificate(
        key_type,
        bytes(blob),
        certified.bits,
        tuple(certificate_name(name) for name in certified.signature_algorithms),
        certified,
        statement.serial,
        kind,
        _without_nul(statement.key_id),
        _text_list(statement.principals),
        statement.valid_after,
        statement.valid_before,
        _critical_options(statement.critical_options),
        _options(statement.extensions),
        _signature_key(statement.signature_key),
        statement.signature,
    )


def take_private(key_type: str, reader: Reader) -> NoReturn:
    """Refuse: OpenSSH keeps the certificate in a file of its own."""
    raise KeyFormatError("a private key file with a certificate inside")


def generate(key_type: str, bits: int | None) -> NoReturn:
    """Refuse: a certificate is made from a key."""
    raise KeyFormatError("a certificate is not generated but signed")


class CertifiedSigner:
    """A private key that shows a certificate as its public half."""

    __slots__ = ("_private", "key")

    def __init__(self, private: PrivateKey, certificate: Certificate) -> None:
        if certificate.certified != private.key:
            raise KeyFormatError("the certificate is for another key")
        self.key: Final[PublicKey] = certificate
        self._private = private

    def sign(self, algorithm: str, data: bytes) -> bytes:
        """Return a signature blob; `algorithm` is a certificate algorithm."""
        known = signature_algorithm(algorithm)
        if known is None or algorithm not in self.key.signature_algorithms:
            raise UsageError(f"a key of type {self.key.key_type} does not sign with {algorithm!r}")
        return self._private.sign(known.signature_format, data)

    def __repr__(self) -> str:
        return f"<private {self.key.key_type} {self.key.fingerprint()}>"
