"""Key revocation lists (OpenSSH's PROTOCOL.krl): which keys and certificates are no longer good."""

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import Final, TypeVar, cast

from pyssh.errors import DecodeError, KeyFormatError
from pyssh.keys.certificate import Certificate
from pyssh.keys.modules import CERTIFIED_TYPES
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.keys.serials import Bitmap, Run, SerialSet, clusters
from pyssh.wire.message import Struct
from pyssh.wire.types import (
    Boolean,
    Reader,
    Rest,
    String,
    Text,
    UInt32,
    UInt64,
    put_byte,
    put_mpint,
    put_string,
    put_uint64,
    take_byte,
    take_mpint,
    take_string,
    take_text,
    take_uint64,
)

__all__ = ["MAX_KRL_SIZE", "RevocationList", "RevokedCertificates", "decode_krl", "is_krl"]

MAX_KRL_SIZE: Final = 16 * 1024 * 1024
"""Bytes in a list: two million serial numbers that have nothing to do with one another."""

_MAGIC: Final = b"SSHKRL\n\0"
_FORMAT: Final = 1


class _Section(IntEnum):
    CERTIFICATES = 1
    KEYS = 2
    SHA1 = 3
    SIGNATURE = 4
    SHA256 = 5
    EXTENSION = 255


class _CertificateSection(IntEnum):
    SERIAL_LIST = 0x20
    SERIAL_RANGE = 0x21
    SERIAL_BITMAP = 0x22
    KEY_ID = 0x23
    EXTENSION = 0x39


_SHA1_SIZE: Final = 20
_SHA256_SIZE: Final = 32
_T = TypeVar("_T")


class _Header(Struct):
    format_version: UInt32
    krl_version: UInt64
    generated: UInt64
    flags: UInt64
    reserved: String
    comment: Text


class _Extension(Struct):
    name: Text
    critical: Boolean
    contents: Rest


class RevokedCertificates:
    """What is revoked of one CA's certificates; `authority` None stands for all CAs."""

    def __init__(self, authority: PublicKey | None) -> None:
        self.authority: Final = authority
        self.serials: Final = SerialSet()
        self.key_ids: Final[set[str]] = set()

    def revokes(self, certificate: Certificate) -> bool:
        """Tell whether the certificate's key ID or serial number is listed."""
        return certificate.key_id in self.key_ids or certificate.serial in self.serials


class RevocationList:
    """A list that can be asked, added to and written. `generated` is in seconds since 1970."""

    def __init__(self, version: int = 0, comment: str = "", generated: int = 0) -> None:
        self.version = version
        self.comment = comment
        self.generated = generated
        self.keys: Final[set[bytes]] = set()
        self.sha1: Final[set[bytes]] = set()
        self.sha256: Final[set[bytes]] = set()
        self.certificates: Final[dict[bytes, RevokedCertificates]] = {}

    def is_revoked(self, key: PublicKey) -> bool:
        """Tell whether a key is listed; of a certificate also its key, its statement, and its CA."""
        if self._lists(key):
            return True
        if key.key_type not in CERTIFIED_TYPES:
            return False
        certificate = cast(Certificate, key)
        if self._lists(certificate.signature_key):
            return True
        return any(
            self.certificates[blob].revokes(certificate)
            for blob in (certificate.signature_key.blob, b"")
            if blob in self.certificates
        )

    def _lists(self, key: PublicKey) -> bool:
        return (
            key.plain.blob in self.keys
            or key.digest("sha1") in self.sha1
            or key.digest("sha256") in self.sha256
        )

    def of_authority(self, authority: PublicKey | None) -> RevokedCertificates:
        """Return the part about a CA's certificates, which is made if there is none."""
        blob = b"" if authority is None else authority.blob
        return self.certificates.setdefault(blob, RevokedCertificates(authority))

    def revoke(self, key: PublicKey) -> None:
        """Revoke a key; of a certificate only the statement, by serial number or else by key ID."""
        if key.key_type not in CERTIFIED_TYPES:
            self.keys.add(key.blob)
            return
        certificate = cast(Certificate, key)
        part = self.of_authority(certificate.signature_key)
        if certificate.serial:
            part.serials.add(certificate.serial, certificate.serial)
        else:
            part.key_ids.add(certificate.key_id)

    def revoke_digest(self, hash_name: str, digest: bytes) -> None:
        """Revoke the key with this digest; `hash_name` is sha1 or sha256."""
        sizes = {"sha1": (self.sha1, _SHA1_SIZE), "sha256": (self.sha256, _SHA256_SIZE)}
        digests, size = sizes[hash_name]
        if len(digest) != size:
            raise KeyFormatError(f"a {hash_name} digest has {size} bytes, not {len(digest)}")
        digests.add(digest)

    def encode(self) -> bytes:
        """Return the file's bytes."""
        out = bytearray(_MAGIC)
        _Header(_FORMAT, self.version, self.generated, 0, b"", self.comment).put(out)
        for part in self.certificates.values():
            section = _encode_certificates(part)
            if section:
                _put_section(out, _Section.CERTIFICATES, section)
        for kind, blobs in (
            (_Section.KEYS, self.keys),
            (_Section.SHA1, self.sha1),
            (_Section.SHA256, self.sha256),
        ):
            if blobs:
                _put_section(out, kind, _strings(sorted(blobs)))
        return bytes(out)


