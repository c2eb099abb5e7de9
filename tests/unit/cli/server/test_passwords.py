from pathlib import Path

import pytest

from pyssh_cli.server.passwords import (
    PasswordHash,
    Passwords,
    hash_password,
    make_password,
    parse_hash,
    read_password_file,
)
from pyssh_config.errors import ConfigError

CHEAP = 10  # the least work that is allowed


def test_a_hash_matches_its_password_only() -> None:
    hashed = hash_password("secret", CHEAP)
    assert hashed.matches("secret")
    assert not hashed.matches("Secret")
    assert not hashed.matches("")
    assert parse_hash(str(hashed)) == hashed


def test_two_hashes_of_a_password_differ() -> None:
    assert hash_password("secret", CHEAP) != hash_password("secret", CHEAP)


def test_a_hash_is_not_shown() -> None:
    shown = repr(hash_password("secret", CHEAP))
    assert "salt=..." in shown
    assert "value=..." in shown


GOOD = str(hash_password("secret", CHEAP))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret",
        GOOD[:-4],
        GOOD.replace("scrypt", "bcrypt"),
        GOOD.replace("ln=10", "ln=9"),
        GOOD.replace("ln=10", "ln=30"),
        GOOD.replace("ln=10", "ln=20"),
        GOOD.replace("r=8", "r=0"),
        GOOD.replace("p=1", "p=99"),
        GOOD + "\n",
    ],
)
def test_hashes_that_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_hash(text)


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    path.write_text(f"# comment\n\nalice:{GOOD}\n bob:{GOOD} \n")
    assert list(read_password_file(str(path))) == ["alice", "bob"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"alice:{GOOD}\nalice:{GOOD}\n", "line 2: the user alice stands there twice"),
        ("alice\n", "line 1: the line is not of the form name:hash"),
        (f":{GOOD}\n", "line 1: the line is not of the form name:hash"),
        ("alice:plain\n", "line 1: this is not a hash"),
        ("# nobody\n", "it names no user"),
    ],
)
def test_mistakes_in_a_file(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "passwords"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read_password_file(str(path))


async def test_an_unknown_user_costs_the_same_work(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords({"alice": hash_password("secret", 11)})
    worked = []
    matches = PasswordHash.matches

    def counted(self: PasswordHash, password: str) -> bool:
        worked.append((self.ln, self.r, self.p, len(self.salt), len(self.value)))
        return matches(self, password)

    monkeypatch.setattr(PasswordHash, "matches", counted)
    assert await passwords.check("alice", "secret")
    assert not await passwords.check("alice", "wrong")
    assert not await passwords.check("nobody", "secret")
    assert len(worked) == 3
    assert len(set(worked)) == 1


async def test_names_that_are_not_ours_are_left_to_others() -> None:
    class Others:
        async def check(self, user: str, password: str) -> bool:
            return (user, password) == ("bob", "other")

    passwords = Passwords({"alice": hash_password("secret", CHEAP)}, Others())
    assert await passwords.check("bob", "other")
    assert not await passwords.check("alice", "other")


def test_made_passwords_are_long_and_differ() -> None:
    made = {make_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(password) == 23 and password.count("-") == 3 for password in made)
