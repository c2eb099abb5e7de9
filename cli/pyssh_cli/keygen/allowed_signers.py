"""Who may sign what: the allowed_signers file of ssh-keygen(1), "ALLOWED SIGNERS"."""

import re
from collections.abc import Iterator
from typing import Any, Final, cast

from pyssh.errors import KeyFormatError, SSHError
from pyssh.keys.certificate import Certificate
from pyssh.keys.lines import end_of_options, parse_key
from pyssh.keys.names import is_certificate
from pyssh.keys.public import PublicKey
from pyssh.record import Record
from pyssh_config.authorized_keys import parse_timestamp
from pyssh_config.errors import ConfigError
from pyssh_config.patterns import matches_list

from .validity import format_moment

__all__ = ["AllowedSigner", "Claim", "check_signer", "find_principals", "match_principals"]

_BLANKS: Final = re.compile(r"[ \t]+")
_OPTION: Final = re.compile(r'([A-Za-z-]+)(?:="((?:[^"\\]|\\.)*)")?(,|$)')


class AllowedSigner(Record):
    """One line: principals (a list of patterns), a key or CA, and what it may sign, and when."""

    place: str
    principals: str
    key: PublicKey
    is_authority: bool
    namespaces: str | None
    valid_after: float | None
    valid_before: float | None

    def refusal(self, moment: float) -> str | None:
        """Return why the line says nothing about signatures made at `moment`; None if it does."""
        shown = format_moment(int(moment))
        if self.valid_after is not None and moment < self.valid_after:
            limit = format_moment(int(self.valid_after))
            return f"{self.place}: key is not yet valid: verify time {shown} < valid-after {limit}"
        if self.valid_before is not None and moment > self.valid_before:
            limit = format_moment(int(self.valid_before))
            return f"{self.place}: key has expired: verify time {shown} > valid-before {limit}"
        return None

    def is_signer(self, key: PublicKey) -> bool:
        """Tell whether `key` is the line's key, or a certificate of its CA."""
        if not self.is_authority:
            return key == self.key
        return is_certificate(key) and cast(Certificate, key).signature_key == self.key

    def names(self, key: PublicKey, moment: float) -> list[str]:
        """Return the principals for whom the line lets `key` sign; of a certificate those that both name."""
        if not self.is_authority:
            return self.principals.split(",")
        certificate = cast(Certificate, key)
        certificate.validate(moment, None, "user")
        return [name for name in certificate.principals if matches_list(name, self.principals)]


def _lines(text: str) -> Iterator[tuple[int, str, str]]:
    """Split each line that is not a comment into the principals and the rest."""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip(" \t\r")
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith('"'):
            principals, _, rest = stripped[1:].partition('"')
        else:
            # not split(): what else Unicode takes for a blank is none here
            principals, *others = _BLANKS.split(stripped, 1)
            rest = others[0] if others else ""
        yield number, principals, rest.lstrip(" \t")


def _parse(place: str, principals: str, rest: str) -> AllowedSigner:
    """Parse what follows the principals. Raises `SSHError`."""
    options: dict[str, Any] = {}
    try:
        key, _ = parse_key(rest)
    except KeyFormatError:
        end, _ = end_of_options(rest)
        try:
            key, _ = parse_key(rest[end:].lstrip(" \t"))
        except KeyFormatError:
            raise KeyFormatError(f"{place}: invalid key") from None
        try:
            options = _options(rest[:end])
        except ConfigError as error:
            raise KeyFormatError(f"{place}: bad options: {error.problem}") from None
    return AllowedSigner(
        place,
        principals,
        key,
        "cert-authority" in options,
        options.get("namespaces"),
        options.get("valid-after"),
        options.get("valid-before"),
    )


def _options(text: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    at = 0
    while at < len(text):
        found = _OPTION.match(text, at)
        if found is None:
            raise ConfigError("unknown key option")
        name, value = found[1].lower(), found[2]
        if name in options:
            raise ConfigError(f"{name} is there twice")
        options[name] = _value(name, value)
        at = found.end()
    return options


def _value(name: str, value: str | None) -> Any:
    match name:
        case "cert-authority" if value is None:
            return True
        case "namespaces" if value is not None:
            return value.replace('\\"', '"')
        case "valid-after" | "valid-before" if value is not None:
            return parse_timestamp(value)
    raise ConfigError("unknown key option")


class Claim(Record):
    """Who is said to have signed something, with which key, for what, and when."""

    key: PublicKey
    principal: str
    namespace: str
    moment: float


def check_signer(text: str, path: str, claim: Claim) -> list[str]:
    """Return nothing if a line bears the claim out; else why not, as far as lines say.

    A line about the principal that cannot be parsed ends the search, as it does for ssh-keygen.
    """
    problems: list[str] = []
    for number, principals, rest in _lines(text):
        if not matches_list(claim.principal, principals):
            continue
        try:
            signer = _parse(f"{path}:{number}", principals, rest)
        except SSHError as error:
            return [*problems, str(error)]
        if not signer.is_signer(claim.key):
            continue
        problem = _problem(signer, claim)
        if problem is None:
            return []
        problems.append(problem)
    return problems or [f"{path}: no line lets this key sign for {claim.principal}"]


def _problem(signer: AllowedSigner, claim: Claim) -> str | None:
    if signer.is_authority:
        try:
            cast(Certificate, claim.key).validate(claim.moment, claim.principal, "user")
        except KeyFormatError as error:
            return f"{signer.place}: certificate not authorized: {error}"
    if signer.namespaces is not None and not matches_list(claim.namespace, signer.namespaces):
        return f'{signer.place}: key is not permitted for use in signature namespace "{claim.namespace}"'
    return signer.refusal(claim.moment)


def find_principals(text: str, path: str, key: PublicKey, moment: float) -> tuple[list[str], list[str]]:
    """Return the principals of the first line that lets `key` sign, and what went wrong before."""
    problems: list[str] = []
    for number, principals, rest in _lines(text):
        try:
            signer = _parse(f"{path}:{number}", principals, rest)
        except SSHError as error:
            return [], [*problems, str(error)]
        if not signer.is_signer(key):
            continue
        if problem := signer.refusal(moment):
            problems.append(problem)
            continue
        try:
            names = signer.names(key, moment)
        except KeyFormatError as error:
            problems.append(f"{signer.place}: {error}")
            continue
        if names:
            return names, problems
    return [], problems


def match_principals(text: str, principal: str) -> list[str]:
    """Return the lists of principals that hold `principal`."""
    return [principals for _, principals, _ in _lines(text) if matches_list(principal, principals)]
