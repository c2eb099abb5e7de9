"""What is told of a login that failed."""

from pathlib import Path

import pytest

from pyssh.events import (
    CredentialRefused,
    DebugReceived,
    KeyAccepted,
    PasswordCredential,
    PublicKeyCredential,
)
from pyssh.keys.private import generate_private_key
from pyssh_cli.client.attempts import Attempts
from pyssh_cli.client.identities import Identity
from pyssh_config.client import ClientConfig, ConfigFile

KEY, OTHER = (generate_private_key("ed25519").key for _ in range(2))
METHODS = ("publickey", "password")


def load(folder: Path, text: str = "") -> ClientConfig:
    path = folder / "config"
    path.write_text(text)
    return ClientConfig.load("h", files=[ConfigFile(str(path), is_user=True, is_required=True)])


def text_of(attempts: Attempts) -> str:
    return "\n".join(attempts.explain())


def test_each_key_and_where_it_came_from(tmp_path: Path) -> None:
    attempts = Attempts(load(tmp_path, "User me\nIdentityFile /keys/mine\n"))
    attempts.offer(Identity(KEY, "/keys/mine"))
    attempts.observe(CredentialRefused(PublicKeyCredential(KEY), True, METHODS))
    attempts.skip(Identity(None, "/keys/locked"), "its passphrase was not given")
    attempts.offer(Identity(OTHER, "/keys/other"))
    attempts.observe(KeyAccepted(OTHER, "ssh-ed25519"))
    attempts.observe(CredentialRefused(PublicKeyCredential(OTHER), False, METHODS))
    text = text_of(attempts)
    first = f"/keys/mine (ssh-ed25519 {KEY.fingerprint()}) from IdentityFile ({tmp_path}/config line 2): "
    assert f"{first}the server does not take this key for this user" in text
    assert "/keys/locked from IdentityFile" in text
    assert "not tried, its passphrase was not given" in text
    assert "the server would take it, and then did not take its signature" in text
    assert f"Is me the right user? It comes from {tmp_path}/config line 1." in text


def test_passwords_are_counted_and_not_shown(tmp_path: Path) -> None:
    attempts = Attempts(load(tmp_path))
    for _ in range(3):
        attempts.observe(CredentialRefused(PasswordCredential("hunter2"), False, METHODS))
    text = text_of(attempts)
    assert "the password: the server did not take it (3 times)" in text
    assert "hunter2" not in text


def test_the_advice_can_be_pasted(tmp_path: Path) -> None:
    assert "pyssh doctor h looks at both sides" in text_of(Attempts(load(tmp_path)))
    assert "pyssh doctor -p 2222 h looks" in text_of(Attempts(load(tmp_path, "Port 2222\n")))


def test_the_server_has_its_say_and_no_more(tmp_path: Path) -> None:
    attempts = Attempts(load(tmp_path))
    for number in range(100):
        attempts.observe(DebugReceived(False, f"\x1b[31mred {number}"))
    text = text_of(attempts)
    assert r"The server remarks: \x1b[31mred 0" in text
    assert "\x1b" not in text
    assert text.count("remarks") == 8


def test_many_keys_are_cut(tmp_path: Path) -> None:
    attempts = Attempts(load(tmp_path))
    for number in range(30):
        attempts.offer(Identity(KEY, f"/k{number}"))
    text = text_of(attempts)
    assert "and 10 more" in text
    assert "IdentitiesOnly=yes" in text


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ("BatchMode yes", "BatchMode forbids"),
        (
            "PasswordAuthentication no\nKbdInteractiveAuthentication no",
            "the configuration here switches that off",
        ),
        ("", "nobody could be asked"),
    ],
)
def test_why_nobody_was_asked_for_a_password(tmp_path: Path, config: str, reason: str) -> None:
    attempts = Attempts(load(tmp_path, config))
    attempts.methods = METHODS
    assert reason in text_of(attempts)
    attempts.methods = ("publickey",)
    assert "would take a password" not in text_of(attempts)


def test_nothing_to_try(tmp_path: Path) -> None:
    config = load(tmp_path)
    attempts = Attempts(config.replace(context=config.context.replace(environ={})))
    attempts.note_agent(found=False)
    text = text_of(attempts)
    assert "Nothing was tried" in text
    assert "SSH_AUTH_SOCK is not set" in text
    assert "pyssh keygen makes a key" in text
