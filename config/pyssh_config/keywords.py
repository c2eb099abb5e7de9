"""Every keyword of ssh_config(5) and sshd_config(5), one row each, as of OpenSSH 10.5.

A row gives the name, how its value is parsed, how several lines of it combine, and whether we do what it
says. The default is the class-level value of the field in `ClientConfig` or `ServerConfig`.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from pyssh.record import Record

from . import special_values as special
from .algorithm_lists import algorithms
from .forwards import dynamic_forward, forward, listen_address, permits
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
    log_level,
    number,
    one_word,
    plain_flag,
    port,
    raw_text,
    rekey_limit,
    text_or_none,
    time,
    time_or_none,
    time_or_zero,
    words_or_none,
    yes_or,
)


class Support(Enum):
    """What becomes of a keyword."""

    BUILT = 1
    NOT_YET = 2
    """OpenSSH has it and we have not: an error where it applies, unless the value asks for nothing."""
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
_ANY: Final = "*"


def _row(name: str, parse: Parser[Any], combine: Combine = Combine.FIRST) -> Keyword:
    return Keyword(name, field_name(name), parse, combine)


def _global(name: str, parse: Parser[Any], combine: Combine = Combine.FIRST) -> Keyword:
    return Keyword(name, field_name(name), parse, combine, in_match=False)


def _later(name: str, *inert: str, in_match: bool = True) -> Keyword:
    return Keyword(name, field_name(name), all_words, Combine.FIRST, Support.NOT_YET, inert, in_match)


def _nowhere(*names: str) -> tuple[Keyword, ...]:
    return tuple(Keyword(name, field_name(name), all_words, support=Support.NOWHERE) for name in names)


def _obsolete(*names: str) -> tuple[Keyword, ...]:
    return tuple(Keyword(name, field_name(name), all_words, support=Support.OBSOLETE) for name in names)


def _section(name: str) -> Keyword:
    return Keyword(name, field_name(name), all_words, support=Support.SECTION)


_APPEND: Final = Combine.APPEND
_EXTEND: Final = Combine.EXTEND

_CLIENT_ROWS: Final = (
    _section("Host"),
    _section("Match"),
    _section("Include"),
    _later("AddKeysToAgent", "no", "false"),
    _row("AddressFamily", address_family),
    _row("BatchMode", flag),
    _row("BindAddress", one_word),
    _later("BindInterface"),
    _later("CanonicalDomains", _ANY),
    _later("CanonicalizeFallbackLocal", _ANY),
    _later("CanonicalizeHostname", "no", "false"),
    _later("CanonicalizeMaxDots", _ANY),
    _later("CanonicalizePermittedCNAMEs", _ANY),
    _later("CASignatureAlgorithms"),
    _row("CertificateFile", text_or_none, _APPEND),
    _later("ChannelTimeout", "none"),
    _row("CheckHostIP", flag),
    _row("Ciphers", algorithms("cipher")),
    _row("ClearAllForwardings", flag),
    _row("Compression", plain_flag),
    _row("ConnectionAttempts", number(1)),
    _row("ConnectTimeout", time_or_none),
    _later("ControlMaster", "no", "false"),
    _later("ControlPath", "none"),
    _later("ControlPersist", _ANY),
    _row("DynamicForward", dynamic_forward, _APPEND),
    _later("EnableEscapeCommandline", "no", "false"),
    _later("EnableSSHKeysign", _ANY),
    _row("EscapeChar", escape_character),
    _row("ExitOnForwardFailure", flag),
    _row("FingerprintHash", fingerprint_hash),
    _row("ForkAfterAuthentication", flag),
    _row("ForwardAgent", special.forward_agent),
    _later("ForwardX11", "no", "false"),
    _later("ForwardX11Timeout", _ANY),
    _later("ForwardX11Trusted", _ANY),
    _row("GatewayPorts", flag),
    _row("GlobalKnownHostsFile", words_or_none),
    *_nowhere("GSSAPIAuthentication", "GSSAPIDelegateCredentials"),
    _row("HashKnownHosts", flag),
    _later("HostbasedAcceptedAlgorithms", _ANY),
    _later("HostbasedAuthentication", "no", "false"),
    _row("HostKeyAlgorithms", algorithms("signature algorithm")),
    _row("HostKeyAlias", special.lowered),
    _row("HostName", one_word),
    _row("IdentitiesOnly", flag),
    _row("IdentityAgent", special.identity_agent),
    _row("IdentityFile", text_or_none, _APPEND),
    _row("IgnoreUnknown", one_word),
    _later("IPQoS"),
    _row("KbdInteractiveAuthentication", flag),
    _later("KbdInteractiveDevices"),
    _row("KexAlgorithms", algorithms("key exchange method")),
    _later("KnownHostsCommand", "none"),
    _later("LocalCommand", _ANY),
    _row("LocalForward", forward(remote=False), _APPEND),
    _row("LogLevel", log_level),
    _later("LogVerbose", "none"),
    _row("MACs", algorithms("MAC")),
    _later("NoHostAuthenticationForLocalhost", "no", "false"),
    _row("NumberOfPasswordPrompts", number()),
    _row("ObscureKeystrokeTiming", special.obscure_keystroke_timing),
    _row("PasswordAuthentication", flag),
    _later("PermitLocalCommand", "no", "false"),
    _later("PermitRemoteOpen", "any"),
    _later("PKCS11Provider", "none"),
    _row("Port", port),
    _row("PreferredAuthentications", one_word),
    _row("ProxyCommand", command_or_none),
    _row("ProxyJump", special.proxy_jump),
    _later("ProxyUseFdpass", "no", "false"),
    _row("PubkeyAcceptedAlgorithms", algorithms("signature algorithm")),
    _row("PubkeyAuthentication", yes_or("unbound", "host-bound")),
    _row("RefuseConnection", raw_text),
    _row("RekeyLimit", rekey_limit),
    _row("RemoteCommand", command_or_none),
    _row("RemoteForward", forward(remote=True), _APPEND),
    _row("RequestTTY", yes_or("force", "auto")),
    _later("RequiredRSASize"),
    _later("RevokedHostKeys", "none"),
    _later("SecurityKeyProvider", "internal"),
    _row("SendEnv", environment_names, _EXTEND),
    _row("ServerAliveCountMax", number()),
    _row("ServerAliveInterval", time_or_zero),
    _row("SessionType", choice("none", "subsystem", "default")),
    _row("SetEnv", environment),
    _row("StdinNull", flag),
    _later("StreamLocalBindMask", "0177"),
    _later("StreamLocalBindUnlink", "no", "false"),
    _row("StrictHostKeyChecking", yes_or("ask", "accept-new", aliases={"off": "no"})),
    _later("SyslogFacility", _ANY),
    _row("Tag", one_word),
    _row("TCPKeepAlive", flag),
    _later("Tunnel", "no", "false"),
    _later("TunnelDevice", _ANY),
    _row("UpdateHostKeys", yes_or("ask")),
    _row("User", one_word),
    _row("UserKnownHostsFile", words_or_none),
    _later("VerifyHostKeyDNS", "no", "false"),
    _later("VersionAddendum", "none"),
    _row("VisualHostKey", flag),
    _later("WarnWeakCrypto", "no", "false"),
    _later("XAuthLocation", _ANY),
    *_nowhere("AFSTokenPassing", "CompressionLevel", "KerberosAuthentication", "KerberosTgtPassing"),
    *_nowhere("RhostsRSAAuthentication", "RSAAuthentication"),
    *_obsolete(
        "Cipher", "FallBackToRsh", "GlobalKnownHostsFile2", "Protocol", "RhostsAuthentication", "UseRsh"
    ),
    *_obsolete("UseBlacklistedKeys", "UsePrivilegedPort", "UserKnownHostsFile2", "UseRoaming"),
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

_FORWARDING: Final = choice("yes", "no", "local", "remote", aliases={"all": "yes"})

_SERVER_ROWS: Final = (
    _section("Match"),
    _section("Include"),
    _row("AcceptEnv", environment_names, _EXTEND),
    _global("AddressFamily", address_family),
    _later("AgentSocketPath", _ANY, in_match=False),
    _later("AllowAgentForwarding", _ANY),
    _row("AllowGroups", all_words, _EXTEND),
    _row("AllowStreamLocalForwarding", _FORWARDING),
    _row("AllowTcpForwarding", _FORWARDING),
    _row("AllowUsers", special.user_patterns, _EXTEND),
    _row("AuthenticationMethods", special.authentication_methods),
    _later("AuthorizedKeysCommand", "none"),
    _later("AuthorizedKeysCommandUser", _ANY),
    _row("AuthorizedKeysFile", words_or_none),
    _later("AuthorizedPrincipalsCommand", "none"),
    _later("AuthorizedPrincipalsCommandUser", _ANY),
    _later("AuthorizedPrincipalsFile", "none"),
    _row("Banner", text_or_none),
    _later("CASignatureAlgorithms"),
    _later("ChannelTimeout", "none"),
    _later("ChrootDirectory", "none"),
    _global("Ciphers", algorithms("cipher")),
    _row("ClientAliveCountMax", number()),
    _row("ClientAliveInterval", time),
    _global("Compression", choice("yes", "no", "delayed")),
    _row("DenyGroups", all_words, _EXTEND),
    _row("DenyUsers", special.user_patterns, _EXTEND),
    _row("DisableForwarding", plain_flag),
    _later("ExposeAuthInfo", "no", "false"),
    _global("FingerprintHash", fingerprint_hash),
    _row("ForceCommand", command_or_none),
    _row("GatewayPorts", choice("yes", "no", "clientspecified")),
    _later("HostbasedAcceptedAlgorithms", _ANY),
    _later("HostbasedAuthentication", "no", "false"),
    _later("HostbasedUsesNameFromPacketOnly", _ANY),
    _later("HostCertificate", "none", in_match=False),
    _global("HostKey", text_or_none, _APPEND),
    _later("HostKeyAgent", "none", in_match=False),
    _global("HostKeyAlgorithms", algorithms("signature algorithm")),
    _later("IgnoreRhosts", _ANY),
    _later("IgnoreUserKnownHosts", _ANY, in_match=False),
    _later("IPQoS"),
    _row("KbdInteractiveAuthentication", plain_flag),
    _global("KexAlgorithms", algorithms("key exchange method")),
    _global("ListenAddress", listen_address, _APPEND),
    _global("LoginGraceTime", time),
    _row("LogLevel", log_level),
    _later("LogVerbose", "none"),
    _global("MACs", algorithms("MAC")),
    _row("MaxAuthTries", number()),
    _row("MaxSessions", number()),
    _global("MaxStartups", special.max_startups),
    _later("ModuliFile", _ANY, in_match=False),
    _later("PAMServiceName", _ANY),
    _row("PasswordAuthentication", plain_flag),
    _later("PermitEmptyPasswords", "no", "false"),
    _row("PermitListen", permits(listen=True)),
    _row("PermitOpen", permits(listen=False)),
    _row(
        "PermitRootLogin",
        choice(
            "yes",
            "no",
            "prohibit-password",
            "forced-commands-only",
            aliases={"without-password": "prohibit-password"},
        ),
    ),
    _row("PermitTTY", plain_flag),
    _later("PermitTunnel", "no", "false"),
    _row("PermitUserEnvironment", special.permit_user_environment),
    _later("PermitUserRC", _ANY),
    _later("PerSourceMaxStartups", "none", in_match=False),
    _later("PerSourceNetBlockSize", in_match=False),
    _later("PerSourcePenalties", in_match=False),
    _later("PerSourcePenaltyExemptList", "none", in_match=False),
    _global("PidFile", text_or_none),
    _global("Port", port, _APPEND),
    _later("PrintLastLog", "no", "false", in_match=False),
    _global("PrintMotd", plain_flag),
    _row("PubkeyAcceptedAlgorithms", algorithms("signature algorithm")),
    _row("PubkeyAuthentication", plain_flag),
    _later("PubkeyAuthOptions", "none"),
    _later("RDomain", "none"),
    _later("RefuseConnection", "no", "false"),
    _row("RekeyLimit", rekey_limit),
    _later("RequiredRSASize"),
    _later("RevokedKeys", "none"),
    _later("SecurityKeyProvider", "internal", in_match=False),
    _row("SetEnv", environment),
    _later("SshdAuthPath", _ANY, in_match=False),
    _later("SshdSessionPath", _ANY, in_match=False),
    _later("StreamLocalBindMask", "0177"),
    _later("StreamLocalBindUnlink", "no", "false"),
    _global("StrictModes", plain_flag),
    _row("Subsystem", special.subsystem, _APPEND),
    _later("SyslogFacility", _ANY, in_match=False),
    _global("TCPKeepAlive", flag),
    _later("TrustedUserCAKeys", "none"),
    _later("UnusedConnectionTimeout", "none", "0"),
    _later("UseDNS", "no", "false", in_match=False),
    _later("UsePAM", "no", "false", in_match=False),
    _later("VersionAddendum", "none", in_match=False),
    _later("WarnWeakCrypto", _ANY, in_match=False),
    _later("X11DisplayOffset", _ANY),
    _later("X11Forwarding", "no", "false"),
    _later("X11UseLocalhost", _ANY),
    _later("XAuthLocation", _ANY, in_match=False),
    *_nowhere("GSSAPIAuthentication", "GSSAPICleanupCredentials", "GSSAPIDelegateCredentials"),
    *_nowhere("GSSAPIStrictAcceptorCheck", "KerberosAuthentication", "KerberosGetAFSToken"),
    *_nowhere("KerberosOrLocalPasswd", "KerberosTicketCleanup"),
    *_obsolete("AFSTokenPassing", "AuthorizedKeysFile2", "CheckMail", "DebianBanner", "KerberosTgtPassing"),
    *_obsolete("KeyRegenerationInterval", "PermitBlacklistedKeys", "Protocol", "ReverseMappingCheck"),
    *_obsolete(
        "RhostsAuthentication", "RhostsRSAAuthentication", "RSAAuthentication", "ServerKeyBits", "UseLogin"
    ),
    *_obsolete("PAMAuthenticationViaKbdInt", "UsePrivilegeSeparation", "VerifyReverseMapping"),
)

_SERVER_ALIASES: Final = {
    "challengeresponseauthentication": "KbdInteractiveAuthentication",
    "dsaauthentication": "PubkeyAuthentication",
    "hostbasedacceptedkeytypes": "HostbasedAcceptedAlgorithms",
    "hostdsakey": "HostKey",
    "keepalive": "TCPKeepAlive",
    "pubkeyacceptedkeytypes": "PubkeyAcceptedAlgorithms",
    "skeyauthentication": "KbdInteractiveAuthentication",
}


def _table(rows: tuple[Keyword, ...], aliases: Mapping[str, str]) -> Mapping[str, Keyword]:
    table = {row.name.lower(): row for row in rows}
    return table | {alias: table[name.lower()] for alias, name in aliases.items()}


CLIENT_KEYWORDS: Final = _table(_CLIENT_ROWS, _CLIENT_ALIASES)
"""By keyword in lower case, with OpenSSH's older names."""

SERVER_KEYWORDS: Final = _table(_SERVER_ROWS, _SERVER_ALIASES)
"""As `CLIENT_KEYWORDS`, for sshd_config."""
