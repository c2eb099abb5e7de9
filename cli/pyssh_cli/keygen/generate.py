"""New key pairs, and `-A`: the host keys that are missing."""

import os
import pwd
import re
import socket
from pathlib import Path
from typing import Final

from pyssh.errors import KeyFormatError
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.keys.public import PublicKey

from .prompts import ask_new_passphrase, ask_path, confirm_overwrite, home
from .report import KeygenError, reason, say, shown, warn, write_text
from .request import Request
from .saving import check_encryption, checked_comment, encode, save_private, save_public
from .unsupported import refuse_security_key

__all__ = ["default_comment", "make_host_keys", "run"]

_TYPES: Final = ("ed25519", "ecdsa", "rsa", "mldsa44-ed25519")
_SECURITY_KEYS: Final = re.compile(
    r"(ecdsa|ed25519)-sk|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com|"
    r"webauthn-sk-ecdsa-sha2-nistp256@openssh\.com",
    re.IGNORECASE,
)
_RSA_BITS: Final = range(2048, 16384 + 1)
_ECDSA_BITS: Final = (256, 384, 521)

_HOST_KEYS: Final = (
    ("rsa", "RSA"),
    ("ecdsa", "ECDSA"),
    ("ed25519", "ED25519"),
    ("mldsa44-ed25519", "MLDSA44-ED25519"),
)


def run(request: Request) -> int:
    """Make a key pair."""
    wanted = request.key_type or "ed25519"
    if _SECURITY_KEYS.fullmatch(wanted):
        refuse_security_key(shown(wanted))
    key_type, bits = _checked_type(wanted, request.bits)
    check_encryption(request)
    comment = checked_comment(default_comment() if request.comment is None else request.comment)
    if not request.quiet:
        say(f"Generating public/private {shown(wanted)} key pair.")
    try:
        key = generate_private_key(key_type, bits)
    except KeyFormatError as error:
        raise KeygenError(str(error)) from None
    path = request.path or ask_path("Enter file in which to save the key", request.key_type)
    _make_user_folder(path, quiet=request.quiet)
    confirm_overwrite(path)
    save_private(path, encode(request, key, comment, _new_passphrase(request, path)))
    if not request.quiet:
        say(f"Your identification has been saved in {shown(path)}")
    public = save_public(path, key.key, comment)
    if not request.quiet:
        _tell(request, public, key.key, comment)
    return 0


def _checked_type(wanted: str, bits: int | None) -> tuple[str, int | None]:
    """Return the library's name of the type, and the size if the type has several."""
    name = wanted.lower()
    curve = re.fullmatch(r"ecdsa-sha2-nistp(256|384|521)", name)
    if curve:
        name, bits = "ecdsa", bits or int(curve[1])
    elif name in ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"):
        name = "rsa"
    name = name.removeprefix("ssh-")
    if name == "rsa" and bits is not None and bits not in _RSA_BITS:
        limit = f"minimum is {_RSA_BITS[0]}" if bits < _RSA_BITS[0] else f"maximum is {_RSA_BITS[-1]}"
        raise KeygenError(f"Invalid RSA key length: {limit} bits")
    if name == "ecdsa" and bits is not None and bits not in _ECDSA_BITS:
        raise KeygenError("Invalid ECDSA key length: valid lengths are 256, 384 or 521 bits")
    if name not in (*_TYPES, "mldsa44-ed25519@openssh.com"):
        raise KeygenError(f"unknown key type {shown(wanted)}; there are {', '.join(_TYPES)}")
    return name, bits if name in ("rsa", "ecdsa") else None


def default_comment() -> str:
    """Return who makes the key, and where."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        # a uid without a name, as containers have it
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _make_user_folder(path: str, *, quiet: bool) -> None:
    """Make ~/.ssh if the key goes there and there is none."""
    folder = Path(home(), ".ssh")
    if folder.exists() or Path(path).parent != folder:
        return
    try:
        folder.mkdir(mode=0o700)
    except OSError as error:
        warn(f"Could not create directory '{folder}': {reason(error)}")
        return
    if not quiet:
        say(f"Created directory '{folder}'.")


def _new_passphrase(request: Request, path: str) -> bytes:
    for given in (request.passphrase, request.new_passphrase):
        if given is not None:
            return os.fsencode(given)
    first = f'Enter passphrase for "{shown(path)}" (empty for no passphrase): '
    while (passphrase := ask_new_passphrase(first, "Enter same passphrase again: ")) is None:
        say("Passphrases do not match.  Try again.")
    return passphrase


def _tell(request: Request, path: str, key: PublicKey, comment: str) -> None:
    from pyssh.keys.randomart import randomart  # noqa: PLC0415  # not for -q

    say(f"Your public key has been saved in {shown(path)}")
    say("The key fingerprint is:")
    say(f"{key.fingerprint(request.hash_name)} {shown(comment)}")
    say("The key's randomart image is:")
    say(randomart(key, request.hash_name))


def make_host_keys(request: Request) -> int:
    """Make the host keys that do not exist or are empty, without passphrases."""
    folder = f"{request.path or ''}/etc/ssh"
    check_encryption(request)
    comment = checked_comment(default_comment())
    told = False
    for name, display in _HOST_KEYS:
        path = f"{folder}/ssh_host_{name.replace('-', '_')}_key"
        try:
            if _holds_something(path):
                continue
            write_text("" if told else "ssh-keygen: generating new host keys: ")
            told = True
            write_text(f"{display} ")
            key: PrivateKey = generate_private_key(name)
            save_private(path, encode(request, key, comment, b""))
            save_public(path, key.key, comment)
        except KeygenError as error:
            warn(str(error))
        except OSError as error:
            warn(f"Could not stat {shown(path)}: {reason(error)}")
    if told:
        say("")
    return 0


def _holds_something(path: str) -> bool:
    try:
        return Path(path).stat().st_size > 0
    except FileNotFoundError:
        return False
