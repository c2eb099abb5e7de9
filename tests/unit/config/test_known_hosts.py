import multiprocessing
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.keys.private import generate_private_key
from pyssh.keys.public import PublicKey, format_public_line
from pyssh_config.errors import ConfigError
from pyssh_config.known_hosts import (
    KnownHost,
    KnownHosts,
    hash_name,
    host_port_name,
    parse_known_host,
)
from pyssh_config.known_hosts_file import add_host_key, hash_file, remove_host, remove_keys
from tests.support import peers


def new_key(key_type: str = "ed25519") -> PublicKey:
    return generate_private_key(key_type, None).key


KEY = new_key()
OTHER = new_key()
ECDSA = new_key("ecdsa")


def line(hosts: str, key: PublicKey = KEY, comment: str = "") -> str:
    return f"{hosts} {format_public_line(key, comment)}"


def load(tmp_path: Path, *lines: str) -> KnownHosts:
    path = tmp_path / "known_hosts"
    path.write_text("".join(text + "\n" for text in lines))
    return KnownHosts.load([str(path), str(tmp_path / "absent")])


def test_names() -> None:
    assert host_port_name("Host.Example", 22) == "host.example"
    assert host_port_name("::1", 2222) == "[::1]:2222"


@pytest.mark.parametrize(
    ("hosts", "name", "matches"),
    [
        ("a,b", "b", True),
        ("A.example", "a.example", True),
        ("*.example,!b.example", "a.example", True),
        ("*.example,!b.example", "b.example", False),
        ("[a]:2222", "[a]:2222", True),
        ("a", "[a]:2222", False),
        (hash_name("a.example"), "a.example", True),
        (hash_name("a.example"), "b.example", False),
        ("|1|x|y", "a", False),
        ("|1|", "a", False),
    ],
    ids=range(10),  # the salt differs from run to run
)
def test_matching(hosts: str, name: str, matches: bool) -> None:
    entry = parse_known_host(line(hosts), "f", 1)
    assert entry is not None
    assert entry.matches(name) is matches


def test_fields_of_a_line() -> None:
    entry = parse_known_host(line("@cert-authority\t*.a", comment="two words") + "\r\n", "f", 7)
    assert entry is not None
    assert (entry.marker, entry.hosts, entry.comment, entry.line) == ("cert-authority", "*.a", "two words", 7)
    assert entry.key == KEY
    assert parse_known_host("  # comment", "f", 1) is None


@pytest.mark.parametrize(
    "text", ["a", "a ssh-ed25519", "a ssh-ed25519 ???", "@x a b c", "a ssh-rsa " + "AAAA", "@"]
)
def test_bad_lines(text: str) -> None:
    with pytest.raises(ConfigError, match="f line 2"):
        parse_known_host(text, "f", 2)


@given(st.text(max_size=60))
def test_any_line_is_an_entry_or_a_config_error(text: str) -> None:
    try:
        entry = parse_known_host(text, "f", 1)
    except ConfigError:
        return
    assert entry is None or entry.key_type.encode() in entry.blob


def test_bad_lines_do_not_hide_good_ones(tmp_path: Path) -> None:
    hosts = load(tmp_path, "bad", line("a"))
    assert [entry.line for entry in hosts.find("A")] == [2]
    assert [problem.line for problem in hosts.problems] == [1]


def test_what_is_known_of_a_key(tmp_path: Path) -> None:
    hosts = load(
        tmp_path,
        line("a"),
        line("b", OTHER),
        line("c", ECDSA),
        line("d"),
        line("@revoked d"),
        line("e,f"),
        line("[g]:1"),
    )
    assert hosts.check_key("a", KEY).status == "known"
    changed = hosts.check_key("b", KEY)
    assert changed.status == "changed"
    assert changed.entry is not None
    assert changed.entry.line == 2
    unknown = hosts.check_key("c", KEY)
    assert unknown.status == "unknown"
    assert [entry.key_type for entry in unknown.others] == ["ecdsa-sha2-nistp256"]
    assert hosts.check_key("d", KEY).status == "revoked"
    assert hosts.check_key("z", KEY).status == "unknown"
    assert hosts.check_key("[a]:2222", KEY).status == "unknown"
    assert hosts.check_key("[a]:2222", KEY, without_port="a").status == "known"
    assert hosts.check_key("[b]:2222", KEY, without_port="b").status == "unknown"


def test_authorities_do_not_vouch_for_plain_keys(tmp_path: Path) -> None:
    assert load(tmp_path, line("@cert-authority a")).check_key("a", KEY).status == "unknown"


def test_order_of_algorithms(tmp_path: Path) -> None:
    algorithms = ("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512")
    hosts = load(tmp_path, line("a", ECDSA), line("b"), line("@cert-authority c"))
    assert hosts.order_algorithms("a", algorithms)[0] == "ecdsa-sha2-nistp256"
    assert hosts.order_algorithms("b", algorithms) == algorithms
    assert (
        hosts.order_algorithms("c", algorithms[1:] + algorithms[:1])[0] == "ssh-ed25519-cert-v01@openssh.com"
    )
    assert hosts.order_algorithms("z", algorithms) == algorithms


