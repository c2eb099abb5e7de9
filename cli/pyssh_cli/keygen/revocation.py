"""`-k` and `-Q`: make key revocation lists, and ask them."""

import os
import re
import time
from base64 import b64decode
from typing import Final, NamedTuple, cast

from pyssh.errors import KeyFormatError, SSHError
from pyssh.keys.certificate import Certificate
from pyssh.keys.krl import MAX_KRL_SIZE, RevocationList, RevokedCertificates, decode_krl, is_krl
from pyssh.keys.names import is_certificate
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh_config.errors import ConfigError
from pyssh_config.key_files import write_key_file
from pyssh_config.known_hosts_file import is_special, replace_file

from .loading import expand, parse_key, read_bytes, read_text, require_public
from .report import KeygenError, reason, say, shown
from .request import Request

__all__ = ["make", "query", "revoked_by"]

_FILE_MODE: Final = 0o644
_MAX_SERIAL: Final = 2**64 - 1
_NUMBER: Final = re.compile(r"0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*")
_DIGITS: Final = 40
"""More than a number of 64 bits has in any base."""


class _Source(NamedTuple):
    """Where specifications come from, and whose certificates they are about; see `_authority`."""

    name: str
    authority: PublicKey | None
    has_authority: bool


def make(request: Request) -> int:
    """Write a list of what the files name; with `-u` added to the list that is there."""
    if not request.path:
        raise KeygenError("KRL generation requires an output file (-f)")
    exists = os.path.exists(request.path)  # noqa: PTH110  as in prompts.home
    if request.update_krl and not exists:
        raise KeygenError(f'KRL "{shown(request.path)}" does not exist')
    authority, has_authority = _authority(request)
    krl = _load(request.path) if request.update_krl else RevocationList()
    if not request.update_krl:
        krl.generated = int(time.time())
    krl.version = request.serial or krl.version
    krl.comment = krl.comment if request.comment is None else shown(request.comment)
    for path in request.words:
        _revoke_from(request, expand(path), authority, krl, has_authority=has_authority)
    try:
        data = krl.encode()
        if exists:
            # a list may go to /dev/stdout, whose link names nothing to be opened
            path = request.path if is_special(request.path) else os.path.realpath(request.path)
            replace_file(path, data)
        else:
            write_key_file(request.path, data, _FILE_MODE)
    except ConfigError as error:
        problem = error.problem.removeprefix("cannot write it: ")
        raise KeygenError(f"write {shown(request.path)}: {problem}") from None
    return 0


def _authority(request: Request) -> tuple[PublicKey | None, bool]:
    """Return the CA of serials and key IDs, None standing for all CAs, and whether there is any."""
    if request.signer is None:
        return None, False
    if request.signer.lower() == "none":
        return None, True
    path = expand(request.signer)
    return require_public(path, f"Cannot load CA public key {shown(path)}")[0], True


def _load(path: str) -> RevocationList:
    try:
        data = read_bytes(path, MAX_KRL_SIZE)
    except OSError as error:
        raise KeygenError(f"Unable to load KRL {shown(path)}: {reason(error)}") from None
    try:
        return decode_krl(data)
    except KeyFormatError as error:
        raise KeygenError(f"Invalid KRL file {shown(path)}: {shown(str(error))}") from None


def _revoke_from(
    request: Request, path: str, authority: PublicKey | None, krl: RevocationList, *, has_authority: bool
) -> None:
    try:
        text = read_text(path)
    except OSError as error:
        raise KeygenError(f"fopen {shown(path)}: {reason(error)}") from None
    name = "(standard input)" if path == "-" else shown(path)
    if not request.quiet:
        say(f"Revoking from {name}")
    for number, line in enumerate(text.split("\n"), 1):
        specification = line.partition("#")[0].strip(" \t\r")
        if specification:
            source = _Source(f"{name}:{number}", authority, has_authority)
            try:
                _revoke(source, specification, krl)
            except SSHError as error:
                if isinstance(error, KeygenError):
                    raise
                raise KeygenError(f"{source.name}: {shown(str(error))}") from None


def _revoke(source: _Source, specification: str, krl: RevocationList) -> None:
    """Revoke what one line names."""
    kind, colon, value = specification.partition(":")
    value = value.strip(" \t")
    match kind.lower() if colon else "":
        case "serial":
            first, last = _serials(source, value)
            _part(source, krl, "serial number").serials.add(first, last)
        case "id":
            _part(source, krl, "key ID").key_ids.add(_key_id(source, value))
        case "hash":
            krl.revoke_digest("sha256", _digest(source, value))
        case "key":
            krl.keys.add(_key(source, value).plain.blob)
        case "sha1" | "sha256" as hash_name:
            krl.revoke_digest(hash_name, _key(source, value).digest(hash_name))
        case _:
            krl.revoke(_key(source, specification))


