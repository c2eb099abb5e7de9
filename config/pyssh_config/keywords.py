"""Every keyword of ssh_config(5), one row each, as of OpenSSH 10.5; `server_keywords` has the server's.

A row gives the name, how its value is parsed, how several lines of it combine, and whether we do what it
says. The default is the class-level value of the field in `ClientConfig`.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from pyssh.record import Record

from . import client_values as client
from . import special_values as special
from .algorithm_lists import algorithms
from .forwards import dynamic_forward, forward
from .values import (
    Parser,
    address_family,
    all_words,
    choice,
    command_or_none,
    environment,
    environment_names,
    escape_character,
    fingerprint_hash,
    flag,
    log_facility,
    log_level,
    mask,
    number,
    one_word,
    plain_flag,
    port,
    raw_text,
    rekey_limit,
    text_or_none,
    time_or_none,
    words_or_none,
    yes_or,
)


class Support(Enum):
    """What becomes of a keyword."""

    BUILT = 1
    NOT_YET = 2
    """OpenSSH has it and we have not: read and shown by -G; to connect with it is an error, unless the value
    asks for nothing."""
    NOWHERE = 3
    """OpenSSH itself, built without the library behind it, warns and goes on; so do we."""
    OBSOLETE = 4
    """OpenSSH reads over it; so do we."""
    SECTION = 5
    """Host, Match, Include: the reader's business."""


class Combine(Enum):
    """What a second line does."""

    FIRST = 1
    """Nothing: the first value wins."""
    APPEND = 2
    """It adds its value to the tuple, unless it is there."""
    EXTEND = 3
    """It adds its words to the tuple; in a client a word with `-` removes what it matches."""


class Keyword(Record):
    """One row. `field` names the attribute; `inert` values (in lower case; `*` is any) ask for nothing."""

    name: str
    field: str
    parse: Parser[Any]
    combine: Combine = Combine.FIRST
    support: Support = Support.BUILT
    inert: tuple[str, ...] = ()
    in_match: bool = True


def field_name(keyword: str) -> str:
    """Return the attribute's name: `ServerAliveInterval` is `server_alive_interval`."""
    return (
        _FIELDS.get(keyword)
        or re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", keyword).lower()
    )


_FIELDS: Final = {
    "MACs": "macs",
    "IPQoS": "ip_qos",
    "CanonicalizePermittedCNAMEs": "canonicalize_permitted_cnames",
}
ANY: Final = "*"


def row(name: str, parse: Parser[Any], combine: Combine = Combine.FIRST) -> Keyword:
    """Make the row of a keyword that is built."""
    return Keyword(name, field_name(name), parse, combine)


def later(name: str, parse: Parser[Any], *inert: str, combine: Combine = Combine.FIRST) -> Keyword:
    """Make the row of a keyword that is read but not built."""
    return Keyword(name, field_name(name), parse, combine, Support.NOT_YET, inert)


def nowhere(*names: str) -> tuple[Keyword, ...]:
    """Make rows of keywords that OpenSSH warns about."""
    inert = ("no", "false")
    return tuple(
        Keyword(name, field_name(name), all_words, support=Support.NOWHERE, inert=inert) for name in names
    )


def obsolete(*names: str) -> tuple[Keyword, ...]:
    """Make rows of keywords that OpenSSH reads over."""
    return tuple(Keyword(name, field_name(name), all_words, support=Support.OBSOLETE) for name in names)


def section(name: str) -> Keyword:
    """Make the row of a keyword that the reader itself understands."""
    return Keyword(name, field_name(name), all_words, support=Support.SECTION)


_APPEND: Final = Combine.APPEND
_EXTEND: Final = Combine.EXTEND

