"""`pyssh keygen`, in the place of ssh-keygen: arguments and help, and which operation they ask for."""

import importlib
from collections.abc import Sequence
from typing import Final

from pyssh.errors import SSHError
from pyssh_cli import exit_codes
from pyssh_cli.getopt import BadUsageError, format_flags
from pyssh_cli.keygen.report import FATAL, KeygenError, reason, say, shown, warn
from pyssh_cli.keygen.request import FLAGS, Request, parse_request

__all__ = ["main"]

_PACKAGE: Final = "pyssh_cli.keygen"
_AUDIT: Final = "audit"
_AUTHORITY: Final = "ca"

# In the order in which ssh-keygen looks at the fields: the first that is set decides.
_OPERATIONS: Final = (
    ("signature_operation", "signatures", "run"),
    ("make_krl", "revocation", "make"),
    ("query_krl", "revocation", "query"),
    ("signer", "certify", "run"),
    ("show_certificate", "certificates", "run"),
    ("remove_host", "hosts", "run"),
    ("hash_hosts", "hosts", "run"),
    ("find_host", "hosts", "run"),
    ("import_file", "transfer", "import_"),
    ("export_format", "transfer", "export"),
    ("pkcs11", "unsupported", "pkcs11"),
    ("fetch_resident", "unsupported", "fetch_resident"),
    ("print_fingerprint", "show", "run"),
    ("print_bubblebabble", "show", "run"),
    ("change_passphrase", "change", "change_passphrase"),
    ("change_comment", "change", "change_comment"),
    ("export", "convert", "export"),
    ("import_", "convert", "import_"),
    ("print_public", "show", "print_public"),
    ("host", "dns", "run"),
    ("moduli", "unsupported", "moduli"),
    ("host_keys", "generate", "make_host_keys"),
)
_GENERATE: Final = ("generate", "run")


def main(arguments: Sequence[str]) -> int:
    """Do what the arguments say; return the exit code, which is ssh-keygen's."""
    try:
        if arguments[:1] == [_AUDIT]:
            return _audit(arguments[1:])
        if arguments[:1] == [_AUTHORITY]:
            return _authority(arguments[1:])
        request = parse_request(arguments)
        if request is None:
            say(_help())
            return exit_codes.OK
        _check(request)
        module, name = _operation(request)
        code: int = getattr(importlib.import_module(f"{_PACKAGE}.{module}"), name)(request)
    except BadUsageError as error:
        command = " ".join(
            ["pyssh keygen", *(word for word in arguments[:1] if word in (_AUDIT, _AUTHORITY))]
        )
        warn(f"{command}: {error}; {command} --help lists what there is")
        return exit_codes.FAILED
    except KeygenError as error:
        if text := str(error):
            warn(text)
        return error.code
    except SSHError as error:
        warn(f"pyssh keygen: {shown(str(error))}")
        return FATAL
    except BrokenPipeError:
        raise
    except OSError as error:
        # files are looked after where they are used; what is left is our own output
        warn(f"pyssh keygen: cannot write: {reason(error)}")
        return FATAL
    return code


def _audit(arguments: Sequence[str]) -> int:
    from pyssh_cli.keygen.audit_report import run  # noqa: PLC0415  # loads every type of key

    return run(arguments)


def _authority(arguments: Sequence[str]) -> int:
    from pyssh_cli.keygen.ca import main as run  # noqa: PLC0415  # its flags are its own

    return run(arguments)


def _operation(request: Request) -> tuple[str, str]:
    for field, module, name in _OPERATIONS:
        if getattr(request, field) not in (None, False):
            return module, name
    return _GENERATE


def _check(request: Request) -> None:
    """Refuse what does not go together, as ssh-keygen does before it looks at any file."""
    if request.signature_operation is not None:
        return
    if request.signer is not None and not request.make_krl and not request.words:
        raise BadUsageError("Too few arguments: no public key file to sign")
    takes_words = request.signer is not None or request.make_krl or request.query_krl
    if request.words and not takes_words and request.moduli is None:
        raise BadUsageError(f"Too many arguments: {shown(request.words[0])} belongs to no flag")
    if request.change_passphrase and request.change_comment:
        raise BadUsageError("Can only have one of -p and -c")
    if request.print_fingerprint and (request.remove_host or request.hash_hosts):
        raise BadUsageError("Cannot use -l with -H or -R")


def _help() -> str:
    return "\n".join(
        [
            "usage: pyssh keygen [flag ...] [file ...]",
            "       pyssh keygen audit [--json] [directory]",
            "       pyssh keygen ca command [argument ...]",
            "",
            "Makes, changes and shows keys as ssh-keygen does. Without a flag that names an operation it",
            "makes a key pair.",
            "",
            format_flags(FLAGS),
        ]
    )
