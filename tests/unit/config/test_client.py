from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.errors import UsageError
from pyssh_config.client import ClientConfig, ConfigFile, default_files
from pyssh_config.errors import ConfigError
from pyssh_config.forwards import Address, Destination, Forward, parse_forward
from pyssh_config.match import ClientContext
from pyssh_config.values import RekeyLimit

CONTEXT = ClientContext("/home/me", "me", 1000, "laptop.example", {"HOME": "/env", "SOCK": "/run/sock"})


class Files:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    def load(
        self, text: str, host: str = "host", *overrides: Any, context: ClientContext = CONTEXT
    ) -> ClientConfig:
        path = self.write("config", text)
        context = context.replace(home=str(self.folder))
        return ClientConfig.load(
            host, files=[ConfigFile(str(path), is_user=True)], overrides=overrides, context=context
        )


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_defaults() -> None:
    config = ClientConfig.load("Host.Example", files=[], context=CONTEXT)
    assert (config.original_host, config.host_name, config.user, config.port) == (
        "Host.Example",
        "host.example",
        "me",
        22,
    )
    assert config.paths("user_known_hosts_file")[0] == "/home/me/.ssh/known_hosts"
    assert config.paths("identity_file")[3] == "/home/me/.ssh/id_ed25519"
    assert config.known_hosts_names == ("host.example", "")
    assert config.warnings == ()


def test_the_first_value_wins(files: Files) -> None:
    text = "Port 1\nHost host\n Port 2\n User a\nHost *\n User b\n Compression yes\n"
    config = files.load(text, "host", "Port=9", "User x")
    assert (config.port, config.user, config.compression) == (9, "x", True)
    config = files.load(text)
    assert (config.port, config.user) == (1, "a")
    assert config.sources["user"].line == 4


def test_lists_grow_and_do_not_repeat(files: Files) -> None:
    config = files.load(
        "IdentityFile a\nIdentityFile b\nIdentityFile a\nSendEnv A B\nSendEnv -A\nSendEnv C\n"
        "LocalForward 1 h:2\nLocalForward 1 h:2\nSetEnv X=1 Y=2\nSetEnv X=3\n"
        "UserKnownHostsFile a b\nUserKnownHostsFile c",
        "host",
        ("identity_file", ("flag",)),
    )
    assert config.identity_file == ("flag", "a", "b")
    assert config.send_env == ("B", "C")
    assert config.local_forward == (Forward(Address(None, 1), Address("h", 2)),)
    assert config.set_env == (("X", "1"), ("Y", "2"))
    assert config.user_known_hosts_file == ("a", "b")
    assert config.update_host_keys == "no"


def test_none(files: Files) -> None:
    config = files.load(
        "IdentityFile none\nUserKnownHostsFile none\nProxyCommand none\nRemoteCommand none\nEscapeChar none\n"
        "ConnectTimeout none"
    )
    assert config.paths("identity_file") == ()
    assert config.user_known_hosts_file == ()
    assert (config.proxy_command, config.remote_command, config.escape_char, config.connect_timeout) == (
        None,
    ) * 4


def test_typed_overrides_and_their_names(files: Files) -> None:
    forward = parse_forward("1080", dynamic=True)
    config = files.load("Port 1\nDynamicForward 2", "host", ("port", 7), ("dynamic_forward", (forward,)))
    assert config.port == 7
    assert [item.listen for item in config.dynamic_forward] == [Address(None, 1080), Address(None, 2)]
    with pytest.raises(UsageError):
        files.load("", "host", ("prot", 7))


@pytest.mark.parametrize(
    "option", ["Host x", "Match all", "Include x", "Prot=1", "Port=x", "", "Port", "# x", 'User="']
)
def test_bad_options(files: Files, option: str) -> None:
    with pytest.raises(ConfigError, match="command line"):
        files.load("", "host", option)


def test_clear_all_forwardings(files: Files) -> None:
    config = files.load("LocalForward 1 h:2\nRemoteForward 3\nDynamicForward 4\nClearAllForwardings yes")
    assert (config.local_forward, config.remote_forward, config.dynamic_forward) == ((), (), ())


def test_of_command_and_jump_the_first_wins(files: Files) -> None:
    config = files.load("ProxyCommand none\nProxyJump a")
    assert config.proxy_jump is None
    config = files.load("ProxyJump u@a:1,[::1]:2,ssh://c\nProxyCommand x")
    assert config.proxy_command is None
    assert config.jump_hosts() == (Destination("a", "u", 1), Destination("::1", None, 2), Destination("c"))
    assert config.tokens()["j"] == "c"


