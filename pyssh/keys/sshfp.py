"""SSHFP records: fingerprints of host keys in the DNS (RFC 4255, 6594, 7479)."""

from typing import Final

from pyssh.errors import KeyFormatError
from pyssh.keys.public import PublicKey
from pyssh.record import Record

__all__ = ["FINGERPRINT_TYPES", "SshfpRecord", "parse_sshfp", "sshfp_record"]

FINGERPRINT_TYPES: Final = {"sha1": 1, "sha256": 2}
"""The numbers of RFC 4255 section 3.1.2 and RFC 6594."""

_ALGORITHMS: Final = {
    "ssh-rsa": 1,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "ssh-ed25519": 4,
}
_TYPE_NUMBER: Final = 44
_HASHES: Final = {number: name for name, number in FINGERPRINT_TYPES.items()}
_MAX_WORDS: Final = 200
_MAX_DATA: Final = 2 + 64
"""The longest hash there is has 64 bytes."""


class SshfpRecord(Record):
    """One record's data."""

    algorithm: int
    fingerprint_type: int
    fingerprint: bytes

    def zone_line(self, name: str, *, generic: bool = False) -> str:
        """Return the line of a zone file; `generic` is the form that any server knows (RFC 3597)."""
        digits = self.fingerprint.hex()
        if generic:
            size = 2 + len(self.fingerprint)
            numbers = f"{self.algorithm:02x} {self.fingerprint_type:02x}"
            return rf"{name} IN TYPE{_TYPE_NUMBER} \# {size} {numbers} {digits}"
        return f"{name} IN SSHFP {self.algorithm} {self.fingerprint_type} {digits}"

    def matches(self, key: PublicKey) -> bool:
        """Tell whether the record is about this host key, or the key of this certificate."""
        name = _HASHES.get(self.fingerprint_type)
        if name is None or self.algorithm != _ALGORITHMS.get(key.plain.key_type):
            return False
        return key.digest(name) == self.fingerprint


def parse_sshfp(line: str) -> tuple[str, SshfpRecord]:
    """Parse a line of a zone file, as `zone_line` writes it or with a TTL; return the name and the record.

    Raises `KeyFormatError`. Numbers that nobody knows yet are as good as others; they match no key.
    """
    name, *words = line.split(";", maxsplit=1)[0].split(None, _MAX_WORDS) or [""]
    upper = [word.upper() for word in words]
    try:
        if "SSHFP" in upper:
            algorithm, fingerprint_type, *digits = words[upper.index("SSHFP") + 1 :]
            numbers = bytes((int(algorithm), int(fingerprint_type)))
            data = numbers + bytes.fromhex("".join(digits))
        else:
            mark, size, *digits = words[upper.index(f"TYPE{_TYPE_NUMBER}") + 1 :]
            data = bytes.fromhex("".join(digits))
            if mark != r"\#" or not size.isdecimal() or int(size[:5]) != len(data):
                raise KeyFormatError("the length in the SSHFP record is wrong")
    except ValueError:
        raise KeyFormatError("not an SSHFP record") from None
    if len(data) <= 2 or len(data) > _MAX_DATA:
        raise KeyFormatError("the SSHFP record has no fingerprint, or too long a one")
    return name, SshfpRecord(data[0], data[1], data[2:])


def sshfp_record(key: PublicKey, hash_name: str) -> SshfpRecord:
    """Make the record of a host key; `KeyFormatError` if the DNS has no number for its type or the hash."""
    algorithm = _ALGORITHMS.get(key.key_type)
    fingerprint_type = FINGERPRINT_TYPES.get(hash_name)
    if algorithm is None:
        raise KeyFormatError(f"there are no SSHFP records for keys of type {key.key_type}")
    if fingerprint_type is None:
        raise KeyFormatError(f"SSHFP records have no number for {hash_name[:64]!r}; try sha256")
    return SshfpRecord(algorithm, fingerprint_type, key.digest(hash_name))
