import gzip
import re
import subprocess
from pathlib import Path

import pytest

from pyssh_config.client import ClientConfig
from pyssh_config.keywords import CLIENT_KEYWORDS, Support, field_name
from pyssh_config.server import ServerConfig
from pyssh_config.server_keywords import SERVER_KEYWORDS
from tests.support import peers

ELSEWHERE = {"refuse_connection"}
"""Built, but without a field: it ends the reading."""

# both manual pages of OpenSSH 10.5; names only, as facts of the format
CLIENT_MANUAL = """
    AddKeysToAgent AddressFamily BatchMode BindAddress BindInterface CanonicalDomains
    CanonicalizeFallbackLocal CanonicalizeHostname CanonicalizeMaxDots CanonicalizePermittedCNAMEs
    CASignatureAlgorithms CertificateFile ChannelTimeout CheckHostIP Ciphers ClearAllForwardings
    Compression ConnectionAttempts ConnectTimeout ControlMaster ControlPath ControlPersist
    DynamicForward EnableEscapeCommandline EnableSSHKeysign EscapeChar ExitOnForwardFailure
    FingerprintHash ForkAfterAuthentication ForwardAgent ForwardX11 ForwardX11Timeout ForwardX11Trusted
    GatewayPorts GlobalKnownHostsFile GSSAPIAuthentication GSSAPIDelegateCredentials HashKnownHosts Host
    HostbasedAcceptedAlgorithms HostbasedAuthentication HostKeyAlgorithms HostKeyAlias HostName
    IdentitiesOnly IdentityAgent IdentityFile IgnoreUnknown Include IPQoS KbdInteractiveAuthentication
    KbdInteractiveDevices KexAlgorithms KnownHostsCommand LocalCommand LocalForward LogLevel LogVerbose
    MACs Match NoHostAuthenticationForLocalhost NumberOfPasswordPrompts ObscureKeystrokeTiming
    PasswordAuthentication PermitLocalCommand PermitRemoteOpen PKCS11Provider Port
    PreferredAuthentications ProxyCommand ProxyJump ProxyUseFdpass PubkeyAcceptedAlgorithms
    PubkeyAuthentication RefuseConnection RekeyLimit RemoteCommand RemoteForward RequestTTY
    RequiredRSASize RevokedHostKeys SecurityKeyProvider SendEnv ServerAliveCountMax ServerAliveInterval
    SessionType SetEnv StdinNull StreamLocalBindMask StreamLocalBindUnlink StrictHostKeyChecking
    SyslogFacility Tag TCPKeepAlive Tunnel TunnelDevice UpdateHostKeys User UserKnownHostsFile
    VerifyHostKeyDNS VersionAddendum VisualHostKey WarnWeakCrypto XAuthLocation
"""
SERVER_MANUAL = """
    AcceptEnv AddressFamily AllowAgentForwarding AllowGroups AllowStreamLocalForwarding
    AllowTcpForwarding AllowUsers AuthenticationMethods AuthorizedKeysCommand AuthorizedKeysCommandUser
    AuthorizedKeysFile AuthorizedPrincipalsCommand AuthorizedPrincipalsCommandUser
    AuthorizedPrincipalsFile Banner CASignatureAlgorithms ChannelTimeout ChrootDirectory Ciphers
    ClientAliveCountMax ClientAliveInterval Compression DenyGroups DenyUsers DisableForwarding
    ExposeAuthInfo FingerprintHash ForceCommand GatewayPorts GSSAPIAuthentication
    GSSAPICleanupCredentials GSSAPIDelegateCredentials GSSAPIStrictAcceptorCheck
    HostbasedAcceptedAlgorithms HostbasedAuthentication HostbasedUsesNameFromPacketOnly HostCertificate
    HostKey HostKeyAgent HostKeyAlgorithms IgnoreRhosts IgnoreUserKnownHosts Include IPQoS
    KbdInteractiveAuthentication KerberosAuthentication KerberosGetAFSToken KerberosOrLocalPasswd
    KerberosTicketCleanup KexAlgorithms ListenAddress LoginGraceTime LogLevel LogVerbose MACs Match
    MaxAuthTries MaxSessions MaxStartups ModuliFile PAMServiceName PasswordAuthentication
    PermitEmptyPasswords PermitListen PermitOpen PermitRootLogin PermitTTY PermitTunnel
    PermitUserEnvironment PermitUserRC PerSourceMaxStartups PerSourceNetBlockSize PerSourcePenalties
    PerSourcePenaltyExemptList PidFile Port PrintLastLog PrintMotd PubkeyAcceptedAlgorithms
    PubkeyAuthentication PubkeyAuthOptions RDomain RefuseConnection RekeyLimit RequiredRSASize
    RevokedKeys SecurityKeyProvider SetEnv SshdAuthPath SshdSessionPath StreamLocalBindMask
    StreamLocalBindUnlink StrictModes Subsystem SyslogFacility TCPKeepAlive TrustedUserCAKeys
    UnusedConnectionTimeout UseDNS UsePAM VersionAddendum X11DisplayOffset X11Forwarding X11UseLocalhost
    XAuthLocation
"""


