"""`-Y`: sign files, verify signatures, and ask the allowed_signers file."""

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from pyssh.errors import KeyFormatError, PassphraseError, SSHError
from pyssh.keys.names import short_name
from pyssh.keys.public import PublicKey, format_public_line
from pyssh.keys.sshsig import HASHES, FileSignature, decode_signature, encode_signature, signed_data
from pyssh_cli.getopt import BadUsageError
from pyssh_config.authorized_keys import parse_timestamp
from pyssh_config.errors import ConfigError

from .allowed_signers import Claim, check_signer, find_principals, match_principals
from .loading import describe, load_identity, read_text, require_public, try_load_private
from .prompts import confirm_overwrite
from .report import KeygenError, reason, say, shown, warn, write_text
from .request import Request

__all__ = ["run"]

_CHUNK: Final = 1 << 20
_FAILED: Final = 255
_NO_MATCH: Final = 210
"""What match-principals of ssh-keygen exits with: its error number -46 as a byte."""
_SUFFIXES: Final = ("-cert.pub", ".pub")


class _Options(NamedTuple):
    hash_name: str = HASHES[0]
    moment: float = 0.0
    print_key: bool = False


def run(request: Request) -> int:
    """Do the operation that `-Y` names."""
    name = request.signature_operation or ""
    if name not in _OPERATIONS:
        raise BadUsageError(
            f'Unsupported operation for -Y: "{shown(name)}"; there is {", ".join(_OPERATIONS)}'
        )
    operation, needed = _OPERATIONS[name]
    for field, what in needed:
        if not getattr(request, field):
            raise KeygenError(f"Too few arguments for {name}: missing {what}", 1)
    return operation(request)


def _options(request: Request, allowed: Sequence[str]) -> _Options | None:
    """Read the `-O`s that an operation takes; None, after an error line, if one is wrong."""
    options = _Options(moment=time.time())
    for option in request.options:
        name, _, value = option.partition("=")
        name = name.lower()
        if name not in allowed:
            there = f"; there is {', '.join(allowed)}" if allowed else ""
            warn(f'Invalid option "{shown(option)}"{there}')
            return None
        if name == "hashalg":
            options = options._replace(hash_name=value)
        elif name == "print-pubkey":
            options = options._replace(print_key=True)
        else:
            try:
                options = options._replace(moment=parse_timestamp(value))
            except ConfigError as error:
                warn(f'Invalid "verify-time" option: {error.problem}')
                return None
    return options


def _sign(request: Request) -> int:
    if "-" in request.words and len(request.words) > 1:
        raise KeygenError("Cannot sign mix of paths and standard input")
    options = _options(request, ["hashalg"])
    if options is None:
        return _FAILED
    path = request.path or ""
    key, _ = require_public(path, f"Couldn't load public key {shown(path)}")
    sign = _signer(request, path, key)
    for name in request.words or ("-",):
        _sign_one(request, name, key, sign, options.hash_name)
    return 0


def _signer(request: Request, path: str, key: PublicKey) -> Callable[[bytes], bytes]:
    """Return what signs: the agent if it has the key, else the private key file."""
    algorithm = key.plain.signature_algorithms[0]
    if "SSH_AUTH_SOCK" in os.environ or request.use_agent:
        from . import agent  # noqa: PLC0415  # brings asyncio

        try:
            if agent.holds(key):
                return agent.signer(key, algorithm)
            problem = "Couldn't find key in agent"
        except (OSError, SSHError) as error:
            problem = f"Couldn't get agent socket: {describe(error)}"
        if request.use_agent:
            raise KeygenError(problem)
    private_path = _private_path(path)
    try:
        try_load_private(private_path, None)
    except PassphraseError:
        pass
    except (OSError, SSHError) as error:
        raise KeygenError(f'No private key found for "{shown(private_path)}": {describe(error)}') from None
    private, _, _ = load_identity(private_path, request.passphrase)
    if private.key != key.plain:
        raise KeygenError(f"Public key {shown(path)} doesn't match private {shown(private_path)}")
    return lambda data: private.sign(algorithm, data)


def _private_path(path: str) -> str:
    for suffix in _SUFFIXES:
        if path.endswith(suffix) and len(path) > len(suffix):
            private = path.removesuffix(suffix)
            if not os.path.exists(private):  # noqa: PTH110  as in prompts.home
                raise KeygenError(f'No private key found for public key "{shown(path)}"')
            return private
    return path


def _digest(descriptor: int, hash_name: str) -> bytes:
    digest = hashlib.new(hash_name)
    while data := os.read(descriptor, _CHUNK):
        digest.update(data)
    return digest.digest()


def _sign_one(
    request: Request, path: str, key: PublicKey, sign: Callable[[bytes], bytes], hash_name: str
) -> None:
    try:
        descriptor = 0 if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise KeygenError(f"Cannot open {shown(path)} for signing: {reason(error)}") from None
    if not request.quiet:
        warn("Signing data on standard input" if path == "-" else f"Signing file {shown(path)}")
    namespace = request.principals or ""
    try:
        # looked at before a long file is read
        signed_data(namespace, hash_name, b"")
        digest = _digest(descriptor, hash_name)
        signature = sign(signed_data(namespace, hash_name, digest))
    except OSError as error:
        raise KeygenError(f"Signing {shown(path)} failed: {reason(error)}") from None
    except SSHError as error:
        raise KeygenError(f"Signing {shown(path)} failed: {describe(error)}") from None
    finally:
        if descriptor:
            os.close(descriptor)
    text = encode_signature(FileSignature(key, namespace, hash_name, signature))
    if path == "-":
        write_text(text)
    else:
        _write(request, f"{path}.sig", text)


