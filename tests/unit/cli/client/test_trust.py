"""Decisions about host keys that need no server: addresses, DNS, confirmed keys."""

from pathlib import Path
from typing import Any

import pytest

from pyssh.errors import HostKeyError
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import PublicKey, format_public_line
from pyssh_cli.client import sshfp
from pyssh_cli.client.host_key_update import plan_rotation
from pyssh_cli.client.prompt import Prompter
from pyssh_cli.client.sshfp import DnsFinding
from pyssh_cli.client.trust import HostTrust
from pyssh_cli.output import Output
from pyssh_config.client import ClientConfig
from pyssh_config.errors import ConfigError
from pyssh_config.known_hosts import KnownHost, hash_name, parse_lines

KEY, OTHER, THIRD = (generate_private_key("ed25519").key for _ in range(3))


class Answers(Prompter):
    def __init__(self, *answers: str) -> None:
        super().__init__({})
        self.asked: list[str] = []
        self._answers = list(answers)

    def ask(self, text: str, *, echo: bool = False) -> str | None:
        self.asked.append(text)
        return self._answers.pop(0) if self._answers else None


class Case:
    """One decision for the host h at 192.0.2.7; `known` are names and keys."""

    def __init__(
        self, folder: Path, *options: str, known: tuple[tuple[str, PublicKey], ...] = (), answers: Any = ()
    ) -> None:
        self.said: list[str] = []
        self.path = folder / "known"
        self.path.write_text("".join(f"{name} {format_public_line(key, '')}\n" for name, key in known))
        files = [f"UserKnownHostsFile={self.path}", "GlobalKnownHostsFile=none"]
        config = ClientConfig.load("h", files=[], overrides=[*options, *files])
        output = Output("pyssh", sink=lambda _, line: self.said.append(line))
        self.prompter = Answers(*answers)
        self.trust = HostTrust(config, self.prompter, output)
        self.trust.address = "192.0.2.7"

    def judge(self, key: PublicKey = KEY) -> bool:
        return self.trust.judge(key)

    @property
    def text(self) -> str:
        return "\n".join([*self.said, *self.prompter.asked])


# --- CheckHostIP


def test_the_address_is_written_down_too(tmp_path: Path) -> None:
    case = Case(tmp_path, "CheckHostIP=yes", "StrictHostKeyChecking=accept-new")
    assert case.judge()
    assert case.path.read_text().startswith("h,192.0.2.7 ssh-ed25519 ")
    case = Case(tmp_path, "CheckHostIP=yes", "Port=2222", known=(("[h]:2222", KEY),))
    assert case.judge()
    assert "[192.0.2.7]:2222 ssh-ed25519 " in case.path.read_text()
    case = Case(tmp_path, known=(("h", KEY),))
    assert case.judge()
    assert "192.0.2.7" not in case.path.read_text()


@pytest.mark.parametrize(
    ("checking", "answers", "accepted"),
    [
        ("ask", ["yes"], True),
        ("ask", ["no"], False),
        ("ask", [], False),
        ("yes", [], False),
        ("no", [], True),
    ],
)
def test_an_address_of_another_key(tmp_path: Path, checking: str, answers: list[str], accepted: bool) -> None:
    options = ("CheckHostIP=yes", f"StrictHostKeyChecking={checking}")
    case = Case(tmp_path, *options, known=(("h", KEY), ("192.0.2.7", OTHER)), answers=answers)
    if accepted:
        assert case.judge()
    else:
        with pytest.raises(HostKeyError):
            case.judge()
    assert "differs from the key for the IP address '192.0.2.7'" in case.text


# --- who may tell of more keys


def test_known_and_confirmed_keys_are_trusted(tmp_path: Path) -> None:
    case = Case(tmp_path, known=(("h", KEY),))
    assert case.judge()
    assert case.trust.is_trusted
    case = Case(tmp_path, answers=["yes"])
    assert case.judge()
    assert case.trust.is_trusted


def test_keys_taken_unseen_are_not(tmp_path: Path) -> None:
    for options in (("StrictHostKeyChecking=accept-new",), ("StrictHostKeyChecking=no",)):
        case = Case(tmp_path, *options)
        assert case.judge()
        assert not case.trust.is_trusted
    # known for the bare name, used at another port
    case = Case(tmp_path, "Port=2222", known=(("h", KEY),))
    assert case.judge()
    assert not case.trust.is_trusted


# --- DNS


def with_dns(monkeypatch: pytest.MonkeyPatch, finding: DnsFinding) -> None:
    monkeypatch.setattr(sshfp, "require_resolver", lambda: None)
    monkeypatch.setattr(sshfp, "look_up", lambda host, key: finding)


@pytest.mark.parametrize("wanted", ["yes", "ask"])
@pytest.mark.parametrize("secure", [True, False])
def test_only_a_validated_answer_is_proof(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str, secure: bool
) -> None:
    with_dns(monkeypatch, DnsFinding(True, True, secure))
    case = Case(tmp_path, f"VerifyHostKeyDNS={wanted}")
    if wanted == "yes" and secure:
        assert case.judge()
        assert not case.prompter.asked
        assert not case.trust.is_trusted
        return
    with pytest.raises(HostKeyError):
        case.judge()
    assert "Matching host key fingerprint found in DNS." in case.prompter.asked[0]


def test_a_record_of_another_key_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_dns(monkeypatch, DnsFinding(True, False, True))
    case = Case(tmp_path, "VerifyHostKeyDNS=yes", answers=["yes"])
    assert case.judge()
    assert "the DNS has another ED25519 key for h" in case.text
    assert "No matching host key fingerprint found in DNS." in case.text


def test_without_the_library_it_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dns.resolver", None)
    with pytest.raises(ConfigError, match=r"VerifyHostKeyDNS: it needs .* pyssh\[dns\]"):
        Case(tmp_path, "VerifyHostKeyDNS=ask")


# --- rotation


def entries(*lines: tuple[str, PublicKey]) -> list[KnownHost]:
    text = "\n".join(f"{name} {format_public_line(key, '')}" for name, key in lines)
    found = [entry for entry in parse_lines(text, "known") if isinstance(entry, KnownHost)]
    assert len(found) == len(lines)
    return found


def test_what_rotates() -> None:
    plan = plan_rotation(entries(("h", KEY), (hash_name("h"), OTHER)), ["h"], [KEY, THIRD])
    assert (plan.new, plan.old) == ((THIRD,), (OTHER,))
    plan = plan_rotation(entries(("h,192.0.2.7", KEY)), ["h", "192.0.2.7"], [KEY])
    assert (plan.new, plan.old, plan.reason) == ((), (), "")


def test_an_old_key_of_another_host_stays() -> None:
    plan = plan_rotation(entries(("h", KEY), ("h", OTHER), ("x", OTHER)), ["h"], [KEY])
    assert plan.old == ()


@pytest.mark.parametrize(
    "line", [("h,x", OTHER), ("*", OTHER), ("h*", OTHER), ("@cert-authority h", OTHER), ("x", THIRD)]
)
def test_when_nothing_rotates(line: tuple[str, PublicKey]) -> None:
    plan = plan_rotation(entries(("h", KEY), line), ["h"], [KEY, THIRD])
    assert plan.reason
    assert (plan.new, plan.old) == ((), ())
