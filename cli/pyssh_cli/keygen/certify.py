"""`-s`: sign public keys with a CA key from a file or in the agent."""

import os
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from pyssh.errors import SSHError
from pyssh.keys.certificate import FOREVER, MAX_PRINCIPALS, Certificate
from pyssh.keys.certify import NONCE_SIZE, Statement, flag_option, sign_certificate, text_option
from pyssh.keys.names import is_certificate, short_name
from pyssh.keys.public import PublicKey
from pyssh_config.addresses import parse_network
from pyssh_config.errors import ConfigError

from .loading import describe, expand, load_identity, require_public
from .report import KeygenError, shown, warn
from .request import Request
from .saving import save_line
from .validity import format_validity, parse_validity

__all__ = ["Authority", "CertificateOptions", "run"]

_EXTENSIONS: Final = {
    "x11-forwarding": "permit-X11-forwarding",
    "agent-forwarding": "permit-agent-forwarding",
    "port-forwarding": "permit-port-forwarding",
    "pty": "permit-pty",
    "user-rc": "permit-user-rc",
}
_TYPES_BY_NAME: Final = {
    "rsa": "ssh-rsa",
    "rsa-sha2-256": "ssh-rsa",
    "rsa-sha2-512": "ssh-rsa",
    "ed25519": "ssh-ed25519",
    "mldsa44-ed25519": "ssh-mldsa44-ed25519",
}
_RSA_ALGORITHMS: Final = ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


class Authority(NamedTuple):
    """A CA's key, and what signs with it."""

    key: PublicKey
    sign: Callable[[bytes], bytes]


def run(request: Request) -> int:
    """Write a certificate beside each of the public keys."""
    if request.identity is None:
        raise KeygenError("Must specify key id (-I) when certifying")
    options = CertificateOptions(for_host=request.for_host)
    for option in request.options:
        options.add(option)
    valid_after, valid_before = 0, FOREVER
    if request.validity is not None:
        valid_after, valid_before = parse_validity(request.validity, time.time())
    principals = _principals(request)
    authority = _authority(request)
    serial = request.serial
    for path in request.words:
        statement = Statement(
            "host" if request.for_host else "user",
            _utf8(request.identity, "key id"),
            principals,
            serial,
            valid_after,
            valid_before,
            options.critical,
            options.extensions,
        )
        _certify(request, expand(path), statement, authority)
        serial = (serial + 1) % 2**64 if request.count_serial else serial
    return 0