def test_adding(tmp_path: Path) -> None:
    path = str(tmp_path / "dir" / "known_hosts")
    assert add_host_key(path, ["A.example", "192.0.2.1"], KEY)
    assert not add_host_key(path, ["a.example"], KEY)
    assert add_host_key(path, ["b"], KEY, hash_names=True)
    assert Path(path).stat().st_mode & 0o777 == 0o600
    assert Path(path).parent.stat().st_mode & 0o777 == 0o700
    hosts = KnownHosts.load([path])
    assert [entry.is_hashed for entry in hosts.entries] == [False, True]
    assert hosts.check_key("192.0.2.1", KEY).status == "known"
    assert hosts.check_key("b", KEY).status == "known"


def test_adding_after_a_line_without_its_end(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("a"))
    add_host_key(str(path), ["b"], OTHER)
    assert [entry.hosts for entry in KnownHosts.load([str(path)]).entries] == ["a", "b"]


@pytest.mark.parametrize("name", ["a b", "a\nb", "a\x1b"])
def test_names_that_would_break_the_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError):
        add_host_key(str(tmp_path / "k"), [name], KEY)
    assert not (tmp_path / "k").exists()


def add_many(path: str, prefix: str) -> None:
    for number in range(20):
        add_host_key(path, [f"{prefix}{number}"], KEY)


def test_several_processes_add_at_once(tmp_path: Path) -> None:
    path = str(tmp_path / "known_hosts")
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=add_many, args=(path, prefix)) for prefix in ("a", "b", "c")]
    for worker in workers:
        worker.start()
    add_many(path, "d")
    remove_host(path, "d0")
    for worker in workers:
        worker.join()
    hosts = KnownHosts.load([path])
    assert not hosts.problems
    assert {entry.hosts for entry in hosts.entries} == {f"{p}{n}" for p in "abcd" for n in range(20)} - {"d0"}


def test_unwritable_places(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot change it"):
        add_host_key(str(tmp_path / "file" / "known_hosts"), ["a"], KEY)
    with pytest.raises(ConfigError, match="there is no such file"):
        remove_host(str(tmp_path / "absent"), "a")


def test_removing_keys_of_one_name_only(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text("\n".join([line("a"), line("a,b"), line("a", OTHER), line(hash_name("a"))]) + "\n")
    assert [entry.line for entry in remove_keys(str(path), ["a"], [KEY])] == [1, 4]
    assert len(KnownHosts.load([str(path)]).entries) == 2


SAMPLE = [
    line("a.example,192.0.2.1", comment="some comment"),
    "# comment",
    "",
    line("[b.example]:2222", OTHER),
    line("*.wild,!no.wild"),
    line("@cert-authority *.ca"),
    line("@revoked x.example"),
    line(hash_name("hidden.example")),
    line("B.example"),
]


@pytest.fixture(params=[peers.NEWEST, peers.DISTRIBUTION], ids=str)
def ssh_keygen(request: pytest.FixtureRequest) -> Path:
    peer: peers.OpenSSH = request.param
    return peers.require(peer).path("ssh-keygen")


def sample(tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    path.write_text("\n".join(SAMPLE) + "\n")
    return path


def run(program: Path, *arguments: str) -> str:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.stdout


@pytest.mark.parametrize(
    "name",
    [
        "a.example",
        "192.0.2.1",
        "[b.example]:2222",
        "x.wild",
        "no.wild",
        "q.ca",
        "x.example",
        "hidden.example",
        "nope",
    ],
)
def test_find_as_ssh_keygen_does(tmp_path: Path, ssh_keygen: Path, name: str) -> None:
    path = sample(tmp_path, "known_hosts")
    found = run(ssh_keygen, "-F", name, "-f", str(path))
    lines = [int(number) for number in re.findall(r"found: line (\d+)", found)]
    assert [entry.line for entry in KnownHosts.load([str(path)]).find(name)] == lines


@pytest.mark.parametrize("name", ["a.example", "x.wild", "q.ca", "hidden.example", "b.example", "nope"])
def test_remove_as_ssh_keygen_does(tmp_path: Path, ssh_keygen: Path, name: str) -> None:
    ours, theirs = sample(tmp_path, "ours"), sample(tmp_path, "theirs")
    ours.chmod(0o640)
    removed = remove_host(str(ours), name)
    run(ssh_keygen, "-R", name, "-f", str(theirs))
    assert ours.read_text() == theirs.read_text()
    assert (tmp_path / "ours.old").exists() == bool(removed)
    assert ours.stat().st_mode & 0o777 == 0o640


def test_ssh_keygen_finds_what_we_hide(tmp_path: Path, ssh_keygen: Path) -> None:
    path = sample(tmp_path, "known_hosts")
    result = hash_file(str(path))
    assert result.hashed == 4
    assert [entry.line for entry in result.left] == [5, 6]
    text = path.read_text()
    assert "a.example" not in text
    for name in ("a.example", "192.0.2.1", "[b.example]:2222", "hidden.example", "b.example", "x.wild"):
        assert "found" in run(ssh_keygen, "-F", name, "-f", str(path)), name


def test_we_find_what_ssh_keygen_hides(tmp_path: Path, ssh_keygen: Path) -> None:
    path = sample(tmp_path, "known_hosts")
    run(ssh_keygen, "-H", "-f", str(path))
    hosts = KnownHosts.load([str(path)])
    assert hosts.check_key("a.example", KEY).status == "known"
    assert hosts.check_key("[b.example]:2222", OTHER).status == "known"


def test_a_bad_line_stops_a_change(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("a") + "\nbad\n")
    with pytest.raises(ConfigError, match="line 2"):
        remove_host(str(path), "a")
    assert path.read_text().startswith("a ")
    assert isinstance(KnownHosts.load([str(path)]).entries[0], KnownHost)