def is_krl(data: bytes) -> bool:
    """Whether a file is a revocation list, and not one of keys in lines."""
    return data.startswith(_MAGIC)


def decode_krl(data: bytes) -> RevocationList:
    """Decode a file. Raises `KeyFormatError`, also for an unknown part that is marked as critical."""
    if len(data) > MAX_KRL_SIZE:
        raise KeyFormatError(f"a revocation list of more than {MAX_KRL_SIZE} bytes")
    if not is_krl(data):
        raise KeyFormatError("KRL file has invalid magic number")
    try:
        return _decode(Reader(data, len(_MAGIC)))
    except DecodeError as error:
        raise KeyFormatError(f"the revocation list is damaged: {error}") from None


def _decode(reader: Reader) -> RevocationList:
    header = _Header.take(reader)
    if header.format_version != _FORMAT:
        raise KeyFormatError(f"a revocation list of the unknown format {header.format_version}")
    krl = RevocationList(header.krl_version, header.comment, header.generated)
    while reader.remaining:
        kind = take_byte(reader)
        section = Reader(take_string(reader))
        if kind == _Section.SIGNATURE:
            # the key comes first, the signature as a bare string behind it; OpenSSH 9.4 gave them up
            if reader.remaining:
                take_string(reader)
        else:
            _decode_section(krl, kind, section)
    return krl


def _decode_section(krl: RevocationList, kind: int, reader: Reader) -> None:
    match kind:
        case _Section.CERTIFICATES:
            _decode_certificates(krl, reader)
        case _Section.KEYS:
            krl.keys.update(decode_public_key(blob).blob for blob in _all(reader, take_string))
        case _Section.SHA1 | _Section.SHA256:
            for digest in _all(reader, take_string):
                krl.revoke_digest("sha1" if kind == _Section.SHA1 else "sha256", digest)
        case _Section.EXTENSION:
            _check_extension(reader)
        case _:
            raise KeyFormatError(f"the revocation list has the unknown section {kind}")


def _all(reader: Reader, take: Callable[[Reader], _T]) -> Iterator[_T]:
    while reader.remaining:
        yield take(reader)


def _check_extension(reader: Reader) -> None:
    extension = _Extension.take(reader)
    if extension.critical:
        raise KeyFormatError(f"the revocation list needs the unknown extension {extension.name[:64]!r}")


def _decode_certificates(krl: RevocationList, reader: Reader) -> None:
    blob = take_string(reader)
    take_string(reader)  # reserved
    part = krl.of_authority(decode_public_key(blob) if blob else None)
    while reader.remaining:
        kind = take_byte(reader)
        section = Reader(take_string(reader))
        match kind:
            case _CertificateSection.SERIAL_LIST:
                for serial in _all(section, take_uint64):
                    part.serials.add(serial, serial)
            case _CertificateSection.SERIAL_RANGE:
                part.serials.add(take_uint64(section), take_uint64(section))
                section.finish()
            case _CertificateSection.SERIAL_BITMAP:
                part.serials.add_bitmap(Bitmap(take_uint64(section), take_mpint(section)))
                section.finish()
            case _CertificateSection.KEY_ID:
                part.key_ids.update(_all(section, take_text))
            case _CertificateSection.EXTENSION:
                _check_extension(section)
            case _:
                raise KeyFormatError(
                    f"the revocation list has the unknown section {kind:#x} about certificates"
                )


def _put_section(out: bytearray, kind: int, contents: bytes | bytearray) -> None:
    put_byte(out, kind)
    put_string(out, contents)


def _strings(values: Iterable[bytes]) -> bytearray:
    out = bytearray()
    for value in values:
        put_string(out, value)
    return out


def _encode_certificates(part: RevokedCertificates) -> bytearray:
    """Return a section about certificates; nothing if it revokes none."""
    sections = bytearray()
    singles: list[int] = []
    for cluster in clusters(part.serials.runs()):
        if len(cluster) == 1 and cluster[0][0] == cluster[0][1]:
            singles.append(cluster[0][0])
        else:
            _put_serials(sections, cluster)
    if singles:
        _put_section(
            sections,
            _CertificateSection.SERIAL_LIST,
            b"".join(serial.to_bytes(8, "big") for serial in singles),
        )
    if part.key_ids:
        _put_section(
            sections, _CertificateSection.KEY_ID, _strings(sorted(key_id.encode() for key_id in part.key_ids))
        )
    if not sections:
        return sections
    out = bytearray()
    put_string(out, b"" if part.authority is None else part.authority.blob)
    put_string(out, b"")
    return out + sections


def _put_serials(out: bytearray, cluster: list[Run]) -> None:
    contents = bytearray()
    if len(cluster) == 1:
        for number in cluster[0]:
            put_uint64(contents, number)
        _put_section(out, _CertificateSection.SERIAL_RANGE, contents)
        return
    offset = cluster[0][0]
    # as text, for shifting a long number once for each run takes the square of its length
    digits = []
    end = offset
    for first, last in cluster:
        digits += ["0" * (first - end), "1" * (last - first + 1)]
        end = last + 1
    put_uint64(contents, offset)
    put_mpint(contents, int("".join(digits)[::-1], 2))
    _put_section(out, _CertificateSection.SERIAL_BITMAP, contents)