@pytest.mark.parametrize(
    ("keyword", "field"),
    [
        ("ServerAliveInterval", "server_alive_interval"),
        ("MACs", "macs"),
        ("CheckHostIP", "check_host_ip"),
        ("RequestTTY", "request_tty"),
        ("TCPKeepAlive", "tcp_keep_alive"),
        ("HostName", "host_name"),
        ("UsePAM", "use_pam"),
        ("CanonicalizePermittedCNAMEs", "canonicalize_permitted_cnames"),
    ],
)
def test_names_of_attributes(keyword: str, field: str) -> None:
    assert field_name(keyword) == field


def test_every_keyword_of_the_manuals_has_a_row() -> None:
    assert set(CLIENT_MANUAL.lower().split()) <= CLIENT_KEYWORDS.keys()
    assert set(SERVER_MANUAL.lower().split()) <= SERVER_KEYWORDS.keys()


def test_what_is_built_has_a_field_and_the_other_way_round() -> None:
    for table, config in ((CLIENT_KEYWORDS, ClientConfig), (SERVER_KEYWORDS, ServerConfig)):
        read = {Support.BUILT} if table is SERVER_KEYWORDS else {Support.BUILT, Support.NOT_YET}
        built = {row.field for row in table.values() if row.support in read} - ELSEWHERE
        fields = set(config.__match_args__)
        extra = {"original_host", "context", "sources", "warnings", "sections"}
        assert built == fields - extra


def test_the_manual_page_on_this_machine_has_nothing_more() -> None:
    page = Path("/usr/share/man/man5/ssh_config.5.gz")
    if not page.exists():
        pytest.skip("no manual page of ssh_config here")
    text = gzip.decompress(page.read_bytes()).decode()
    # GSSAPI keywords beyond the two are Debian's patch
    names = {name.lower() for name in re.findall(r"^\.It Cm (\w+)$", text, re.MULTILINE)}
    known = CLIENT_KEYWORDS.keys() | {"agent-connection", "session", "global"}
    assert {name for name in names - known if not name.startswith("gssapi")} == set()


@pytest.mark.parametrize("program", ["ssh", "sshd"])
def test_openssh_knows_every_keyword_we_know(program: str) -> None:
    """A row that no OpenSSH knows is a spelling mistake."""
    path = peers.require(peers.NEWEST).path(program)
    table = CLIENT_KEYWORDS if program == "ssh" else SERVER_KEYWORDS
    options = ["-F", "none", "-G"] if program == "ssh" else ["-G", "-f", "/dev/null"]
    unknown = []
    for keyword in table:
        command = [str(path), *options, "-o", f"{keyword}=!", *(["host"] if program == "ssh" else [])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "Bad configuration option" in done.stderr:
            unknown.append(keyword)
    assert unknown == [
        name for name in ("rsaauthentication", "pamauthenticationviakbdint") if name in unknown
    ]
