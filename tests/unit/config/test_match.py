import pytest

from pyssh_config.errors import ConfigError
from pyssh_config.lexer import Line, parse_line
from pyssh_config.match import (
    ClientContext,
    ClientFacts,
    ServerContext,
    match_client,
    match_server,
    matches_host_line,
)

CONTEXT = ClientContext(
    "/home/me",
    "me",
    1000,
    command="ls -l",
    session="exec",
    version="pyssh_1",
    addresses=lambda: ("127.0.0.1", "10.1.2.3", "fd00::7"),
)


def line(text: str) -> Line:
    parsed = parse_line(text, "f", 4)
    assert parsed is not None
    return parsed


def facts(*, final: bool = False, ran: list[str] | None = None, tag: str = "") -> ClientFacts:
    def run(command: str) -> bool:
        if ran is not None:
            ran.append(command)
        return command == "true"

    return ClientFacts("Alias", "real.example", "bob", tag, CONTEXT, final, run, CONTEXT.session)


@pytest.mark.parametrize(
    ("text", "host", "matches"),
    [
        ("Host a b", "b", True),
        ("Host *", "x", True),
        ("Host *.a !b.a", "b.a", False),
        ("Host !b.a *.a", "c.a", True),
        ("Host !b", "a", False),
        ("Host A", "a", False),
    ],
)
def test_host_lines(text: str, host: str, matches: bool) -> None:
    assert matches_host_line(line(text), host) is matches


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("all", True),
        ("!all", False),
        ("host real.*", True),
        ("host REAL.example", True),
        ("host=real.example", True),
        ("!host real.example", False),
        ("originalhost alias", True),
        ("originalhost real.example", False),
        ("user bob,alice", True),
        ("user !bob,*", False),
        ("localuser me user bob", True),
        ("localuser me user alice", False),
        ('tagged ""', True),
        ("tagged x", False),
        ('command "ls *"', True),
        ("sessiontype exec", True),
        ("localnetwork 192.0.2.0/24,10.0.0.0/8", True),
        ("localnetwork fd00::/64", True),
        ("localnetwork 192.0.2.0/24", False),
        ('command ""', False),
        ("tagged *", False),
        ("version pyssh_*", True),
        ("final", False),
        ("!final", True),
        ("final all", False),
        ("canonical", False),
        ("exec true", True),
        ("exec false", False),
        ("!exec false", True),
    ],
)
def test_client_criteria(text: str, matches: bool) -> None:
    assert match_client(line("Match " + text), facts()).matches is matches


def test_final_asks_for_a_second_reading() -> None:
    assert match_client(line("Match host x final"), facts()).wants_final
    assert not match_client(line("Match canonical"), facts()).wants_final
    assert match_client(line("Match final host real.example"), facts(final=True)).matches


def test_exec_runs_only_when_the_rest_before_it_holds() -> None:
    ran: list[str] = []
    match_client(line('Match host nope exec "a b"'), facts(ran=ran))
    assert ran == []
    match_client(line('Match host * exec "a b"'), facts(ran=ran))
    assert ran == ["a b"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("bogus x", "bogus is not a criterion"),
        ("host", "needs a value"),
        ("all host x", "all cannot be combined"),
        ("host x user y all", "all cannot be combined"),
        ("canonical final all", "all cannot be combined"),
        ("localnetwork 10.0.0.1/8", "host bits zero"),
        ('user ""', "is empty"),
        ("rdomain x", "is not a criterion"),
    ],
)
def test_bad_client_criteria(text: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"f line 4: Match.*: .*{problem}") as caught:
        match_client(line("Match " + text), facts())
    assert caught.value.line == 4


SERVER = ServerContext(
    "bob", ("staff", "users"), "client.example", "192.0.2.7", local_address="198.51.100.1", local_port=2222
)


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("all", True),
        ("User b*", True),
        ("User !bob,*", False),
        ("Group users", True),
        ("Group !staff,users", False),
        ("Group wheel", False),
        ("Host *.example", True),
        ("Address 192.0.2.0/24", True),
        ("Address 192.0.2.0/24,!192.0.2.7", False),
        ("LocalAddress 198.51.100.1 LocalPort 2222", True),
        ("LocalPort 22", False),
        ("User bob Address 203.0.113.0/24", False),
        ("Invalid-User", False),
    ],
)
def test_server_criteria(text: str, matches: bool) -> None:
    assert match_server(line("Match " + text), SERVER) is matches
    assert match_server(line("Match " + text), None) is False


def test_users_that_do_not_exist() -> None:
    assert match_server(line("Match invalid-user"), ServerContext("x", user_exists=False))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("RDomain x", "not supported yet"),
        ("bogus", "not a criterion"),
        ("User", "needs a value"),
        ("all User x", "all cannot be combined"),
        ("!User x", "write !"),
        ("Address 192.0.2.1/24", "not a network"),
        ("LocalPort x", "not a port"),
    ],
)
@pytest.mark.parametrize("context", [SERVER, None])
def test_bad_server_criteria(text: str, problem: str, context: ServerContext | None) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        match_server(line("Match " + text), context)
    assert (caught.value.path, caught.value.line) == ("f", 4)


def test_context_of_this_process() -> None:
    context = ClientContext.of_process(command="x")
    assert context.local_user
    assert context.home.startswith("/")
    assert context.command == "x"
