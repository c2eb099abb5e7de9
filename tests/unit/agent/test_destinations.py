"""Where a key may be used, as OpenSSH's agent decides it (PROTOCOL.agent)."""

import pytest

from pyssh.agent.constraints import Destination, Hop, HopKey
from pyssh.agent.destinations import MAX_BINDINGS, Bindings, DestinationError, check_listed, check_login
from pyssh.agent.messages import SessionBind
from pyssh.agent.signed_data import Login, parse_login
from pyssh.errors import SSHError
from pyssh.keys.private import generate_private_key
from tests.unit.agent.building import (
    CA,
    CERTIFICATES,
    HERE,
    HOSTS,
    NOW,
    USER,
    destinations,
    login_data,
    session_bind,
)
from tests.unit.keys.building import certificate_blob, strings

RSA = generate_private_key("rsa", 2048)


def path(hops: str, *, login: bool) -> Bindings:
    """A connection over these hosts; the last one is where somebody logs in, or forwards the agent to."""
    bindings = Bindings()
    for at, name in enumerate(hops):
        is_last = at == len(hops) - 1
        bindings.bind(session_bind(name, b"session %d" % at, forwarding=not (login and is_last)))
    return bindings


def last_login(bindings: Bindings, user: str = "me", *, names_host: bool = True) -> Login:
    last = bindings.hops[-1]
    return Login(last.session_identifier, user, last.host_key if names_host else None)


def may_see(steps: str, hops: str, *, login: bool = False) -> bool:
    try:
        check_listed(destinations(*steps.split()), path(hops, login=login), NOW)
    except DestinationError:
        return False
    return True


def may_log_in(steps: str, hops: str, user: str = "me") -> bool:
    bindings = path(hops, login=True)
    try:
        check_login(destinations(*steps.split()), bindings, last_login(bindings, user), NOW)
    except DestinationError:
        return False
    return True


@pytest.mark.parametrize(
    ("steps", "hops", "allowed"),
    [
        ("", "", True),
        ("", "a", True),
        ("a", "", True),
        # a key for a is of no use beyond a
        ("a", "a", False),
        ("a a>b", "a", True),
        ("a a>b", "b", False),
        ("a a>b", "ab", False),
        ("a a>b b>c", "ab", True),
        ("a>b", "a", False),
        # hosts with certificates
        ("d d>e", "d", True),
        ("d d>e", "e", False),
    ],
)
def test_who_sees_a_key_beyond_a_forwarding(steps: str, hops: str, allowed: bool) -> None:
    assert may_see(steps, hops) is allowed


def test_who_is_about_to_log_in_sees_the_keys_for_there() -> None:
    assert may_see("a", "a", login=True)
    assert not may_see("a", "b", login=True)


@pytest.mark.parametrize(
    ("steps", "hops", "allowed"),
    [
        ("", "", True),
        ("", "x", True),
        ("a", "a", True),
        ("a", "b", False),
        ("b a", "a", True),
        ("a a>b", "ab", True),
        ("a>b", "ab", False),
        ("a a>b", "abc", False),
        ("a a>b b>c c>d d>e", "abcde", True),
        ("a a>b b>c c>e d>e", "abcde", False),
        ("a b", "ab", False),
        ("d", "d", True),
        ("e", "d", False),
    ],
)
def test_where_a_key_logs_in(steps: str, hops: str, allowed: bool) -> None:
    if hops:
        assert may_log_in(steps, hops) is allowed
    else:
        check_login((), Bindings(), None, NOW)


@pytest.mark.parametrize(
    ("pattern", "user", "allowed"),
    [
        ("me", "me", True),
        ("me", "you", False),
        ("*", "me", True),
        ("m?", "me", True),
        ("m?", "m", False),
        ("*e*e", "meme", True),
        ("*e*e", "mem", False),
        ("me*", "m", False),
    ],
)
def test_the_user_is_a_pattern(pattern: str, user: str, allowed: bool) -> None:
    assert may_log_in(f"{pattern}@a", "a", user) is allowed


