"""Does a certificate hold? Every question about one, for users and hosts, with the answers in words.

What a verdict cannot know is the caller's: which authorities are trusted, what the time is, what is revoked.
"""

import ipaddress
from collections.abc import Callable, Collection, Iterator
from typing import Final

from pyssh.errors import DecodeError, KeyFormatError, SSHError
from pyssh.keys.certificate import DEFAULT_CA_ALGORITHMS, FOREVER, Certificate
from pyssh.keys.public import PublicKey
from pyssh.record import Record
from pyssh.wire.types import Reader, take_text

__all__ = ["CRITICAL_OPTIONS", "Check", "Verdict", "is_from", "judge_certificate", "show_utc"]

CRITICAL_OPTIONS: Final[dict[str, frozenset[str]]] = {
    "user": frozenset({"force-command", "source-address", "verify-required"}),
    "host": frozenset(),
}
"""Those that are understood; any other one makes a certificate worthless."""

_SHOWN_NAMES: Final = 8
_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


class Check(Record):
    """One question. `name` is a word for programs, `text` the answer as a sentence."""

    name: str
    passed: bool
    text: str


class Verdict(Record):
    """The answers, in the order in which the questions were asked."""

    checks: tuple[Check, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the certificate."""
        return all(check.passed for check in self.checks)

    @property
    def reason(self) -> str:
        """The first thing that speaks against it; "" if nothing does."""
        return next((check.text for check in self.checks if not check.passed), "")


def show_utc(seconds: int) -> str:
    """Return a moment in words, in UTC."""
    from datetime import UTC, datetime  # noqa: PLC0415  # only for words; most verdicts are never printed

    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, OSError, ValueError):
        return f"{seconds} seconds after 1970"


def judge_certificate(
    certificate: Certificate,
    kind: str,
    now: float,
    *,
    names: Collection[str] | None,
    ca_algorithms: Collection[str] = DEFAULT_CA_ALGORITHMS,
    authorities: Collection[PublicKey] | None = None,
    address: str | None = None,
    is_revoked: Callable[[PublicKey], bool] | None = None,
    show_time: Callable[[int], str] = show_utc,
) -> Verdict:
    """Ask everything about a certificate. `kind` is "user" or "host", `now` in seconds since 1970.

    One of `names` (users or hosts) must be among its principals. `authorities` are the CAs that are trusted,
    `address` is where its owner comes from. What is None is not asked. A revocation that cannot be looked up
    (SSHError) counts against the certificate. Texts of the certificate in the answers are quoted and cut.
    """
    asked = [_check_kind(certificate, kind)]
    if authorities is not None:
        asked.append(_check_authority(certificate, authorities))
    if is_revoked is not None:
        asked.append(_check_revocation(certificate, is_revoked))
    asked += [
        _check_signature(certificate, ca_algorithms),
        _check_validity(certificate, now, show_time),
    ]
    if names is not None:
        asked.append(_check_names(certificate, names))
    asked.append(_check_options(certificate, kind))
    if address is not None and certificate.source_address is not None:
        asked.append(_check_source(address, certificate.source_address))
    return Verdict(tuple(asked))


def _check_kind(certificate: Certificate, kind: str) -> Check:
    if certificate.kind != kind:
        return Check("type", False, f"the certificate is for a {certificate.kind}, not for a {kind}")
    return Check("type", True, f"the certificate is for a {kind}")


def _check_authority(certificate: Certificate, authorities: Collection[PublicKey]) -> Check:
    authority = certificate.signature_key
    shown = f"{authority.key_type} {authority.fingerprint()}"
    if authority in authorities:
        return Check("authority", True, f"its CA is trusted: {shown}")
    return Check("authority", False, f"the certificate's CA is not trusted: {shown}")


def _check_revocation(certificate: Certificate, is_revoked: Callable[[PublicKey], bool]) -> Check:
    try:
        if is_revoked(certificate):
            return Check("revocation", False, "the certificate, its key or its CA is revoked")
    except SSHError as error:
        return Check("revocation", False, f"whether the certificate is revoked cannot be told: {error}")
    return Check("revocation", True, "neither it nor its key nor its CA is revoked")


def _check_signature(certificate: Certificate, ca_algorithms: Collection[str]) -> Check:
    signature = certificate.signature
    try:
        algorithm = take_text(Reader(signature))
    except DecodeError:
        return Check("signature", False, "the certificate's signature is malformed")
    if algorithm not in ca_algorithms:
        problem = f"the certificate is signed with {algorithm[:64]!r}, which is not allowed"
        return Check("signature", False, problem)
    signed = certificate.blob[: -4 - len(signature)]
    if not certificate.signature_key.verify(algorithm, signature, signed):
        return Check("signature", False, "the certificate's signature is wrong")
    return Check("signature", True, f"its signature ({algorithm}) is right")


def _check_validity(certificate: Certificate, now: float, show_time: Callable[[int], str]) -> Check:
    after, before = certificate.valid_after, certificate.valid_before
    if now < after:
        problem = f"the certificate is not yet valid: it begins {_span(after - now)} from now"
        return Check("validity", False, f"{problem}, on {show_time(after)}")
    if now >= before:
        problem = f"the certificate has expired {_span(now - before)} ago"
        return Check("validity", False, f"{problem}, on {show_time(before)}")
    if before == FOREVER:
        return Check("validity", True, "it does not expire")
    return Check("validity", True, f"it is valid for {_span(before - now)} more, until {show_time(before)}")


def _span(seconds: float) -> str:
    """Return a duration in its largest unit."""
    for size, unit in _UNITS:
        count = int(seconds // size)
        if count:
            return f"{count} {unit}{'s' * (count != 1)}"
    return "less than a second"


def _check_names(certificate: Certificate, names: Collection[str]) -> Check:
    wanted = " or ".join(repr(name[:256]) for name in list(names)[:_SHOWN_NAMES]) or "anybody"
    found = next((name for name in names if _holds_name(certificate, name)), None)
    if found is not None:
        return Check("principals", True, f"it is for {found[:256]!r}")
    if not certificate.principals:
        return Check("principals", False, f"the certificate is not for {wanted}: it names nobody")
    held = [repr(name[:256]) for name in certificate.principals[:_SHOWN_NAMES]]
    if len(certificate.principals) > _SHOWN_NAMES:
        held.append(f"{len(certificate.principals) - _SHOWN_NAMES} more")
    return Check("principals", False, f"the certificate is not for {wanted}, but for {', '.join(held)}")


def _holds_name(certificate: Certificate, name: str) -> bool:
    """Tell whether a name is among the principals; of an empty list, nobody is.

    PROTOCOL.certkeys had an empty list stand for everybody until OpenSSH 10.3 found that too dangerous.
    Patterns are for hosts only, as that release settled.
    """
    if certificate.kind == "host":
        return any(_matches(pattern.lower(), name.lower()) for pattern in certificate.principals)
    return name in certificate.principals


def _matches(pattern: str, text: str) -> bool:
    """Match `*` and `?` in time that is at worst the product of the lengths."""
    at = since = 0
    star = -1
    place = 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, since = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            place += 1
            at += 1
        elif star >= 0:
            since += 1
            place, at = star + 1, since
        else:
            return False
    return pattern[place:].strip("*") == ""


def _check_options(certificate: Certificate, kind: str) -> Check:
    unknown = certificate.critical_options.keys() - CRITICAL_OPTIONS[kind]
    if unknown:
        problem = f"the certificate has the unknown critical option {min(unknown)[:64]!r}"
        return Check("options", False, problem)
    known = ", ".join(certificate.critical_options)
    return Check("options", True, f"its critical options are known: {known}" if known else "it has no limits")


def _check_source(address: str, networks: str) -> Check:
    try:
        if is_from(address, networks):
            return Check("source", True, f"it is good for connections from {address}")
    except KeyFormatError as error:
        return Check("source", False, str(error))
    return Check("source", False, f"the certificate is not good for connections from {address}")


def is_from(address: str, networks: str) -> bool:
    """Tell whether an address is in a list as `source-address` holds it: addresses and networks, with commas.

    Raises `KeyFormatError` for a list with an entry that is neither, wherever in it that stands.
    """
    # all entries are looked at, so that a broken list is one for everybody
    entries = list(_networks(networks))
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    return any(parsed in entry or mapped in entry for entry in entries)


def _networks(text: str) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    for entry in text.split(","):
        try:
            yield ipaddress.ip_network(entry)
        except ValueError:
            raise KeyFormatError(
                f"the certificate's source-address {entry[:64]!r} is not a network"
            ) from None
