"""`--import` and `--export`: keys from and to formats for which ssh-keygen has no flag."""

import os
from typing import TYPE_CHECKING, Any

from pyssh.errors import KeyFormatError, PassphraseError, SSHError
from pyssh.keys.formats import (
    PRIVATE_FORMATS,
    PUBLIC_FORMATS,
    KeyFile,
    dump_private,
    dump_public,
    load_key,
    load_public,
)
from pyssh.keys.public import PublicKey, format_public_line
from pyssh_config.key_files import PRIVATE_MODE, PUBLIC_MODE, public_path
from pyssh_config.permissions import check_private

from .loading import describe, find_key, read_bytes, read_text
from .prompts import ask_path, confirm_overwrite, read_passphrase
from .report import KeygenError, say, say_raw, shown, warn
from .request import Request
from .saving import check_encryption, checked_comment, encode, save_file, save_private, save_public

if TYPE_CHECKING:
    from pyssh.keys.private import PrivateKey

__all__ = ["export", "import_"]

_MAX_BYTES = 1 << 20
_DERIVATIONS = {"argon2id": "Argon2id", "argon2i": "Argon2i", "argon2d": "Argon2d"}


def import_(request: Request) -> int:
    """Write a key of any format as OpenSSH has it: a private one with its public half, a public one alone."""
    source = request.import_file or ""
    check_encryption(request)
    file, passphrase = _load(source, request.passphrase)
    comment = checked_comment(file.comment if request.comment is None else request.comment)
    if file.private is None:
        _import_public(request, file.key, comment, several=file.others > 0)
        return 0
    path = request.path or ask_path("Enter file in which to save the key", file.private.key.key_type)
    _refuse_same(source, path)
    confirm_overwrite(path)
    if request.new_passphrase is not None:
        passphrase = os.fsencode(request.new_passphrase)
    save_private(path, encode(request, file.private, comment, passphrase))
    public = save_public(path, file.private.key, comment)
    if not request.quiet:
        say(f"Your identification has been saved in {shown(path)}")
        say(f"Your public key has been saved in {shown(public)}")
    if file.key.plain is not file.key:
        _import_certificate(request, path, file.key, comment)
    if not request.quiet and not passphrase:
        say("It has no passphrase; pyssh keygen -p gives it one.")
    return 0


def _import_certificate(request: Request, path: str, certificate: PublicKey, comment: str) -> None:
    """Write the certificate that a .ppk file holds where ssh looks for it."""
    beside = f"{path}-cert.pub"
    confirm_overwrite(beside)
    save_file(beside, _line(certificate, comment), PUBLIC_MODE)
    if not request.quiet:
        say(f"Your certificate has been saved in {shown(beside)}")


def _line(key: PublicKey, comment: str) -> bytes:
    return format_public_line(key, comment).encode("utf-8", "surrogateescape") + b"\n"


def _import_public(request: Request, key: PublicKey, comment: str, *, several: bool) -> None:
    line = _line(key, comment)
    if several:
        warn(f"{shown(request.import_file or '')}: more than one key in it; this is the first")
    if request.path is None:
        say_raw(line)
        return
    _refuse_same(request.import_file or "", request.path)
    confirm_overwrite(request.path)
    save_file(request.path, line, PUBLIC_MODE)


def export(request: Request) -> int:
    """Print or write the key of a file in another format; the private half, where both have one."""
    wanted = (request.export_format or "").lower()
    if wanted not in PRIVATE_FORMATS + PUBLIC_FORMATS:
        known = ", ".join(dict.fromkeys(PRIVATE_FORMATS + PUBLIC_FORMATS))
        raise KeygenError(f'Unsupported format "{shown(wanted)}"; there are {known}', 1)
    path = request.path or ask_path("Enter file in which the key is", request.key_type)
    settings = _settings(request, wanted)
    if request.output is not None:
        _refuse_same(path, request.output)
    private, key, comment, passphrase = _to_export(path, request, wanted)
    if request.comment is not None:
        comment = checked_comment(request.comment)
    if request.new_passphrase is not None:
        passphrase = os.fsencode(request.new_passphrase)
    elif wanted == "jwk" and private and passphrase:
        warn("a JWK is never encrypted: what is written holds the private key in clear")
        passphrase = b""
    try:
        if private:
            data = dump_private(private, wanted, passphrase=passphrase, comment=comment, **settings)
        else:
            data = dump_public(key, wanted, comment=comment)
    except KeyFormatError as error:
        raise KeygenError(f"{shown(path)}: {shown(str(error))}") from None
    if request.output is None:
        say_raw(data)
        return 0
    confirm_overwrite(request.output)
    save_file(request.output, data, PRIVATE_MODE if private else PUBLIC_MODE)
    return 0


