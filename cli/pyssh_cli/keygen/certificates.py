"""`-L`: what certificates say."""

from collections.abc import Mapping
from typing import cast

from pyssh.errors import SSHError
from pyssh.keys.certificate import Certificate
from pyssh.keys.names import is_certificate, short_name
from pyssh.wire.types import Reader, take_text

from .loading import parse_key, read_text
from .prompts import ask_path
from .report import KeygenError, reason, say, shown, warn
from .request import Request
from .validity import format_validity

__all__ = ["run"]

_INDENT = " " * 8
_ENTRY = " " * 16
_FLAGS = {
    "permit-X11-forwarding",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
    "permit-user-rc",
    "no-touch-required",
}
_CRITICAL_TEXTS = {"force-command", "source-address"}
_CRITICAL_FLAGS = {"verify-required"}


def run(request: Request) -> int:
    """Print each certificate of a file; 1 if there is none."""
    path = request.path or ask_path("Enter file in which the key is", request.key_type)
    try:
        text = read_text(path)
    except OSError as error:
        raise KeygenError(f"{shown(path)}: {reason(error)}") from None
    name = "(stdin)" if path == "-" else shown(path)
    found = False
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        try:
            key, _ = parse_key(stripped)
        except SSHError as error:
            warn(f"{name}:{number}: invalid key: {shown(str(error))}")
            continue
        if not is_certificate(key):
            warn(f"{name}:{number} is not a certificate")
            continue
        found = True
        say(f"{name}:" if number == 1 and path != "-" else f"{name}:{number}:")
        _print(request, cast(Certificate, key))
    return 0 if found else 1


def _print(request: Request, certificate: Certificate) -> None:
    authority = certificate.signature_key
    hash_name = request.hash_name
    algorithm = take_text(Reader(certificate.signature))
    lines = [
        f"Type: {certificate.key_type} {certificate.kind} certificate",
        f"Public key: {short_name(certificate)} {certificate.fingerprint(hash_name)}",
        f"Signing CA: {short_name(authority)} {authority.fingerprint(hash_name)} (using {shown(algorithm)})",
        f'Key ID: "{shown(certificate.key_id)}"',
        f"Serial: {certificate.serial}",
        f"Valid: {format_validity(certificate.valid_after, certificate.valid_before)}",
    ]
    for line in lines:
        say(_INDENT + line)
    _print_list("Principals", [shown(name) for name in certificate.principals])
    _print_list("Critical Options", _describe(certificate.critical_options, _CRITICAL_FLAGS, _CRITICAL_TEXTS))
    _print_list("Extensions", _describe(certificate.extensions, _FLAGS, set()))


def _print_list(title: str, entries: list[str]) -> None:
    say(f"{_INDENT}{title}: {'' if entries else '(none)'}")
    for entry in entries:
        say(_ENTRY + entry)


def _describe(options: Mapping[str, bytes], flags: set[str], texts: set[str]) -> list[str]:
    described = []
    for name, data in options.items():
        text = shown(name)
        if name in texts:
            text += f" {shown(take_text(Reader(data)))}"
        elif data:
            text += f" UNKNOWN OPTION: {data.hex()} (len {len(data)})"
        elif name not in flags:
            text += " UNKNOWN FLAG OPTION"
        described.append(text)
    return described
