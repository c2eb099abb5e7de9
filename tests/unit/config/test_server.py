import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import UsageError
from pyssh_config.errors import ConfigError
from pyssh_config.forwards import HostPattern, ListenAddress
from pyssh_config.keywords import Support
from pyssh_config.match import ServerContext
from pyssh_config.server import ServerConfig
from pyssh_config.server_keywords import SERVER_KEYWORDS
from pyssh_config.special_values import MaxStartups
from tests.support import peers

FULL = """
Port 22
Port 2222
ListenAddress 127.0.0.1
ListenAddress [::1]:2200
HostKey /k1
HostKey /k2
AllowUsers a b@192.0.2.0/24
AllowUsers c
DenyGroups x y
AcceptEnv LANG LC_*
SetEnv A=1
Subsystem sftp /usr/lib/sftp -l x
AuthenticationMethods publickey,password publickey,keyboard-interactive:pam
MaxStartups 5:20:50
PermitOpen h:80 [::1]:*
PermitListen 8080 localhost:81
ForceCommand echo "hi  there" # x
RekeyLimit 1G 1h
PermitRootLogin without-password
AuthorizedKeysFile /etc/keys/%u .ssh/authorized_keys
GatewayPorts clientspecified
AllowTcpForwarding local
AllowStreamLocalForwarding no
LoginGraceTime 1m
ClientAliveInterval 30
ClientAliveCountMax 2
PermitUserEnvironment LANG,LC_*
Banner /etc/banner
PidFile none
PrintMotd no
PermitTTY no
StrictModes no
MaxAuthTries 3
MaxSessions 4
KbdInteractiveAuthentication no
LogLevel verbose
AddressFamily inet
"""


def load(tmp_path: Path, text: str, *overrides: str | tuple[str, object]) -> ServerConfig:
    path = tmp_path / "sshd_config"
    path.write_text(text)
    return ServerConfig.load(str(path), overrides=overrides)


def test_defaults() -> None:
    config = ServerConfig.load(None)
    assert config.listeners() == (ListenAddress("", 22),)
    assert config.permit_root_login == "prohibit-password"
    assert config.max_startups == MaxStartups(10, 30, 100)
    assert config.permit_open is None
    assert config.authorized_keys_paths(user="u", home="/h", uid=1)[0] == "/h/.ssh/authorized_keys"


def test_values(tmp_path: Path) -> None:
    config = load(tmp_path, FULL)
    assert config.port == (22, 2222)
    assert [str(address) for address in config.listeners()] == [
        "127.0.0.1:22",
        "127.0.0.1:2222",
        "[::1]:2200",
    ]
    assert config.allow_users == ("a", "b@192.0.2.0/24", "c")
    assert config.subsystem == (("sftp", "/usr/lib/sftp -l x"),)
    assert config.authentication_methods == (
        ("publickey", "password"),
        ("publickey", "keyboard-interactive:pam"),
    )
    assert config.max_startups == MaxStartups(5, 20, 50)
    assert config.permit_open == (HostPattern("h", 80), HostPattern("::1", 0))
    assert config.force_command == 'echo "hi  there" # x'
    assert config.permit_root_login == "prohibit-password"
    assert config.pid_file is None
    assert config.authorized_keys_paths(user="u", home="/h", uid=1) == (
        "/etc/keys/u",
        "/h/.ssh/authorized_keys",
    )


def test_lines_are_a_configuration_with_the_same_values(tmp_path: Path) -> None:
    config = load(tmp_path, FULL)
    again = load(tmp_path, "\n".join(config.lines()))
    lists = ["ciphers", "macs", "kex_algorithms", "host_key_algorithms", "pubkey_accepted_algorithms"]
    lists.append("ca_signature_algorithms")
    assert again.replace(**dict.fromkeys(lists)) == config


def test_lines_are_those_of_sshd(tmp_path: Path) -> None:
    program = peers.require(peers.NEWEST).path("sshd")
    text = FULL.replace("AddressFamily inet\n", "")  # sshd looks addresses up while it reads
    ours = load(tmp_path, text).lines()
    path = tmp_path / "sshd_config"
    done = subprocess.run([program, "-G", "-f", str(path)], capture_output=True, text=True, check=True)
    theirs = {line.lower() for line in done.stdout.splitlines()}
    lists = ("Ciphers", "MACs", "KexAlgorithms", "HostKeyAlgorithms", "PubkeyAcceptedAlgorithms")
    # RevokedKeys is left out there if there are none, TCPKeepAlive is "true", and "delayed" is "yes";
    # ListenAddress has the ports in it
    spelled = (*lists, "CASignatureAlgorithms", "RevokedKeys", "Compression", "ListenAddress", "TCPKeepAlive")
    tested = [line for line in ours if line.partition(" ")[0] not in spelled]
    assert len(tested) > 40
    assert [line for line in tested if line.lower() not in theirs] == []


@pytest.mark.parametrize("methods", ["password", "publickey,keyboard-interactive", "hostbased"])
def test_methods_that_nobody_can_complete(tmp_path: Path, methods: str) -> None:
    text = f"AuthenticationMethods {methods}\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
    with pytest.raises(ConfigError, match="AuthenticationMethods: no list can be completed"):
        load(tmp_path, text)
    assert load(tmp_path, text.replace(" ", " publickey ", 1)).authentication_methods[0] == ("publickey",)


def test_overrides(tmp_path: Path) -> None:
    config = load(tmp_path, FULL, "MaxAuthTries 9", ("port", (1,)), ("host_key", ("/k",)), "Subsystem sftp x")
    assert (config.max_auth_tries, config.port, config.host_key) == (9, (1,), ("/k",))
    assert config.subsystem == (("sftp", "x"),)
    with pytest.raises(UsageError):
        load(tmp_path, "", ("prot", 1))
    for bad in ("Match all", "Include x", "Prot 1", "", "Port"):
        with pytest.raises(ConfigError, match="command line"):
            load(tmp_path, "", bad)