def test_host_name_user_and_tokens(files: Files) -> None:
    config = files.load(
        "HostName %h.Example\nUser a%%b\nHostKeyAlias Alias\nPort 2\n"
        "IdentityFile %d/%h_%p_%r_%n_%k_%L_%l_%u_%i\n"
        "ProxyCommand nc %h %p\nIdentityAgent ${SOCK}\nRemoteCommand echo %%h\n",
        "Host",
    )
    assert (config.host_name, config.user) == ("host.example", "a%b")
    home = files.folder
    expected = f"{home}/host.example_2_a%b_Host_alias_laptop_laptop.example_me_1000"
    assert config.paths("identity_file") == (expected,)
    assert config.expand("proxy_command") == "nc host.example 2"
    assert config.expand("identity_agent") == "/run/sock"
    assert config.expand("remote_command") == "echo %h"
    assert config.expand("bind_address") is None
    assert config.known_hosts_names == ("alias", "")
    with pytest.raises(UsageError):
        config.expand("port")


def test_names_of_hosts_at_other_ports(files: Files) -> None:
    assert files.load("Port 2222").known_hosts_names == ("[host]:2222", "host")


def test_errors_of_tokens_name_the_line(files: Files) -> None:
    config = files.load("\nIdentityFile %h/%x\nProxyCommand x %h", "a;b")
    with pytest.raises(ConfigError, match=r"config line 2: IdentityFile: %x is not allowed"):
        config.paths("identity_file")
    with pytest.raises(ConfigError, match=r"config line 3: ProxyCommand: %h is a;b"):
        config.expand("proxy_command")
    with pytest.raises(ConfigError, match="line 1: HostName"):
        files.load("HostName %p")


def test_match_sees_what_was_set_before(files: Files) -> None:
    text = (
        "Host alias\n HostName real\n User bob\n Tag work\n"
        "Match host real user bob tagged work originalhost alias\n Port 3\nMatch user me\n Port 4"
    )
    assert files.load(text, "alias").port == 3
    assert files.load(text, "other").port == 4


def test_match_exec(files: Files) -> None:
    ran: list[str] = []

    def run(command: str) -> bool:
        ran.append(command)
        return True

    text = 'Match exec "test %h = %n"\n Port 3\nHost nope\nMatch host nope exec "no"\n'
    assert files.load(text, "h", context=CONTEXT.replace(run=run)).port == 3
    assert ran == ["test h = h"]
    assert files.load(text, "h").port == 22


def test_match_final_reads_twice(files: Files) -> None:
    text = "Host short\n HostName long.example\nHost long.example\n Port 3\n"
    text += "Match final user me\n Compression yes\n"
    config = files.load(text + "Match !final\n IdentityFile a\nGSSAPIAuthentication no\n", "short")
    assert (config.host_name, config.port, config.compression) == ("long.example", 3, True)
    assert config.identity_file == ("a",)
    assert len(config.warnings) == 0


def test_include(files: Files, tmp_path: Path) -> None:
    files.write(".ssh/more", "Port 3\nHost other\n Port 4\n User x\n")
    files.write(".ssh/d/1.conf", "User one")
    files.write(".ssh/d/2.conf", "User two")
    config = files.load("Include more d/*.conf absent\nCompression yes\n")
    assert (config.port, config.user, config.compression) == (3, "one", True)
    config = files.load("Host nope\n Include more\n Port 9\nHost *\n Port 5\n", "other")
    assert config.port == 5


def test_include_ends(files: Files) -> None:
    files.write(".ssh/self", "Include self\n")
    with pytest.raises(ConfigError, match="include one another"):
        files.load("Include self")


def test_include_of_files_that_others_can_write(files: Files) -> None:
    files.write(".ssh/more", "Port 3").chmod(0o666)
    with pytest.raises(ConfigError, match="others can write"):
        files.load("Include more")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    assert ClientConfig.load("h", files=[ConfigFile(absent)], context=CONTEXT).port == 22
    with pytest.raises(ConfigError, match="no such file"):
        ClientConfig.load("h", files=[ConfigFile(absent, is_required=True)], context=CONTEXT)
    assert default_files(CONTEXT)[0].path == "/home/me/.ssh/config"


def test_unknown_keywords(files: Files) -> None:
    with pytest.raises(ConfigError) as caught:
        files.load("Port 1\nHost nope\n  Prot 2\x1b\n")
    assert str(caught.value).endswith("config line 3: Prot: it is not a keyword of ssh_config")
    assert files.load("IgnoreUnknown pr*,x\nProt 2").port == 22


