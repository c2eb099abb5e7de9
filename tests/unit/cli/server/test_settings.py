from pathlib import Path

import pytest

from pyssh.keys.private import generate_private_key
from pyssh_cli.output import Output
from pyssh_cli.server.accounts import own_account
from pyssh_cli.server.passwords import hash_password
from pyssh_cli.server.settings import Request, Settings, load_config, load_settings
from pyssh_config.errors import ConfigError
from pyssh_config.key_files import write_private_key

HASHED = hash_password("secret", 10)


def settings(*overrides: str, **fields: object) -> Settings:
    own = own_account().replace(uid=4242)
    request = Request(overrides=overrides).replace(**fields)
    return load_settings(request, own, Output("pyssh-server"))


def test_defaults_are_small() -> None:
    options = settings().options
    assert options.algorithms.compression == ("none",)
    assert options.methods == ("publickey",)
    assert options.algorithms.kex[0] == "mlkem768x25519-sha256"
    assert not [name for name in options.algorithms.ciphers if name.endswith("cbc")]
    assert options.login_grace_seconds == 120


def test_passwords_bring_their_methods() -> None:
    with_passwords = settings(passwords={"alice": HASHED})
    assert with_passwords.options.methods == ("publickey", "password", "keyboard-interactive")
    assert with_passwords.policy.accounts.find("bob") is None
    assert settings("PasswordAuthentication=no", passwords={"alice": HASHED}).options.methods == (
        "publickey",
        "keyboard-interactive",
    )


def test_algorithms_are_edited() -> None:
    options = settings("Ciphers=+aes128-cbc", "KexAlgorithms=curve25519-sha256", "Compression=yes").options
    assert options.algorithms.ciphers[-1] == "aes128-cbc"
    assert options.algorithms.kex == ("curve25519-sha256",)
    assert options.algorithms.compression == ("none", "zlib@openssh.com")


def test_times_and_limits() -> None:
    lines = ("RekeyLimit=1M 10m", "ClientAliveInterval=30", "ClientAliveCountMax=2", "MaxAuthTries=4")
    options = settings(*lines).options
    assert (options.rekey_bytes, options.rekey_seconds) == (1 << 20, 600)
    assert (options.keepalive_seconds, options.keepalive_count) == (30, 2)
    assert options.authentication_attempts == 4
    assert settings("ClientAliveInterval=30", "ClientAliveCountMax=0").options.keepalive_seconds == 0


def test_a_password_given_by_hand_works_for_root_unless_a_file_says_otherwise(tmp_path: Path) -> None:
    assert load_config(Request()).permit_root_login == "prohibit-password"
    assert load_config(Request(passwords={"root": HASHED})).permit_root_login == "yes"
    assert load_config(Request(run_password=HASHED)).permit_root_login == "yes"
    said = Request(overrides=("PermitRootLogin=no",), passwords={"root": HASHED})
    assert load_config(said).permit_root_login == "no"
    path = tmp_path / "config"
    path.write_text("")
    in_file = Request(str(path), passwords={"root": HASHED})
    assert load_config(in_file).permit_root_login == "prohibit-password"


@pytest.mark.parametrize(
    "text",
    [
        "Subsystem sftp internal-sftp -l INFO\n",
        "ForceCommand internal-sftp\n",
        "Match User a\nForceCommand internal-sftp\n",
    ],
)
def test_what_is_not_supported_yet_is_said_wherever_it_stands(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(text)
    with pytest.raises(ConfigError, match="internal-sftp is not supported yet") as caught:
        load_config(Request(str(path)))
    assert str(path) in str(caught.value)


def test_a_match_block_may_switch_methods_on_and_allow_more_attempts(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("PubkeyAuthentication no\nMatch User a\nPubkeyAuthentication yes\nMaxAuthTries 9\n")
    options = settings(config_file=str(path)).options
    assert options.methods == ("publickey",)
    assert options.authentication_attempts == 9


def test_a_host_key_that_cannot_be_used_is_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    write_private_key(str(good), generate_private_key("ed25519"))
    made = settings(f"HostKey={bad}", f"HostKey={good}")
    assert len(made.signers) == 1
    assert f"{bad}: cannot read it" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="cannot read it"):
        settings(f"HostKey={bad}")