_CLIENT_ROWS: Final = (
    section("Host"),
    section("Match"),
    section("Include"),
    row("AddKeysToAgent", client.add_keys),
    row("AddressFamily", address_family),
    row("BatchMode", flag),
    row("BindAddress", one_word),
    row("BindInterface", one_word),
    row("CanonicalDomains", client.canonical_domains),
    row("CanonicalizeFallbackLocal", flag),
    row("CanonicalizeHostname", yes_or("always")),
    row("CanonicalizeMaxDots", number()),
    row("CanonicalizePermittedCNAMEs", client.permitted_names),
    row("CASignatureAlgorithms", algorithms("signature algorithm")),
    row("CertificateFile", one_word, _APPEND),
    row("ChannelTimeout", client.channel_timeouts),
    row("CheckHostIP", flag),
    row("Ciphers", algorithms("cipher")),
    row("ClearAllForwardings", flag),
    row("Compression", plain_flag),
    row("ConnectionAttempts", number(1)),
    row("ConnectTimeout", time_or_none),
    row("ControlMaster", yes_or("auto", "ask", "autoask")),
    row("ControlPath", text_or_none),
    row("ControlPersist", client.control_persist),
    row("DynamicForward", dynamic_forward, _APPEND),
    row("EnableEscapeCommandline", flag),
    later("EnableSSHKeysign", flag, ANY),
    row("EscapeChar", escape_character),
    row("ExitOnForwardFailure", flag),
    row("FingerprintHash", fingerprint_hash),
    row("ForkAfterAuthentication", flag),
    row("ForwardAgent", special.forward_agent),
    row("ForwardX11", flag),
    row("ForwardX11Timeout", time_or_none),
    row("ForwardX11Trusted", flag),
    row("GatewayPorts", flag),
    row("GlobalKnownHostsFile", words_or_none),
    *nowhere("GSSAPIAuthentication", "GSSAPIDelegateCredentials"),
    row("HashKnownHosts", flag),
    later("HostbasedAcceptedAlgorithms", algorithms("signature algorithm"), ANY),
    later("HostbasedAuthentication", flag, "no", "false"),
    row("HostKeyAlgorithms", algorithms("signature algorithm")),
    row("HostKeyAlias", special.lowered),
    row("HostName", one_word),
    row("IdentitiesOnly", flag),
    row("IdentityAgent", special.identity_agent),
    row("IdentityFile", one_word, _APPEND),
    row("IgnoreUnknown", one_word),
    row("IPQoS", client.ip_qos),
    row("KbdInteractiveAuthentication", flag),
    row("KbdInteractiveDevices", one_word),
    row("KexAlgorithms", algorithms("key exchange method")),
    row("KnownHostsCommand", command_or_none),
    row("LocalCommand", command_or_none),
    row("LocalForward", forward(remote=False), _APPEND),
    row("LogLevel", log_level),
    row("LogVerbose", words_or_none),
    row("MACs", algorithms("MAC")),
    row("NoHostAuthenticationForLocalhost", flag),
    row("NumberOfPasswordPrompts", number()),
    row("ObscureKeystrokeTiming", special.obscure_keystroke_timing),
    row("PasswordAuthentication", flag),
    row("PermitLocalCommand", flag),
    row("PermitRemoteOpen", client.permitted_targets),
    later("PKCS11Provider", text_or_none, "none"),
    row("Port", port),
    row("PreferredAuthentications", one_word),
    row("ProxyCommand", command_or_none),
    row("ProxyJump", special.proxy_jump),
    row("ProxyUseFdpass", flag),
    row("PubkeyAcceptedAlgorithms", algorithms("signature algorithm")),
    row("PubkeyAuthentication", yes_or("unbound", "host-bound")),
    row("RefuseConnection", raw_text),
    row("RekeyLimit", rekey_limit),
    row("RemoteCommand", command_or_none),
    row("RemoteForward", forward(remote=True), _APPEND),
    row("RequestTTY", yes_or("force", "auto")),
    row("RequiredRSASize", number()),
    row("RevokedHostKeys", words_or_none),
    later("SecurityKeyProvider", text_or_none, "internal"),
    row("SendEnv", environment_names, _EXTEND),
    row("ServerAliveCountMax", number()),
    row("ServerAliveInterval", time_or_none),
    row("SessionType", choice("none", "subsystem", "default")),
    row("SetEnv", environment),
    row("StdinNull", flag),
    row("StreamLocalBindMask", mask),
    row("StreamLocalBindUnlink", flag),
    row("StrictHostKeyChecking", yes_or("ask", "accept-new", aliases={"off": "no"})),
    row("SyslogFacility", log_facility),
    row("Tag", one_word),
    row("TCPKeepAlive", yes_or("all")),
    later("Tunnel", client.tunnel, "no", "false"),
    later("TunnelDevice", client.tunnel_devices, ANY),
    row("UpdateHostKeys", yes_or("ask")),
    row("User", one_word),
    row("UserKnownHostsFile", words_or_none),
    row("VerifyHostKeyDNS", yes_or("ask")),
    row("VersionAddendum", client.addendum),
    row("VisualHostKey", flag),
    row("WarnWeakCrypto", client.warn_weak_crypto),
    row("XAuthLocation", one_word),
    *nowhere("AFSTokenPassing", "CompressionLevel", "KerberosAuthentication", "KerberosTgtPassing"),
    *nowhere("RhostsRSAAuthentication", "RSAAuthentication"),
    *obsolete(
        "Cipher", "FallBackToRsh", "GlobalKnownHostsFile2", "Protocol", "RhostsAuthentication", "UseRsh"
    ),
    *obsolete("UseBlacklistedKeys", "UsePrivilegedPort", "UserKnownHostsFile2", "UseRoaming"),
)

_CLIENT_ALIASES: Final = {
    "challengeresponseauthentication": "KbdInteractiveAuthentication",
    "dsaauthentication": "PubkeyAuthentication",
    "hostbasedkeytypes": "HostbasedAcceptedAlgorithms",
    "identityfile2": "IdentityFile",
    "keepalive": "TCPKeepAlive",
    "protocolkeepalives": "ServerAliveInterval",  # this and the next are Debian's
    "setuptimeout": "ServerAliveInterval",
    "pubkeyacceptedkeytypes": "PubkeyAcceptedAlgorithms",
    "skeyauthentication": "KbdInteractiveAuthentication",
    "smartcarddevice": "PKCS11Provider",
    "tisauthentication": "KbdInteractiveAuthentication",
}


def table(rows: tuple[Keyword, ...], aliases: Mapping[str, str]) -> Mapping[str, Keyword]:
    """Return rows by keyword in lower case, with those that have other names as well."""
    found = {row.name.lower(): row for row in rows}
    return found | {alias: found[name.lower()] for alias, name in aliases.items()}


CLIENT_KEYWORDS: Final = table(_CLIENT_ROWS, _CLIENT_ALIASES)
"""By keyword in lower case, with OpenSSH's older names."""
