"""VerifyHostKeyDNS: fingerprints of host keys in the DNS (SSHFP, RFC 4255), looked up with dnspython.

An answer counts as proof only if a resolver has validated it (DNSSEC) and the way to that resolver can be
trusted: it is on this machine, or resolv.conf says `options trust-ad`, as for the C library.
"""

import ipaddress
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pyssh.errors import KeyFormatError
from pyssh.keys.public import PublicKey
from pyssh.keys.sshfp import FINGERPRINT_TYPES, SshfpRecord, sshfp_record
from pyssh.record import Record
from pyssh_config.errors import ConfigError, escape

__all__ = ["DnsFinding", "compare", "look_up", "require_resolver"]

_RESOLV_CONF: Final = "/etc/resolv.conf"
_SECONDS: Final = 10.0
_PAYLOAD: Final = 1232  # what the DNS flag day of 2020 found to pass everywhere without fragments


class DnsFinding(Record):
    """What the DNS says of a host key. `problem` is why it could not be asked."""

    found: bool = False
    matches: bool = False
    secure: bool = False
    problem: str = ""


def require_resolver() -> None:
    """Raise ConfigError unless dnspython is there."""
    try:
        import dns.resolver  # noqa: PLC0415  # an optional dependency
    except ImportError:
        raise ConfigError(
            "it needs the Python package dnspython; try pip install pyssh[dns]", keyword="VerifyHostKeyDNS"
        ) from None
    assert dns.resolver


def look_up(host: str, key: PublicKey, resolver: Any = None) -> DnsFinding:
    """Ask for a host's records and compare. `resolver` is dnspython's, by default the system's."""
    import dns.exception  # noqa: PLC0415  # as above
    import dns.flags  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    if _is_address(host):
        return DnsFinding(problem="an address has no SSHFP records")
    try:
        resolver = resolver or dns.resolver.Resolver()
        resolver.use_edns(0, dns.flags.DO, _PAYLOAD)
        resolver.flags = dns.flags.RD | dns.flags.AD
        answer = resolver.resolve(host, "SSHFP", lifetime=_SECONDS, search=True)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return DnsFinding()
    except (dns.exception.DNSException, OSError) as error:
        return DnsFinding(problem=escape(str(error)))
    records = [SshfpRecord(int(one.algorithm), int(one.fp_type), bytes(one.fingerprint)) for one in answer]
    is_validated = bool(answer.response.flags & dns.flags.AD)
    found, matches = compare(key.plain, records)
    return DnsFinding(found, matches, is_validated and _is_trusted(resolver.nameservers))


def compare(key: PublicKey, records: Iterable[SshfpRecord]) -> tuple[bool, bool]:
    """Return whether some record is about a key of this type, and whether all of them fit the key."""
    found = matches = False
    for hash_name, number in FINGERPRINT_TYPES.items():
        try:
            own = sshfp_record(key, hash_name)
        except KeyFormatError:
            return False, False
        for record in records:
            if (record.algorithm, record.fingerprint_type) != (own.algorithm, number):
                continue
            if record != own:
                return True, False
            found = matches = True
    return found, matches


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _is_trusted(nameservers: Iterable[object]) -> bool:
    servers = [str(server) for server in nameservers]
    if servers and all(_is_loopback(server) for server in servers):
        return True
    try:
        lines = Path(_RESOLV_CONF).read_text(errors="replace").splitlines()
    except OSError:
        return False
    return any(words[:1] == ["options"] and "trust-ad" in words for words in map(str.split, lines))


def _is_loopback(server: str) -> bool:
    return _is_address(server) and ipaddress.ip_address(server.partition("%")[0]).is_loopback