def _utf8(text: str, what: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise KeygenError(f"the {what} {shown(text)} is not UTF-8") from None
    return text


def _principals(request: Request) -> tuple[str, ...]:
    if request.principals is None:
        warn("Warning: certificate will contain no principals (-n)")
        return ()
    names = tuple(_utf8(request.principals, "list of principals").split(","))
    if not all(names):
        raise KeygenError("Empty principal name")
    if len(names) > MAX_PRINCIPALS:
        raise KeygenError(f"Too many certificate principals specified; at most {MAX_PRINCIPALS}")
    return names


def _authority(request: Request) -> Authority:
    path = expand(request.signer or "")
    if request.use_agent:
        from . import agent  # noqa: PLC0415  # brings asyncio

        key, _ = require_public(path, f"Cannot load CA public key {shown(path)}")
        _check_agent(key, path)
        return Authority(key, agent.signer(key, _algorithm(request, key)))
    private, _, _ = load_identity(path, request.passphrase)
    algorithm = _algorithm(request, private.key)
    return Authority(private.key, lambda data: private.sign(algorithm, data))


def _check_agent(key: PublicKey, path: str) -> None:
    from . import agent  # noqa: PLC0415  # as above

    try:
        if agent.holds(key):
            return
    except OSError as error:
        raise KeygenError(
            f"Cannot use public key for CA signature: {error.strerror or error}; is ssh-agent running?"
        ) from None
    except SSHError as error:
        raise KeygenError(f"Cannot use public key for CA signature: {describe(error)}") from None
    raise KeygenError(f"CA key {shown(path)} not found in agent; ssh-add puts it there")


def _algorithm(request: Request, key: PublicKey) -> str:
    """Return the signature algorithm: that of `-t`, which must go with the key, or the best."""
    wanted = request.key_type
    if wanted is not None:
        name = _TYPES_BY_NAME.get(wanted.lower(), wanted.lower())
        if name != key.key_type and not (name == "ecdsa" and key.key_type.startswith("ecdsa-")):
            raise KeygenError(f"CA key type {key.key_type} doesn't match specified {shown(wanted)}")
        if wanted.lower() in _RSA_ALGORITHMS:
            return wanted.lower()
    return key.signature_algorithms[0]


def _certify(request: Request, path: str, statement: Statement, authority: Authority) -> None:
    key, comment = require_public(path, f'load pubkey "{shown(path)}"')
    if is_certificate(key):
        raise KeygenError(f'key "{shown(path)}" type {short_name(key)} cannot be certified')
    try:
        certificate = sign_certificate(key, statement, authority.key, authority.sign, os.urandom(NONCE_SIZE))
    except SSHError as error:
        raise KeygenError(f"Couldn't certify key {shown(path)}: {describe(error)}") from None
    target = f"{path.removesuffix('.pub')}-cert.pub"
    save_line(target, certificate, comment)
    if not request.quiet:
        warn(_summary(request, target, certificate))


def _summary(request: Request, target: str, certificate: Certificate) -> str:
    principals = "" if request.principals is None else f" for {shown(request.principals)}"
    return (
        f'Signed {certificate.kind} key {shown(target)}: id "{shown(certificate.key_id)}" serial '
        f"{certificate.serial}{principals} valid "
        f"{format_validity(certificate.valid_after, certificate.valid_before)}"
    )


class CertificateOptions:
    """The options of a certificate, as `-O` changes them: all that users have, none for hosts."""

    def __init__(self, *, for_host: bool) -> None:
        self.critical: dict[str, bytes] = {}
        self.extensions: dict[str, bytes] = (
            {} if for_host else dict.fromkeys(_EXTENSIONS.values(), flag_option)
        )

    def add(self, option: str) -> None:
        """Apply one `-O`; `KeygenError` for one that is not known or makes no sense."""
        name, equals, value = option.partition("=")
        kind, colon, custom = option.partition(":")
        if colon and kind.lower() in ("extension", "critical"):
            self._add_custom(kind.lower(), custom)
        elif equals and name.lower() in ("force-command", "source-address"):
            self._add_text(name.lower(), value)
        elif not self._switch(option.lower()):
            raise KeygenError(f'Unsupported certificate option "{shown(option)}"')

    def _switch(self, option: str) -> bool:
        match option.split("-", 1):
            case ["clear"]:
                self.extensions.clear()
                self.critical.pop("verify-required", None)
            case ["permit", rest] if rest in _EXTENSIONS:
                self.extensions[_EXTENSIONS[rest]] = flag_option
            case ["no", rest] if rest in _EXTENSIONS:
                self.extensions.pop(_EXTENSIONS[rest], None)
            case ["verify", "required"]:
                self.critical["verify-required"] = flag_option
            case ["no", "verify-required"]:
                self.critical.pop("verify-required", None)
            case ["no", "touch-required"]:
                self.extensions["no-touch-required"] = flag_option
            case ["touch", "required"]:
                self.extensions.pop("no-touch-required", None)
            case _:
                return False
        return True

    def _add_text(self, name: str, value: str) -> None:
        if not value:
            raise KeygenError(f"Empty {name} option")
        if name in self.critical:
            raise KeygenError(f"{name} already specified")
        if name == "source-address":
            try:
                for entry in value.split(","):
                    parse_network(entry)
            except ConfigError as error:
                raise KeygenError(f"Invalid source-address list: {error}") from None
        self.critical[name] = text_option(_utf8(value, name))

    def _add_custom(self, kind: str, text: str) -> None:
        name, equals, value = text.partition("=")
        data = text_option(_utf8(value, name)) if equals else flag_option
        (self.critical if kind == "critical" else self.extensions)[_utf8(name, kind)] = data