def test_match_blocks_go_before_the_global_part(tmp_path: Path) -> None:
    text = (
        "MaxSessions 1\nBanner /b\nMatch User a\n Banner none\n MaxSessions 2\n AllowTcpForwarding no\n"
        "Match Address 192.0.2.0/24\n MaxSessions 3\n MaxAuthTries 1\n"
    )
    config = load(tmp_path, text)
    assert (config.max_sessions, config.banner) == (1, "/b")
    mine = config.for_connection(ServerContext("a", address="192.0.2.1"))
    assert (mine.max_sessions, mine.banner, mine.max_auth_tries, mine.allow_tcp_forwarding) == (
        2,
        None,
        1,
        "no",
    )
    assert config.for_connection(ServerContext("b")) == config


def test_disable_forwarding(tmp_path: Path) -> None:
    config = load(tmp_path, "Match User a\n DisableForwarding yes").for_connection(ServerContext("a"))
    assert (config.allow_tcp_forwarding, config.allow_stream_local_forwarding) == ("no", "no")
    config = load(tmp_path, "DisableForwarding yes").for_connection(ServerContext("a"))
    assert config.allow_tcp_forwarding == "no"


def test_include(tmp_path: Path) -> None:
    (tmp_path / "1.conf").write_text("MaxSessions 3\nMatch User a\n MaxSessions 4\n")
    (tmp_path / "2.conf").write_text("MaxAuthTries 3\n")
    text = f"Include {tmp_path}/*.conf\nMaxSessions 9\n"
    text += f"Match User b\n Include {tmp_path}/1.conf\n MaxAuthTries 5\n"
    config = load(tmp_path, text)
    assert (config.max_sessions, config.max_auth_tries) == (3, 3)
    assert config.for_connection(ServerContext("a")).max_sessions == 4
    b = config.for_connection(ServerContext("b"))
    assert (b.max_sessions, b.max_auth_tries) == (3, 5)
    (tmp_path / "self").write_text(f"Include {tmp_path}/self\n")
    with pytest.raises(ConfigError, match="include one another"):
        load(tmp_path, f"Include {tmp_path}/self")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Prot 1", "it is not a keyword of sshd_config"),
        ("UsePAM yes", "this keyword is known but not supported yet"),
        ("PermitTunnel yes", "this keyword is known but not supported yet"),
        ("Match User x\nPort 3", "not allowed within a Match block"),
        ("Match RDomain x", "not supported yet"),
        ("MaxStartups 10:30", "begin:rate:full"),
        ("MaxStartups 10:0:100", "begin:rate:full"),
        ("MaxStartups 10:30:5", "begin:rate:full"),
        ("AuthenticationMethods any publickey", "alone"),
        ("AuthenticationMethods bogus", "is not a method"),
        ("AuthenticationMethods none,password", "only method"),
        ("Subsystem sftp", "a command are needed"),
        ("AllowUsers @h", "user or user@host"),
        ("AllowUsers a@192.0.2.1/24", "not a network"),
        ("ListenAddress h rdomain x", "not supported yet"),
        ("PermitOpen h", "host:port"),
        ("PermitRootLogin maybe", "allowed are yes, no, prohibit-password"),
        ("LoginGraceTime x", "is not a time"),
        ("PermitTTY maybe", "allowed are yes, no"),
        ("PermitTTY true", "allowed are yes, no"),
        ("AllowTcpForwarding true", "allowed are yes, no, local, remote"),
        ("Ciphers bogus", "is not a cipher"),
        ("Port", "no value"),
    ],
)
def test_what_sshd_refuses(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        load(tmp_path, "\n" + text)
    assert caught.value.path.endswith("sshd_config")
    assert caught.value.line == text.count("\n") + 2


def test_harmless_values_of_what_is_not_built(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "UsePAM no\nX11Forwarding no\nUseDNS no\nX11DisplayOffset 1\nGSSAPIAuthentication no\nUseLogin no",
    )
    assert len(config.warnings) == 1


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        ServerConfig.load(str(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", None),
        ("AllowUsers bob", None),
        ("AllowUsers b*@192.0.2.0/24", None),
        ("AllowUsers *@*.example", None),
        ("AllowUsers bob@198.51.100.0/24", "is not in AllowUsers"),
        ("AllowUsers *@192.0.2.0/24,!192.0.2.7", "is not in AllowUsers"),
        ("AllowUsers alice", "is not in AllowUsers"),
        ("DenyUsers bob\nAllowUsers bob", "matches DenyUsers bob"),
        ("AllowGroups staff", None),
        ("AllowGroups wheel", "is in no group of AllowGroups"),
        ("DenyGroups st*", "in the group staff, which DenyGroups holds"),
    ],
)
def test_who_may_log_in(tmp_path: Path, text: str, reason: str | None) -> None:
    context = ServerContext("bob", ("staff",), "c.example", "192.0.2.7")
    refusal = load(tmp_path, text).login_refusal(context)
    assert (refusal is None) if reason is None else (refusal is not None and reason in refusal)


@given(st.sampled_from(sorted(SERVER_KEYWORDS)), st.text(alphabet="a0:*,@=\"' !-/%\\", max_size=16))
def test_any_value_is_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, keyword: str, value: str
) -> None:
    if SERVER_KEYWORDS[keyword].support is Support.SECTION:
        return
    problem = ""
    try:
        assert load(tmp_path_factory.getbasetemp(), f"{keyword} {value}").lines()
    except ConfigError as error:
        problem = str(error)
    assert problem.isprintable()