def test_the_user_counts_at_the_last_hop_only() -> None:
    assert may_log_in("x@a a>me@b", "ab")


def test_a_connection_without_sessions_signs_no_login() -> None:
    with pytest.raises(DestinationError, match="not bound"):
        check_login(destinations("a"), Bindings(), Login(b"session", "me", None), NOW)


def test_only_logins_are_signed() -> None:
    with pytest.raises(DestinationError, match="no login"):
        check_login(destinations("a"), path("a", login=True), None, NOW)


def test_the_login_is_to_the_session_bound_last() -> None:
    bindings = path("a", login=True)
    with pytest.raises(DestinationError, match="not to the session"):
        check_login(destinations("a"), bindings, Login(b"another", "me", HOSTS["a"].key), NOW)


def test_the_login_names_the_host_bound_last() -> None:
    bindings = path("a", login=True)
    login = last_login(bindings).replace(host_key=HOSTS["b"].key)
    with pytest.raises(DestinationError, match="another host key"):
        check_login(destinations("a"), bindings, login, NOW)


def test_only_logins_from_this_host_need_not_name_the_host() -> None:
    near, far = path("a", login=True), path("ab", login=True)
    check_login(destinations("a"), near, last_login(near, names_host=False), NOW)
    with pytest.raises(DestinationError, match="names no host key"):
        check_login(destinations("a", "a>b"), far, last_login(far, names_host=False), NOW)


def test_no_login_over_a_hop_that_forwards() -> None:
    bindings = path("a", login=False)
    with pytest.raises(DestinationError, match="for forwarding"):
        check_login(destinations("a", "a>a"), bindings, last_login(bindings), NOW)


def test_no_hop_goes_on_from_a_login() -> None:
    # which nobody can bind; whoever reads the path does not rely on that
    bindings = path("b", login=True)
    bindings.hops.insert(0, path("a", login=True).hops[0])
    with pytest.raises(DestinationError, match="goes on from a login"):
        check_login(destinations("a", "a>b"), bindings, last_login(bindings), NOW)


@pytest.mark.parametrize(
    "certificate",
    [
        {"kind": 1},
        {"principals": ("other",)},
        {"principals": ()},
        {"valid": (0, 100)},
        {"critical": (("unknown", b""),)},
        {"signature_key": CA.key.blob, "signature": HOSTS["a"].sign("ssh-ed25519", b"")},
    ],
    ids="-".join,
)
def test_certificates_that_do_not_hold_make_no_hop(certificate: dict[str, object]) -> None:
    options = {"kind": 2, "principals": ("d",), "valid": (0, 10_000), "extensions": ()} | certificate
    blob = certificate_blob(HOSTS["d"].key, CA, **options)  # type: ignore[arg-type]  # as the table has them
    bindings = Bindings()
    bindings.bind(SessionBind(blob, b"session", HOSTS["d"].sign("ssh-ed25519", b"session"), False).encode())
    with pytest.raises(DestinationError, match="no constraint permits"):
        check_login(destinations("d"), bindings, last_login(bindings), NOW)


def test_a_plain_key_is_no_authority_and_an_authority_no_plain_key() -> None:
    as_host = Destination(HERE, Hop("", "d", (HopKey(CA.key),)))
    as_authority = Destination(HERE, Hop("", "a", (HopKey(HOSTS["a"].key, is_ca=True),)))
    for name, step in (("d", as_host), ("a", as_authority)):
        bindings = path(name, login=True)
        with pytest.raises(DestinationError):
            check_login((step,), bindings, last_login(bindings), NOW)


# --- binding


def test_the_same_session_can_be_bound_again() -> None:
    bindings = Bindings()
    for _ in range(2):
        bindings.bind(session_bind("a", b"session", forwarding=True))
    assert len(bindings.hops) == 1
    assert bindings.is_remote
    assert not bindings.failed