def _write(request: Request, path: str, text: str) -> None:
    try:
        confirm_overwrite(path)
    except KeygenError:
        # a no is no failure here: the files that follow are signed nevertheless
        return
    try:
        # a signature is no secret: the umask decides, as for any other file
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as error:
        raise KeygenError(f"Cannot open {shown(path)}: {reason(error)}") from None
    if not request.quiet:
        warn(f"Write signature to {shown(path)}")


def _read_signature(request: Request) -> FileSignature:
    path = request.signer or ""
    try:
        return decode_signature(read_text(path))
    except OSError as error:
        raise KeygenError(f"Couldn't read signature file: {shown(path)}: {reason(error)}") from None
    except KeyFormatError as error:
        raise KeygenError(f"Couldn't parse signature: {shown(path)}: {shown(str(error))}") from None


def _read_signers(request: Request) -> str:
    path = request.path or ""
    try:
        return read_text(path)
    except OSError as error:
        raise KeygenError(f'Unable to open allowed keys file "{shown(path)}": {reason(error)}') from None


def _verify(request: Request) -> int:
    """Verify a signature over standard input; with `check-novalidate` no matter whose it is."""
    validate = request.signature_operation == "verify"
    options = _options(request, ["verify-time", "print-pubkey"])
    signature = None
    if options is not None:
        try:
            signature = _verified(request)
            if validate:
                _check_trust(request, signature, options.moment)
        except KeygenError as error:
            warn(str(error))
            signature = None
    if options is None or signature is None:
        if not request.quiet:
            say("Could not verify signature.")
        return _FAILED
    if not request.quiet:
        _tell_good(request, signature, f" for {shown(request.identity or '')}" if validate else "")
    if options.print_key:
        say(format_public_line(signature.key, ""))
    return 0


def _verified(request: Request) -> FileSignature:
    signature = _read_signature(request)
    if signature.namespace != request.principals:
        raise KeygenError("Couldn't verify signature: namespace does not match")
    try:
        digest = _digest(0, signature.hash_name)
    except OSError as error:
        raise KeygenError(f"Couldn't read standard input: {reason(error)}") from None
    if not signature.verify(digest):
        raise KeygenError("Signature verification failed: incorrect signature")
    return signature


def _check_trust(request: Request, signature: FileSignature, moment: float) -> None:
    if request.host is not None:
        from .revocation import revoked_by  # noqa: PLC0415  # few signatures are checked against a list

        if revoked_by(request.host, signature.key):
            raise KeygenError(f"the key is revoked by {shown(request.host)}")
    claim = Claim(signature.key, request.identity or "", signature.namespace, moment)
    problems = check_signer(_read_signers(request), shown(request.path or ""), claim)
    if problems:
        raise KeygenError("\n".join(shown(problem) for problem in problems))


def _tell_good(request: Request, signature: FileSignature, whose: str) -> None:
    key = signature.key
    say(
        f'Good "{shown(signature.namespace)}" signature{whose} with {short_name(key)} key '
        f"{key.fingerprint(request.hash_name)}"
    )


def _find_principals(request: Request) -> int:
    options = _options(request, ["verify-time"])
    names: list[str] = []
    if options is not None:
        try:
            signature = _read_signature(request)
            names, problems = find_principals(
                _read_signers(request), shown(request.path or ""), signature.key, options.moment
            )
        except KeygenError as error:
            names, problems = [], [str(error)]
        for problem in problems:
            warn(shown(problem))
    for name in names:
        say(shown(name))
    if not names:
        warn("No principal matched.")
    return 0 if names else _FAILED


def _match_principals(request: Request) -> int:
    if _options(request, []) is None:
        return _FAILED
    matched = match_principals(_read_signers(request), request.identity or "")
    for principals in matched:
        say(shown(principals))
    if not matched:
        warn("No principal matched.")
    return 0 if matched else _NO_MATCH


_NAMESPACE: Final = ("principals", "namespace (-n)")
_SIGNATURE: Final = ("signer", "signature file (-s)")
_SIGNERS: Final = ("path", "allowed keys file (-f)")
_IDENTITY: Final = ("identity", "principal identity (-I)")

_OPERATIONS: Final[dict[str, tuple[Callable[[Request], int], tuple[tuple[str, str], ...]]]] = {
    "sign": (_sign, (_NAMESPACE, ("path", "key (-f)"))),
    "verify": (_verify, (_NAMESPACE, _SIGNATURE, _SIGNERS, _IDENTITY)),
    "check-novalidate": (_verify, (_NAMESPACE, _SIGNATURE)),
    "find-principals": (_find_principals, (_SIGNATURE, _SIGNERS)),
    "match-principals": (_match_principals, (_SIGNERS, _IDENTITY)),
}
