"""The order in which keys are offered."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from pyssh.keys.certify import NONCE_SIZE, Statement, sign_certificate
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.keys.public import PublicKey, decode_public_key
from pyssh.wire.types import put_string, put_text
from pyssh_cli.client.identities import agent_path, collect_identities
from pyssh_cli.output import Level, Output
from pyssh_config.client import ClientConfig
from pyssh_config.key_files import write_private_key, write_public_key
from pyssh_config.match import ClientContext


class _Signer:
    def __init__(self, key: PrivateKey, comment: str) -> None:
        self.key = key.key
        self.comment = comment


class _Held:
    comment = ""

    def __init__(self, key: PublicKey) -> None:
        self.key = key


class _Agent:
    def __init__(self, *signers: "_Signer | _Held") -> None:
        self._signers = signers

    def list_keys(self) -> "list[_Signer | _Held]":
        return list(self._signers)


def _make(path: Path, passphrase: bytes | None = None) -> PrivateKey:
    key = generate_private_key("ed25519", None)
    write_private_key(str(path), key, passphrase=passphrase)
    return key


def _collect(config: ClientConfig, *signers: _Signer) -> tuple[list[tuple[str, bool]], list[str]]:
    said: list[str] = []

    def keep(_: Level, line: str) -> None:
        said.append(line)

    agent: Any = _Agent(*signers)
    found = collect_identities(config, agent, Output("pyssh", sink=keep))
    return [(Path(one.path).name or one.comment, one.signer is not None) for one in found], said


def _config(*overrides: Any) -> ClientConfig:
    return ClientConfig.load("h", files=[], overrides=overrides)


def test_files_in_the_agent_then_the_agents_others_then_files(tmp_path: Path) -> None:
    one, two = _make(tmp_path / "one"), _make(tmp_path / "two", b"secret")
    third = generate_private_key("ed25519", None)
    config = _config(("identity_file", (str(tmp_path / "one"), str(tmp_path / "two"))))
    agent = [_Signer(third, "third"), _Signer(two, "second")]
    assert _collect(config, *agent)[0] == [("two", True), ("third", True), ("one", False)]
    only = config.replace(identities_only=True)
    assert _collect(only, *agent)[0] == [("two", True), ("one", False)]
    assert one.key != two.key


def test_a_public_key_stands_for_the_agents_private_one(tmp_path: Path) -> None:
    key = generate_private_key("ed25519", None)
    write_public_key(str(tmp_path / "key.pub"), key.key)
    config = _config(("identity_file", (str(tmp_path / "key.pub"),)), "IdentitiesOnly=yes")
    assert _collect(config, _Signer(key, "held"))[0] == [("key", True)]


def test_the_public_half_alone_stands_for_the_agents_private_one(tmp_path: Path) -> None:
    key = generate_private_key("ed25519", None)
    write_public_key(str(tmp_path / "key.pub"), key.key)
    config = _config(("identity_file", (str(tmp_path / "key"),)), "IdentitiesOnly=yes")
    assert _collect(config, _Signer(key, "held")) == ([("key", True)], [])


def test_a_certificate_goes_with_the_agents_bare_key(tmp_path: Path) -> None:
    key, authority = generate_private_key("ed25519", None), generate_private_key("ed25519", None)
    certificate = sign_certificate(
        key.key,
        Statement("user", "id"),
        authority.key,
        lambda data: authority.sign("ssh-ed25519", data),
        bytes(NONCE_SIZE),
    )
    write_public_key(str(tmp_path / "its-cert.pub"), certificate)
    overrides = ("CertificateFile=" + str(tmp_path / "its-cert.pub"), "IdentityFile=none")
    for only in ("yes", "no"):
        config = _config(*overrides, f"IdentitiesOnly={only}")
        agent: Any = _Agent(_Signer(key, "held"))
        found = collect_identities(config, agent, Output("pyssh"))
        assert [one.key for one in found] == [certificate, key.key][: 1 if only == "yes" else 2]
        assert all(one.signer is not None for one in found)


def test_the_agents_keys_come_in_the_order_that_asks_least_of_the_user() -> None:
    authority = generate_private_key("ed25519", None)
    blob = bytearray()
    put_text(blob, "sk-ssh-ed25519@openssh.com")
    put_string(blob, authority.key.blob[-32:])
    put_text(blob, "ssh:")
    device = decode_public_key(bytes(blob))
    plain = authority.key

    def certify(key: PublicKey, **options: Any) -> PublicKey:
        made = Statement("user", "id", **options)
        return sign_certificate(
            key, made, plain, lambda data: authority.sign("ssh-ed25519", data), bytes(NONCE_SIZE)
        )

    wanted = [
        certify(device, extensions={"no-touch-required": b""}),
        certify(plain),
        certify(device),
        certify(device, critical_options={"verify-required": b""}),
        plain,
        device,
    ]
    for held in itertools.permutations(wanted):
        agent: Any = _Agent(*(_Held(key) for key in held))
        config = _config("IdentityFile=none")
        assert [one.key for one in collect_identities(config, agent, Output("pyssh"))] == wanted


def test_a_named_file_that_is_missing_is_a_warning_and_a_default_one_is_not(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    found, said = _collect(_config(("identity_file", (missing,))))
    assert found == []
    assert said == [f"Warning: Identity file {missing} not accessible: No such file or directory."]
    context = ClientContext(home=str(tmp_path), local_user="me", uid=0)
    assert _collect(ClientConfig.load("h", files=[], context=context)) == ([], [])


@pytest.mark.parametrize(
    ("named", "path"),
    [
        (None, "/default"),
        ("SSH_AUTH_SOCK", "/default"),
        ("none", ""),
        ("$OTHER", "/other"),
        ("$MISSING", ""),
        ("/%u", "/me"),
    ],
)
def test_where_the_agent_is(named: str | None, path: str) -> None:
    environ = {"SSH_AUTH_SOCK": "/default", "OTHER": "/other"}
    context = ClientContext(home="/home", local_user="me", uid=0, environ=environ)
    overrides = [] if named is None else [f"IdentityAgent={named}"]
    assert agent_path(ClientConfig.load("h", files=[], overrides=overrides, context=context)) == path