SESSION = b"session"
RIGHT = HOSTS["a"].sign("ssh-ed25519", SESSION)


@pytest.mark.parametrize(
    ("contents", "what"),
    [
        (b"", "left"),
        (session_bind("a", SESSION, forwarding=True) + b"x", "too many"),
        (SessionBind(b"", SESSION, RIGHT, True).encode(), "left"),
        (SessionBind(HOSTS["a"].key.blob, SESSION, b"", True).encode(), "malformed"),
        (SessionBind(HOSTS["a"].key.blob, SESSION, strings("none", b""), True).encode(), "'none'"),
        (SessionBind(HOSTS["b"].key.blob, SESSION, RIGHT, True).encode(), "did not sign"),
        (SessionBind(HOSTS["a"].key.blob, b"", RIGHT, True).encode(), "0 bytes"),
        (session_bind("a", bytes(129), forwarding=True), "129 bytes"),
        (SessionBind(RSA.key.blob, SESSION, RSA.sign("ssh-rsa", SESSION), True).encode(), "'ssh-rsa'"),
    ],
)
def test_sessions_that_are_not_believed(contents: bytes, what: str) -> None:
    bindings = Bindings()
    with pytest.raises(SSHError, match=what):
        bindings.bind(contents)
    assert bindings.failed
    assert not bindings.hops
    # a path that is not known is none that is permitted, neither to list nor to sign
    with pytest.raises(DestinationError, match="could not be bound"):
        check_listed(destinations("a"), bindings, NOW)
    check_listed((), bindings, NOW)


def test_other_hash_functions_of_rsa_are_believed() -> None:
    bindings = Bindings()
    bindings.bind(SessionBind(RSA.key.blob, SESSION, RSA.sign("rsa-sha2-256", SESSION), True).encode())
    assert bindings.hops[0].host_key == RSA.key


def test_nothing_is_bound_behind_a_login() -> None:
    bindings = path("a", login=True)
    with pytest.raises(DestinationError, match="a login already"):
        bindings.bind(session_bind("b", b"other", forwarding=True))


def test_a_session_has_one_host() -> None:
    bindings = path("a", login=False)
    with pytest.raises(DestinationError, match="another host key"):
        bindings.bind(session_bind("b", b"session 0", forwarding=True))


def test_hops_are_limited() -> None:
    bindings = path("a" * MAX_BINDINGS, login=False)
    with pytest.raises(DestinationError, match="more than 16"):
        bindings.bind(session_bind("a", b"one more", forwarding=True))


# --- what is signed


def test_logins_are_recognised() -> None:
    key, host = USER.key, HOSTS["a"].key
    assert parse_login(login_data(b"id"), key) == Login(b"id", "me", None)
    assert parse_login(login_data(b"id", host_key=host), key) == Login(b"id", "me", host)
    certified = CERTIFICATES["d"]
    assert parse_login(login_data(b"id", certified), certified) == Login(b"id", "me", None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSHSIG" + strings("file", b"", "sha512", bytes(64)),
        login_data(b""),
        login_data(b"id", HOSTS["a"].key),
        login_data(b"id") + b"x",
        login_data(b"id", host_key=HOSTS["a"].key)[:-1],
        login_data(b"id").replace(b"ssh-connection", b"ssh-userauth  "),
        login_data(b"id").replace(b"\x09publickey", b"\x09hostbased"),
        login_data(b"id").replace(b"publickey\1", b"publickey\0"),
        login_data(b"id").replace(b"\x32", b"\x33", 1),
        login_data(b"id").replace(b"\x0bssh-ed25519", b"\x0bssh-unknown", 1),
        login_data(b"id").replace(strings("ssh-ed25519"), strings("rsa-sha2-512"), 1),
    ],
)
def test_what_is_no_login_of_this_key(data: bytes) -> None:
    assert parse_login(data, USER.key) is None
