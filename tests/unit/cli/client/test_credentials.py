"""Which method comes next, and how often somebody is asked."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from pyssh.errors import AuthenticationError
from pyssh.events import (
    Credential,
    CredentialNeeded,
    KeyboardInteractiveCredential,
    PasswordChange,
    PasswordChangeNeeded,
    PasswordCredential,
    Prompt,
    PromptsReceived,
    PublicKeyCredential,
    SignatureNeeded,
)
from pyssh.keys.private import generate_private_key
from pyssh.keys.signing import SIGNATURE_ALGORITHMS
from pyssh_cli.client.credentials import UserCredentials
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.client.trust import HostTrust
from pyssh_cli.output import Level, Output
from pyssh_config.client import ClientConfig
from pyssh_config.key_files import write_private_key

ALL = ("publickey", "keyboard-interactive", "password")
ALGORITHMS = tuple(algorithm.name for algorithm in SIGNATURE_ALGORITHMS)


class _Answers(Prompter):
    """Answers what it is asked from a list; then nobody answers."""

    def __init__(self, *answers: str) -> None:
        super().__init__({})
        self.asked: list[str] = []
        self._answers = list(answers)

    def ask(self, text: str, *, echo: bool = False) -> str | None:
        self.asked.append(text)
        return self._answers.pop(0) if self._answers else None


class _Login:
    def __init__(self, *overrides: Any, answers: tuple[str, ...] = ()) -> None:
        self.said: list[str] = []

        def keep(_: Level, line: str) -> None:
            self.said.append(line)

        nothing = ("UserKnownHostsFile=none", "GlobalKnownHostsFile=none", "IdentityAgent=none")
        named = [] if any(isinstance(one, tuple) for one in overrides) else [("identity_file", (None,))]
        config = ClientConfig.load("h", files=[], overrides=[*overrides, *nothing, *named, "User=me"])
        output = Output("pyssh", sink=keep)
        self.prompter = _Answers(*answers)
        self.trust = HostTrust(config, self.prompter, output)
        self.credentials = UserCredentials(
            config, self.prompter, output, trust=self.trust, user_algorithms=ALGORITHMS
        )

    def next(self, *methods: str, partial: bool = False) -> Credential | None:
        found: Credential | None = _run(self.credentials.next(CredentialNeeded(methods or ALL, partial)))
        return found


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(coroutine)


def test_passwords_are_asked_for_three_times() -> None:
    login = _Login("KbdInteractiveAuthentication=no", answers=("a", "b", "c", "d"))
    assert [login.next() for _ in range(3)] == [PasswordCredential(word) for word in "abc"]
    with pytest.raises(AuthenticationError, match=r"^me@h: Permission denied \(password\)\.$"):
        login.next("password")
    assert login.prompter.asked == ["me@h's password: "] * 3
    assert login.said == ["Permission denied, please try again."] * 2


def test_the_order_of_methods_is_the_users() -> None:
    login = _Login("PreferredAuthentications=password,keyboard-interactive", answers=("a",))
    assert login.next() == PasswordCredential("a")
    assert login.next("keyboard-interactive") == KeyboardInteractiveCredential()


def test_nobody_is_asked_in_a_batch_or_after_a_changed_host_key() -> None:
    for login in (_Login("BatchMode=yes", answers=("a",)), _Login(answers=("a",))):
        login.trust.changed = True
        with pytest.raises(AuthenticationError):
            login.next()
        assert login.prompter.asked == []


def test_keyboard_interactive_without_questions_is_tried_once() -> None:
    login = _Login()
    assert login.next("keyboard-interactive") == KeyboardInteractiveCredential()
    with pytest.raises(AuthenticationError):
        login.next("keyboard-interactive")


def test_questions_are_shown_without_control_characters() -> None:
    login = _Login(answers=("one", "two"))
    login.next("keyboard-interactive")
    prompts = (Prompt("Name\x1b[2J: ", True), Prompt("Code: ", False))
    asked = PromptsReceived("title\x07", "do this", prompts)
    assert _run(login.credentials.answer_prompts(asked)) == ("one", "two")
    assert login.prompter.asked == ["(me@h) Name\\x1b[2J: ", "(me@h) Code: "]
    assert login.said == ["title\\x07", "do this"]
    assert login.next("keyboard-interactive") == KeyboardInteractiveCredential()
    assert _run(login.credentials.answer_prompts(asked)) is None


def test_a_password_is_changed_when_both_new_ones_agree() -> None:
    login = _Login(answers=("old", "new", "other", "new", "new"))
    change = _run(login.credentials.change_password(PasswordChangeNeeded("expired")))
    assert change == PasswordChange("old", "new")
    assert login.said == ["expired", "The two are not the same; try again."]


def test_a_key_is_offered_and_its_passphrase_asked_for_when_it_signs(tmp_path: Path) -> None:
    key = generate_private_key("ed25519", None)
    write_private_key(str(tmp_path / "key"), key, passphrase=b"right", rounds=1)
    login = _Login(("identity_file", (str(tmp_path / "key"),)), answers=("wrong", "right"))
    assert login.next() == PublicKeyCredential(key.key)
    assert login.prompter.asked == []
    question = SignatureNeeded(key.key, "ssh-ed25519", b"data", "user")
    signature = _run(login.credentials.sign(question))
    assert key.key.verify("ssh-ed25519", signature, b"data")
    assert login.prompter.asked == [f"Enter passphrase for key '{tmp_path}/key': "] * 2
    assert _run(login.credentials.sign(question)) == signature
    assert len(login.prompter.asked) == 2


def test_an_empty_passphrase_goes_on_to_the_next_key(tmp_path: Path) -> None:
    key = generate_private_key("ed25519", None)
    write_private_key(str(tmp_path / "key"), key, passphrase=b"right", rounds=1)
    login = _Login(("identity_file", (str(tmp_path / "key"),)), answers=("",))
    login.next()
    assert _run(login.credentials.sign(SignatureNeeded(key.key, "ssh-ed25519", b"data", "user"))) is None


def test_after_partial_success_everything_may_be_tried_again() -> None:
    login = _Login("KbdInteractiveAuthentication=no", "NumberOfPasswordPrompts=1", answers=("a", "b"))
    assert login.next() == PasswordCredential("a")
    assert login.next("password", partial=True) == PasswordCredential("b")