def _settings(request: Request, wanted: str) -> dict[str, Any]:
    """Return how the passphrase is to be used; what the format has no use for is refused."""
    settings: dict[str, Any] = {}
    if request.cipher is not None:
        if wanted != "openssh":
            raise KeygenError(f"-Z is for OpenSSH's format, not for {wanted}", 1)
        settings["cipher"] = request.cipher
    if request.rounds is not None:
        if wanted not in ("openssh", "ppk"):
            raise KeygenError(f"-a is for OpenSSH's format and for ppk, not for {wanted}", 1)
        settings["rounds"] = request.rounds
    if wanted == "openssh":
        check_encryption(request)
    for option in request.options:
        name, _, value = option.partition("=")
        if name != "kdf" or wanted != "ppk" or value.lower() not in _DERIVATIONS:
            raise KeygenError(
                f'Invalid option "{shown(option)}"; there is kdf=argon2id, argon2i or argon2d, for ppk', 1
            )
        settings["derivation"] = _DERIVATIONS[value.lower()]
    return settings


def _to_export(path: str, request: Request, wanted: str) -> "tuple[PrivateKey | None, PublicKey, str, bytes]":
    """Return private half, if it is to be written, public half, comment and passphrase."""
    if wanted not in PRIVATE_FORMATS:
        key, comment = _public_half(path, request.passphrase)
        return None, key, comment, b""
    file, passphrase = _load(path, request.passphrase, checked=True)
    if file.private is None and wanted not in PUBLIC_FORMATS:
        raise KeygenError(f"{shown(path)}: this is a public key, and {wanted} is a format of private ones")
    if file.private is not None and file.key.plain is not file.key:
        warn(f"{shown(path)}: the certificate in it is not exported; --import writes it beside the key")
    return file.private, file.key, file.comment or _comment_beside(path, file.key.plain), passphrase


def _public_half(path: str, passphrase: str | None) -> tuple[PublicKey, str]:
    """Return the public key of a file, without a passphrase where there is a way, and its comment."""
    try:
        data = read_bytes(path, _MAX_BYTES)
        try:
            file = load_key(data)
        except PassphraseError:
            key = load_public(data)
            return key, _comment_beside(path, key)
        return file.key, file.comment or _comment_beside(path, file.key)
    except PassphraseError:
        found = _beside(path)
        if found:
            return found
        file, _ = _load(path, passphrase)
        return file.key, file.comment
    except (SSHError, OSError) as error:
        raise KeygenError(f'Load key "{shown(path)}": {describe(error)}') from None


def _beside(path: str) -> tuple[PublicKey, str] | None:
    """Return what is in the `.pub` file of a private one."""
    try:
        return find_key(read_text(public_path(path), _MAX_BYTES))
    except (OSError, SSHError):
        return None


def _comment_beside(path: str, key: PublicKey) -> str:
    """Return the comment of the `.pub` file: the older formats have none of their own."""
    found = _beside(path)
    return found[1] if found and found[0] == key else ""


def _load(path: str, passphrase: str | None, *, checked: bool = False) -> tuple[KeyFile, bytes]:
    """Read a key file of any format, asking for its passphrase if it has one; return also what it was.

    With `checked` a private key must be one that nobody else can read, as everywhere but for files that come
    from elsewhere.
    """
    problem = f'Load key "{shown(path)}"'
    try:
        data = read_bytes(path, _MAX_BYTES)
        try:
            file, given = load_key(data), b""
        except PassphraseError:
            prompt = f'Enter passphrase for "{shown(path)}": '
            given = read_passphrase(prompt) if passphrase is None else os.fsencode(passphrase)
            file = load_key(data, given)
    except PassphraseError as error:
        # which of the two it is, no format but OpenSSH's tells
        raise KeygenError(f"{problem}: {shown(str(error))}") from None
    except (SSHError, OSError) as error:
        raise KeygenError(f"{problem}: {describe(error)}") from None
    if checked and file.private is not None and path != "-":
        _check_mode(path)
    return file, given


def _check_mode(path: str) -> None:
    try:
        check_private(path, os.stat(path))  # noqa: PTH116  as in prompts.home
    except (SSHError, OSError) as error:
        raise KeygenError(f'Load key "{shown(path)}": {describe(error)}') from None


def _refuse_same(source: str, target: str) -> None:
    if source == "-":
        return
    try:
        same = os.path.samefile(source, target)  # noqa: PTH121  as in prompts.home
    except OSError:
        return
    if same:
        raise KeygenError(f"{shown(target)}: this is the file that the key comes from; take another one")