def test_keywords_that_are_not_built(files: Files) -> None:
    with pytest.raises(ConfigError, match="line 2: Tunnel: this keyword is known but not supported yet"):
        files.load("\nTunnel ethernet")
    files.load("Tunnel no\nTunnel ethernet")
    files.load("Host nope\n Tunnel ethernet")
    files.load("IgnoreUnknown Tunnel\nTunnel ethernet")
    config = files.load("GSSAPIAuthentication yes\nUseRoaming no\nProtocol 2\nRSAAuthentication yes")
    assert len(config.warnings) == 2
    assert "GSSAPIAuthentication: it is not supported" in config.warnings[0]


def test_refused_connections(files: Files) -> None:
    with pytest.raises(ConfigError, match=r"line 2: RefuseConnection: .* go away"):
        files.load("Host host\n RefuseConnection go away\n")
    files.load("Host other\n RefuseConnection go away\n")


@pytest.mark.parametrize(
    "text",
    [
        "Port 0", "Port 1 2", "Port 70000", "Compression maybe", "Compression true", "ConnectTimeout x",
        "StrictHostKeyChecking si", "LocalForward 1", "LocalForward x y", "RemoteForward",
        "DynamicForward 1 2", "EscapeChar ab", "LogLevel x", "RekeyLimit x", "RekeyLimit 1G 1x",
        "RequestTTY x", "SessionType x", "SetEnv A", "SendEnv A=1", "Ciphers bogus", "MACs +bogus",
        "KexAlgorithms ^bogus", "HostKeyAlgorithms a,,b", "ProxyJump a:b c", "ProxyJump a,",
        "ObscureKeystrokeTiming interval:0", "ObscureKeystrokeTiming x", "FingerprintHash sha9",
        "AddressFamily x", "UserKnownHostsFile none x", "IdentityFile a b", "NumberOfPasswordPrompts x",
        'User "x', "PubkeyAuthentication x", "UpdateHostKeys x", "ServerAliveInterval x",
        "ServerAliveCountMax -1", "Match x", "Match", "Host", "IdentityAgent $1-", "ConnectionAttempts 0",
    ],
)  # fmt: skip
def test_values_that_ssh_refuses(files: Files, text: str) -> None:
    with pytest.raises(ConfigError, match=r"config line 2: ") as caught:
        files.load(f"\n{text}\n")
    assert caught.value.keyword == text.split(maxsplit=1)[0]
    with pytest.raises(ConfigError):  # also where the section does not apply
        files.load(f"Host nope\n{text}\n")


@given(st.text(alphabet="aP o0=\"'%{}$!*,#\n\t\\é", max_size=40))
def test_any_text_is_a_configuration_or_an_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    files = Files(tmp_path_factory.getbasetemp())
    problem = ""
    for keyword in ("", "Port ", "Host ", "Match host ", "ProxyJump ", "SetEnv ", "IdentityAgent "):
        try:
            files.load(keyword + text)
        except ConfigError as error:
            problem = str(error)
        assert problem.isprintable()


def test_rekey_limit(files: Files) -> None:
    assert files.load("RekeyLimit 1G 1h").rekey_limit == RekeyLimit(1 << 30, 3600)


def test_names_of_included_files_have_tokens_and_variables(files: Files) -> None:
    files.write("by-host", "Port 7\n")
    files.write("sock", "User included\n")
    context = CONTEXT.replace(environ={"NAME": "sock"})
    text = f"Include {files.folder}/by-%n {files.folder}/${{NAME}}"
    config = files.load(text, context=context)
    assert (config.port, config.user) == (7, "included")
    for bad in ("${NOT_SET}", "%x"):
        with pytest.raises(ConfigError, match="line 1: Include"):
            files.load(f"Include {bad}", context=context)


def test_values_with_variables(files: Files) -> None:
    config = files.load("SetEnv A=${SOCK}-%h\nVersionAddendum ${SOCK} %p", "host")
    assert config.environment() == (("A", "/run/sock-host"),)
    assert config.expand("version_addendum") == "/run/sock 22"


def test_users_of_the_command_line_are_taken_as_they_are(files: Files) -> None:
    assert files.load("", "host", ("user", "%u")).user == "%u"
    assert files.load("", "host", "User=%u-x").user == "me-x"
    assert files.load("User %u-y", "host").user == "me-y"
    context = CONTEXT.replace(environ={"BAD": "a\x1bb"})
    with pytest.raises(ConfigError, match=r"User: .* holds control characters"):
        files.load("User ${BAD}", context=context)


def test_hops_in_files_may_have_names_that_the_command_line_may_not(files: Files) -> None:
    hop = Destination("h;x", "u;y", 22)
    assert files.load("ProxyJump u;y@h;x:22").jump_hosts() == (hop,)
    with pytest.raises(ConfigError, match=r"ProxyJump: .* is not a host name"):
        files.load("", "host", "ProxyJump=h;x")
    with pytest.raises(ConfigError, match="lacks the name"):
        files.load("ProxyJump @h")
