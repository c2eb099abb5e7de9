import re
from pathlib import Path

import pytest

from pyssh.events import PublicKeyAttempt
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import PublicKey, decode_public_key, format_public_line
from pyssh.wire.types import put_string
from pyssh_cli.server.accounts import own_account
from pyssh_cli.server.authorized import KeyDecision, check_signature_flags, judge_key
from pyssh_config.authorized_keys import KeyOptions

KEY, OTHER = (generate_private_key("ed25519").key for _ in range(2))


def judge(path: Path, text: str | None, key: PublicKey = KEY, peer: str = "192.0.2.7") -> KeyDecision:
    if text is not None:
        path.write_text(text)
        path.chmod(0o600)
    account = own_account()
    return judge_key(key, account.name, account, [str(path)], strict=True, peer=peer)


def line(options: str, key: PublicKey = KEY) -> str:
    return f"{options} {format_public_line(key, 'comment')}\n".lstrip()


def test_a_key_that_is_listed(own_home: Path) -> None:
    decision = judge(own_home / "keys", f"# mine\n{line('no-pty')}")
    assert decision.options == KeyOptions(pty=False)
    assert decision.source.endswith("keys line 2")


@pytest.mark.parametrize(
    ("text", "note"),
    [
        (None, "is not there"),
        ("", "no authorized key was found"),
        (line("", OTHER), "has this key"),
        (line("unknown-option"), "the option unknown-option is not known"),
        (line('from="192.0.2.8"'), r"its from= does not allow 192\.0\.2\.7"),
        (line('expiry-time="20200101"'), "its expiry-time has passed"),
        (line("cert-authority"), "has this key"),
    ],
)
def test_reasons_are_noted(text: str | None, note: str, own_home: Path) -> None:
    decision = judge(own_home / "keys", text)
    assert decision.options is None
    assert any(re.search(note, found) for found in decision.notes), decision.notes


def test_a_later_line_may_allow_what_an_earlier_one_does_not(own_home: Path) -> None:
    decision = judge(own_home / "keys", line('from="192.0.2.8"') + line('from="192.0.2.0/24"'))
    assert decision.source.endswith("line 2")


def test_unreadable_text_is_no_exception(own_home: Path) -> None:
    path = own_home / "keys"
    path.write_bytes(b"\xff\xfe\0 ssh-ed25519 AAAA\n")
    path.chmod(0o600)
    assert judge(path, None).options is None


def security_key() -> PublicKey:
    """A security key's public half, with the point of an ordinary one."""
    blob = bytearray()
    for part in (b"sk-ssh-ed25519@openssh.com", KEY.blob[-32:], b"ssh:"):
        put_string(blob, part)
    return decode_public_key(bytes(blob))


@pytest.mark.parametrize(
    ("flags", "options", "refusal"),
    [
        (0x01, KeyOptions(), None),
        (0x00, KeyOptions(), "the security key was not touched"),
        (0x00, KeyOptions(touch_required=False), None),
        (0x01, KeyOptions(verify_required=True), "the security key did not verify its user"),
        (0x05, KeyOptions(verify_required=True), None),
    ],
)
def test_security_keys(flags: int, options: KeyOptions, refusal: str | None) -> None:
    key = security_key()
    attempt = PublicKeyAttempt(key, key.key_type, True, flags)
    assert check_signature_flags(attempt, options) == refusal
    assert check_signature_flags(attempt.replace(signed=False), options) is None
    assert check_signature_flags(attempt.replace(key=KEY), options) is None
