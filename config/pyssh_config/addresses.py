"""Lists of IP addresses: patterns, networks with a prefix length, and `!` for exceptions."""

import ipaddress

from .errors import ConfigError, escape
from .patterns import matches_host, matches_pattern


def matches_addresses(address: str, networks: str) -> bool | None:
    """Whether an IP address is in a comma-separated list: None if an entry with `!` holds it, so it never is.

    Raises ConfigError for an entry that looks like a network and is none, such as one with host bits set.
    """
    found = False
    for entry in networks.split(","):
        if _is_within(address, entry.removeprefix("!")):
            if entry.startswith("!"):
                return None
            found = True
    return found


def _is_within(address: str, entry: str) -> bool:
    if not entry:
        raise ConfigError("an entry of the address list is empty")
    if "/" in entry:
        network = parse_network(entry)
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped and network.version == 4:
            parsed = parsed.ipv4_mapped
        return parsed in network
    return matches_pattern(address.lower(), entry.lower())


def parse_network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Parse address/length; bits beyond the length must be zero."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ConfigError(
            f'"{escape(text)}" is not a network such as 192.0.2.0/24 with the host bits zero'
        ) from None


def matches_host_or_address(host: str, address: str, patterns: str) -> bool:
    """Whether a list as in `from=` holds this client; an entry with `!` refuses it by name or by address."""
    by_address = matches_addresses(address, patterns)
    if by_address is None:
        return False
    excepted = any(
        entry.startswith("!") and matches_pattern(host.lower(), entry[1:].lower())
        for entry in patterns.split(",")
    )
    return not excepted and (by_address or matches_host(host, patterns))
