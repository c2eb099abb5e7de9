"""authorized_principals, and lists of revoked keys."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyssh.keys.certificate import Certificate
from pyssh.keys.krl import RevocationList
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import decode_public_key, format_public_line
from pyssh_config.errors import ConfigError
from pyssh_config.principals import parse_principals
from pyssh_config.revoked_keys import RevokedKeys, read_key_list
from tests.unit.keys.building import certificate_blob

KEY, OTHER, CA = (generate_private_key("ed25519") for _ in range(3))
CERTIFICATE = decode_public_key(certificate_blob(KEY.key, CA))
assert isinstance(CERTIFICATE, Certificate)


def names(text: str) -> list[str]:
    return [line.principal for line in parse_principals(text, "p").lines]


def test_names_and_options() -> None:
    text = '# all\n\n alice \nno-pty,command="echo \\"a b\\"" bob # of it\nfrom="192.0.2.0/24"\tcarol\r\n'
    parsed = parse_principals(text, "p")
    assert [line.principal for line in parsed.lines] == ["alice", "bob", "carol"]
    assert parsed.lines[1].options.command == 'echo "a b"'
    assert not parsed.lines[1].options.pty
    assert parsed.lines[2].options.from_patterns == "192.0.2.0/24"
    assert [line.line for line in parsed.lines] == [3, 4, 5]
    assert parsed.unusable == ()


@pytest.mark.parametrize(
    "line", ["bogus alice", "cert-authority alice", 'command="x alice', "no-pty,, alice"]
)
def test_a_line_that_is_not_understood_grants_nothing(line: str) -> None:
    parsed = parse_principals(f"bob\n{line}\n", "p")
    assert [found.principal for found in parsed.lines] == ["bob"]
    (problem,) = parsed.unusable
    assert problem.line == 2


@given(st.text())
def test_any_text_is_parsed(text: str) -> None:
    for line in parse_principals(text, "p").lines:
        assert line.principal


# --- revoked keys


def write(path: Path, *lines: str) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_text_lists(tmp_path: Path) -> None:
    listed = write(tmp_path / "list", "# comment", "", format_public_line(KEY.key, "me"))
    revoked = RevokedKeys.load(listed)
    assert revoked.is_revoked(KEY.key)
    assert revoked.is_revoked(CERTIFICATE)
    assert not revoked.is_revoked(OTHER.key)
    of_authority = RevokedKeys.load(write(tmp_path / "ca", format_public_line(CA.key, "")))
    assert of_authority.is_revoked(CERTIFICATE)
    assert not of_authority.is_revoked(KEY.key)
    # a certificate in the list stands for its key
    whole = RevokedKeys.load(write(tmp_path / "whole", format_public_line(CERTIFICATE, "")))
    assert whole.is_revoked(KEY.key)


def test_revocation_lists(tmp_path: Path) -> None:
    krl = RevocationList()
    krl.of_authority(CA.key).serials.add(7, 7)
    path = tmp_path / "krl"
    path.write_bytes(krl.encode())
    revoked = RevokedKeys.load(str(path))
    assert revoked.is_revoked(CERTIFICATE)
    assert not revoked.is_revoked(KEY.key)


@pytest.mark.parametrize("data", [b"what is this\n", b"ssh-ed25519 AAAA\n", b"SSHKRL\n\0", b"\xff\xfe\n"])
def test_a_list_that_cannot_be_read_is_no_empty_list(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "list"
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=str(path)):
        RevokedKeys.load(str(path))
    with pytest.raises(ConfigError):
        RevokedKeys.load(str(tmp_path / "absent"))
    with pytest.raises(ConfigError):
        read_key_list(str(path))


def test_lists_of_authorities(tmp_path: Path) -> None:
    path = write(
        tmp_path / "cas", format_public_line(CA.key, "ca"), "# and", format_public_line(OTHER.key, "")
    )
    assert read_key_list(path) == (CA.key, OTHER.key)
