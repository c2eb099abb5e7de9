"""Every keyword of sshd_config(5), one row each, as of OpenSSH 10.5; see `keywords`."""

from typing import Any, Final

from . import special_values as special
from .algorithm_lists import algorithms
from .client_values import channel_timeouts
from .forwards import listen_address, permits
from .keywords import ANY, Combine, Keyword, Support, field_name, nowhere, obsolete, row, section, table
from .penalties import exempt_list, net_block_size, penalties, source_startups
from .values import (
    Parser,
    address_family,
    all_words,
    choice,
    command_or_none,
    environment,
    environment_names,
    fingerprint_hash,
    flag,
    log_facility,
    log_level,
    mask,
    number,
    one_word,
    plain_flag,
    port,
    rekey_limit,
    text_or_none,
    time,
    time_or_zero,
    words_or_none,
)

_APPEND: Final = Combine.APPEND
_EXTEND: Final = Combine.EXTEND


def _later(name: str, *inert: str, in_match: bool = True) -> Keyword:
    return Keyword(name, field_name(name), all_words, Combine.FIRST, Support.NOT_YET, inert, in_match)


def _global(name: str, parse: Parser[Any], combine: Combine = Combine.FIRST) -> Keyword:
    return Keyword(name, field_name(name), parse, combine, in_match=False)


_FORWARDING: Final = choice("yes", "no", "local", "remote", aliases={"all": "yes"})

