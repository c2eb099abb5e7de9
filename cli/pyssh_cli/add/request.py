"""The arguments of `pyssh add`, which are ssh-add's."""

from collections.abc import Mapping, Sequence
from typing import Final

from pyssh.errors import SSHError
from pyssh.record import Record
from pyssh_cli.getopt import Flag, parse
from pyssh_config.errors import ConfigError, escape

__all__ = ["FATAL", "FLAGS", "AddError", "Request", "parse_request"]

FATAL: Final = 255
"""What ssh-add exits with when it gives up; 1 is for what the agent or a file did not let it do."""
_HASHES: Final = ("md5", "sha1", "sha256", "sha384", "sha512")
_LONGEST: Final = 0xFFFF_FFFF

FLAGS: Final = (
    Flag("C", help="certificates only, not their keys"),
    Flag("c", help="have the agent ask before each use of the key"),
    Flag("D", help="delete all keys from the agent"),
    Flag("d", help="delete the files' keys from the agent"),
    Flag("E", value="hash", help="how fingerprints are shown, sha256 or md5 for example"),
    Flag("e", value="pkcs11", help="delete the keys of a PKCS#11 library from the agent"),
    Flag("H", value="file", help="where -h looks for host keys, in the place of the usual files"),
    Flag("h", value="constraint", help="[user@]host or host>[user@]host where the key may be used"),
    Flag("K", help="load keys from a security key (not supported)"),
    Flag("k", help="plain keys only, without their certificates"),
    Flag("L", help="list the agent's public keys"),
    Flag("l", help="list the fingerprints of the agent's keys"),
    Flag("N", help="keep certificates when they have expired"),
    Flag("Q", help="list the extensions that the agent knows"),
    Flag("q", help="do not say what succeeded"),
    Flag("S", value="provider", help="the library that the agent is to reach security keys with"),
    Flag("s", value="pkcs11", help="have the agent use the keys of a PKCS#11 library"),
    Flag("T", help="test whether the agent signs with the keys of these files"),
    Flag("t", value="time", help="how long the agent keeps the key, in seconds or as 1h30m"),
    Flag("v", help="say what happens; up to three times"),
    Flag("X", help="unlock the agent"),
    Flag("x", help="lock the agent with a password"),
    Flag(name="help", help="show this"),
)


class AddError(SSHError):
    """The end of the command. The text is what to print, or empty if all is said."""

    def __init__(self, text: str, code: int = FATAL) -> None:
        super().__init__(text)
        self.code = code


class Request(Record):
    """What is to be done.

    `action` is the letter that says what, and empty to add or, with `deletes`, to delete what `words` names.
    `lifetime` is in seconds; 0 is for ever. `destinations` and `host_key_files` are -h and -H as given.
    """

    action: str
    words: tuple[str, ...]
    deletes: bool
    provider: str
    keys_only: bool
    certificates_only: bool
    confirm: bool
    lifetime: int
    keeps_expired: bool
    destinations: tuple[str, ...]
    host_key_files: tuple[str, ...]
    sk_provider: str
    hash_name: str
    quiet: bool
    verbosity: int


def parse_request(arguments: Sequence[str], environ: Mapping[str, str]) -> Request | None:
    """Read the arguments; None if only help is wanted. `BadUsageError` or `AddError` for wrong ones."""
    read = parse(arguments, FLAGS)
    given: dict[str, list[str]] = {}
    for key, value in read.flags:
        given.setdefault(key, []).append(value)
    if "help" in given:
        return None
    pkcs11 = [key for key, _ in read.flags if key in ("e", "s")]
    return Request(
        action=_action([key for key, _ in read.flags]),
        words=read.words,
        deletes="d" in given or "e" in given,
        provider=given[pkcs11[-1]][-1] if pkcs11 else "",
        keys_only="k" in given,
        certificates_only="C" in given,
        confirm="c" in given,
        lifetime=_lifetime(given),
        keeps_expired="N" in given,
        destinations=tuple(given.get("h", ())),
        host_key_files=tuple(given.get("H", ())),
        sk_provider=given.get("S", [environ.get("SSH_SK_PROVIDER") or "internal"])[-1],
        hash_name=_hash(given),
        quiet="q" in given,
        verbosity=min(3, len(given.get("v", ()))),
    )


def _action(keys: Sequence[str]) -> str:
    """Return what to do, in the order in which ssh-add looks at its flags."""
    for group in ("lL", "xX"):
        letters = [key for key in keys if key in group]
        if len(letters) > 1:
            raise AddError(f"-{letters[0]} flag already specified")
    actions = [group for group in ("xX", "lL", "D") if any(key in group for key in keys)]
    if len(actions) > 1:
        raise AddError("Invalid combination of actions")
    found = next((letter for letter in "xXlLDQTseK" if letter in keys), "")
    return "s" if found == "e" else found


def _lifetime(given: Mapping[str, Sequence[str]]) -> int:
    if "t" not in given:
        return 0
    from pyssh_config.values import parse_time  # noqa: PLC0415  # most keys are kept

    try:
        seconds = parse_time(given["t"][-1])
    except (ConfigError, ValueError):
        raise AddError("Invalid lifetime", 1) from None
    if seconds > _LONGEST:
        raise AddError("Invalid lifetime", 1)
    return seconds


def _hash(given: Mapping[str, Sequence[str]]) -> str:
    name = given.get("E", ["sha256"])[-1].lower()
    if name not in _HASHES:
        raise AddError(f'Invalid hash algorithm "{escape(name)}"')
    return name