def _part(source: _Source, krl: RevocationList, what: str) -> RevokedCertificates:
    if not source.has_authority:
        raise KeygenError(
            f"revoking certificates by {what} requires specification of a CA key (-s; none stands for all)"
        )
    return krl.of_authority(source.authority)


def _serials(source: _Source, text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    numbers = _serial(source, first, text), _serial(source, last if dash else first, text)
    if numbers[1] < numbers[0] or (dash and numbers[0] == numbers[1]):
        raise KeygenError(f"{source.name}: invalid serial range {numbers[0]}:{numbers[1]}")
    return numbers


def _serial(source: _Source, digits: str, text: str) -> int:
    """Read a number as strtoull(3) does: decimal, hexadecimal behind 0x, octal behind 0."""
    if not _NUMBER.fullmatch(digits):
        raise KeygenError(f'{source.name}: invalid serial "{shown(text)}"')
    base = 16 if digits[1:2] in ("x", "X") else 8 if digits.startswith("0") else 10
    number = int(digits, base) if len(digits) <= _DIGITS else _MAX_SERIAL + 1
    if number > _MAX_SERIAL:
        raise KeygenError(f"{source.name}: serial out of range")
    return number


def _key_id(source: _Source, text: str) -> str:
    """Return a key ID as it stands in certificates, which have UTF-8 there."""
    if not text.isprintable() and any("\ud800" <= c <= "\udfff" for c in text):
        raise KeygenError(f'{source.name}: key ID "{shown(text)}" is not UTF-8')
    return text


def _digest(source: _Source, text: str) -> bytes:
    if not text.startswith("SHA256:"):
        raise KeygenError(f"{source.name}: unsupported hash algorithm, not SHA256:")
    encoded = text.removeprefix("SHA256:")
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        raise KeygenError(f"{source.name}: decode hash failed: not base64") from None


def _key(source: _Source, text: str) -> PublicKey:
    try:
        return parse_key(text)[0]
    except KeyFormatError as error:
        raise KeygenError(f"{source.name}: invalid key: {shown(str(error))}") from None


def query(request: Request) -> int:
    """Tell of each file's key whether it is revoked, 1 if any is; with `-l` print the list."""
    if not request.path:
        raise KeygenError("KRL checking requires an input file (-f)")
    krl = _load(request.path)
    if request.print_fingerprint:
        _print(krl)
    code = 0
    for path in request.words:
        key, comment = require_public(path, f"Cannot load public key {shown(path)}")
        is_revoked = krl.is_revoked(key)
        code |= is_revoked
        label = f" ({shown(comment)})" if comment else ""
        say(f"{shown(path)}{label}: {'REVOKED' if is_revoked else 'ok'}")
    return code


def _print(krl: RevocationList) -> None:
    """Print a list in a form that `-k` takes again, but for what only its comments say."""
    say(f"# KRL version {krl.version}")
    say(f"# Generated at {_moment(krl.generated)}")
    if krl.comment:
        say(f"# Comment: {shown(krl.comment)}")
    say("")
    for blob in sorted(krl.keys):
        key = decode_public_key(blob)
        say(f"hash: {key.fingerprint()} # {key.key_type}")
    # ssh-keygen prints these digests in hexadecimal, too
    for digest in sorted(krl.sha256):
        say(f"hash: SHA256:{digest.hex()}")
    for digest in sorted(krl.sha1):
        say(f"# hash SHA1:{digest.hex()}")
    for part in krl.certificates.values():
        _print_part(part)


def _print_part(part: RevokedCertificates) -> None:
    say("")
    if part.authority is None:
        say("# Wildcard CA")
    else:
        say(f"# CA key {part.authority.key_type} {part.authority.fingerprint()}")
    for first, last in part.serials.runs():
        say(f"serial: {first}" if first == last else f"serial: {first}-{last}")
    for key_id in sorted(part.key_ids, key=str.encode):
        say(f"id: {shown(key_id)}")


def _moment(seconds: int) -> str:
    try:
        return time.strftime("%Y%m%dT%H%M%S", time.localtime(seconds))
    except (OverflowError, OSError, ValueError):
        return "UNKNOWN-TIME"


def revoked_by(path: str, key: PublicKey) -> bool:
    """Tell whether a key is revoked by a list, or by a file with keys in lines, of which CAs count too."""
    try:
        data = read_bytes(path)
    except OSError as error:
        raise KeygenError(f"{shown(path)}: {reason(error)}") from None
    if is_krl(data):
        return _load(path).is_revoked(key)
    listed = []
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        text = line.strip()
        if text and not text.startswith("#"):
            try:
                listed.append(parse_key(text)[0].plain)
            except KeyFormatError:
                # half a list of revoked keys is none
                raise KeygenError(f"{shown(path)}:{number}: invalid key") from None
    keys = [key.plain]
    if is_certificate(key):
        keys.append(cast(Certificate, key).signature_key)
    return any(found in listed for found in keys)