_SERVER_ROWS: Final = (
    section("Match"),
    section("Include"),
    row("AcceptEnv", environment_names, _EXTEND),
    _global("AddressFamily", address_family),
    _later("AgentSocketPath", ANY, in_match=False),
    row("AllowAgentForwarding", plain_flag),
    row("AllowGroups", all_words, _EXTEND),
    row("AllowStreamLocalForwarding", _FORWARDING),
    row("AllowTcpForwarding", _FORWARDING),
    row("AllowUsers", special.user_patterns, _EXTEND),
    row("AuthenticationMethods", special.authentication_methods),
    _later("AuthorizedKeysCommand", "none"),
    _later("AuthorizedKeysCommandUser", ANY),
    row("AuthorizedKeysFile", words_or_none),
    _later("AuthorizedPrincipalsCommand", "none"),
    _later("AuthorizedPrincipalsCommandUser", ANY),
    row("AuthorizedPrincipalsFile", text_or_none),
    row("Banner", text_or_none),
    row("CASignatureAlgorithms", algorithms("signature algorithm")),
    row("ChannelTimeout", channel_timeouts),
    _later("ChrootDirectory", "none"),
    _global("Ciphers", algorithms("cipher")),
    row("ClientAliveCountMax", number()),
    row("ClientAliveInterval", time),
    _global("Compression", choice("yes", "no", "delayed")),
    row("DenyGroups", all_words, _EXTEND),
    row("DenyUsers", special.user_patterns, _EXTEND),
    row("DisableForwarding", plain_flag),
    _later("ExposeAuthInfo", "no", "false"),
    _global("FingerprintHash", fingerprint_hash),
    row("ForceCommand", command_or_none),
    row("GatewayPorts", choice("yes", "no", "clientspecified")),
    _later("HostbasedAcceptedAlgorithms", ANY),
    _later("HostbasedAuthentication", "no", "false"),
    _later("HostbasedUsesNameFromPacketOnly", ANY),
    _global("HostCertificate", text_or_none, _APPEND),
    _global("HostKey", text_or_none, _APPEND),
    _later("HostKeyAgent", "none", in_match=False),
    _global("HostKeyAlgorithms", algorithms("signature algorithm")),
    _later("IgnoreRhosts", ANY),
    _later("IgnoreUserKnownHosts", ANY, in_match=False),
    _later("IPQoS"),
    row("KbdInteractiveAuthentication", plain_flag),
    _global("KexAlgorithms", algorithms("key exchange method")),
    _global("ListenAddress", listen_address, _APPEND),
    _global("LoginGraceTime", time),
    row("LogLevel", log_level),
    row("LogVerbose", words_or_none),
    _global("MACs", algorithms("MAC")),
    row("MaxAuthTries", number()),
    row("MaxSessions", number()),
    _global("MaxStartups", special.max_startups),
    _later("ModuliFile", ANY, in_match=False),
    _later("PAMServiceName", ANY),
    row("PasswordAuthentication", plain_flag),
    _later("PermitEmptyPasswords", "no", "false"),
    row("PermitListen", permits(listen=True)),
    row("PermitOpen", permits(listen=False)),
    row(
        "PermitRootLogin",
        choice(
            "yes",
            "no",
            "prohibit-password",
            "forced-commands-only",
            aliases={"without-password": "prohibit-password"},
        ),
    ),
    row("PermitTTY", plain_flag),
    _later("PermitTunnel", "no", "false"),
    row("PermitUserEnvironment", special.permit_user_environment),
    _later("PermitUserRC", ANY),
    _global("PerSourceMaxStartups", source_startups),
    _global("PerSourceNetBlockSize", net_block_size),
    _global("PerSourcePenalties", penalties, _EXTEND),
    _global("PerSourcePenaltyExemptList", exempt_list),
    _global("PidFile", text_or_none),
    _global("Port", port, _APPEND),
    _later("PrintLastLog", "no", "false", in_match=False),
    _global("PrintMotd", plain_flag),
    row("PubkeyAcceptedAlgorithms", algorithms("signature algorithm")),
    row("PubkeyAuthentication", plain_flag),
    _later("PubkeyAuthOptions", "none"),
    _later("RDomain", "none"),
    _later("RefuseConnection", "no", "false"),
    row("RekeyLimit", rekey_limit),
    _later("RequiredRSASize"),
    row("RevokedKeys", words_or_none),
    _later("SecurityKeyProvider", "internal", in_match=False),
    row("SetEnv", environment),
    _later("SshdAuthPath", ANY, in_match=False),
    _later("SshdSessionPath", ANY, in_match=False),
    row("StreamLocalBindMask", mask),
    row("StreamLocalBindUnlink", plain_flag),
    _global("StrictModes", plain_flag),
    row("Subsystem", special.subsystem, _APPEND),
    _global("SyslogFacility", log_facility),
    _global("TCPKeepAlive", flag),
    row("TrustedUserCAKeys", text_or_none),
    row("UnusedConnectionTimeout", time_or_zero),
    _later("UseDNS", "no", "false", in_match=False),
    _later("UsePAM", "no", "false", in_match=False),
    _later("VersionAddendum", "none", in_match=False),
    _later("WarnWeakCrypto", ANY, in_match=False),
    row("X11DisplayOffset", number()),
    row("X11Forwarding", plain_flag),
    row("X11UseLocalhost", plain_flag),
    _global("XAuthLocation", one_word),
    *nowhere("GSSAPIAuthentication", "GSSAPICleanupCredentials", "GSSAPIDelegateCredentials"),
    *nowhere("GSSAPIStrictAcceptorCheck", "KerberosAuthentication", "KerberosGetAFSToken"),
    *nowhere("KerberosOrLocalPasswd", "KerberosTicketCleanup"),
    *obsolete("AFSTokenPassing", "AuthorizedKeysFile2", "CheckMail", "DebianBanner", "KerberosTgtPassing"),
    *obsolete("KeyRegenerationInterval", "PermitBlacklistedKeys", "Protocol", "ReverseMappingCheck"),
    *obsolete(
        "RhostsAuthentication", "RhostsRSAAuthentication", "RSAAuthentication", "ServerKeyBits", "UseLogin"
    ),
    *obsolete("PAMAuthenticationViaKbdInt", "UsePrivilegeSeparation", "VerifyReverseMapping"),
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


SERVER_KEYWORDS: Final = table(_SERVER_ROWS, _SERVER_ALIASES)
"""As `CLIENT_KEYWORDS`, for sshd_config."""
