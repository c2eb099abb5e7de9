"""What the doctor says of files and of algorithms, without a host."""

import json
import subprocess
from pathlib import Path

import pytest

from pyssh_cli.commands import doctor
from pyssh_cli.doctor.findings import Findings, Offer, Status
from pyssh_cli.doctor.local import look_at_configuration, look_at_files
from pyssh_cli.doctor.show import print_tables
from pyssh_config.client import ClientConfig, ConfigFile
from tests.support import peers
from tests.support.peers import make_key


@pytest.fixture
def ssh(tmp_path: Path) -> Path:
    """The directory of a user."""
    folder = tmp_path / ".ssh"
    folder.mkdir(mode=0o700)
    return folder


def look(ssh: Path, text: str = "") -> tuple[list[str], list[str]]:
    """Return problems and all texts."""
    path = ssh / "config"
    path.write_text(text)
    config = ClientConfig.load("h", files=[ConfigFile(str(path), is_user=True, is_required=True)])
    config = config.replace(context=config.context.replace(home=str(ssh.parent)))
    findings = Findings()
    look_at_configuration(config, findings)
    look_at_files(config, findings)
    problems = [found.text for found in findings.all if found.status is Status.PROBLEM]
    return problems, [found.text for found in findings.all]


def test_files_in_order(ssh: Path) -> None:
    key = make_key(ssh / "id_ed25519")
    problems, texts = look(ssh)
    assert problems == []
    assert any(text.startswith(f"{key} is a private key: ssh-ed25519 SHA256:") for text in texts)


def test_no_files(ssh: Path) -> None:
    ssh_texts = look(ssh)[1]
    assert "there is no key file to log in with; pyssh keygen makes one" in ssh_texts


def test_what_others_can_do(ssh: Path) -> None:
    make_key(ssh / "id_ed25519").chmod(0o644)
    ssh.chmod(0o777)
    problems, _ = look(ssh)
    assert any(f"others can write to {ssh} (mode 0777)" in text for text in problems)
    assert any("UNPROTECTED PRIVATE KEY FILE" in text for text in problems)


def test_halves_that_do_not_belong_together(ssh: Path) -> None:
    key = make_key(ssh / "id_ed25519")
    key.with_suffix(".pub").write_text(make_key(ssh / "other").with_suffix(".pub").read_text())
    problems, _ = look(ssh)
    assert problems == [
        f"{key}.pub is not the public half of {key}; pyssh keygen -y prints that",
    ]


def test_certificates_and_passphrases(ssh: Path) -> None:
    authority = make_key(ssh / "authority")
    keygen = str(peers.NEWEST.path("ssh-keygen"))
    for name, validity in (("id_ed25519", "20200101:20200102"), ("id_ecdsa", "-1d:+2d")):
        key = make_key(ssh / name, name.removeprefix("id_"), passphrase="secret")
        words = [keygen, "-q", "-s", str(authority), "-I", "x", "-n", "me", "-V", validity, f"{key}.pub"]
        subprocess.run(words, check=True, capture_output=True)
    problems, texts = look(ssh)
    (problem,) = problems
    assert problem.startswith(f"{ssh}/id_ed25519-cert.pub: the certificate has expired")
    assert f"{ssh}/id_ed25519 is a private key with a passphrase, mode 0600" in texts
    (good,) = [text for text in texts if "is a certificate for me" in text]
    assert "it is valid for 1 day more" in good


def test_files_that_are_named_and_missing(ssh: Path) -> None:
    (ssh / "known_hosts").write_text("what is this\n")
    files = {"IdentityFile": "gone", "CertificateFile": "gone-cert.pub", "UserKnownHostsFile": "known_hosts"}
    text = "".join(f"{keyword} {ssh}/{name}\n" for keyword, name in files.items())
    problems, texts = look(ssh, text)
    assert f"{ssh}/gone is named by IdentityFile and is not there" in problems
    assert any(problem.startswith(f"{ssh}/gone-cert.pub: cannot read it") for problem in problems)
    assert any("known_hosts line 1" in text for text in texts)


def test_directions_that_agree_are_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    findings = Findings()
    for way in ("cipher to the server", "cipher from the server", "MAC to the server"):
        findings.offers.append(Offer(way, "x", ("x",), ("x", "y")))
    findings.offers.append(Offer("MAC from the server", "", ("x",), ("y",)))
    findings.problem("algorithms", "[red]nothing[/red] in common")
    print_tables(findings, "h")
    text = capsys.readouterr().out
    assert text.count("cipher") == 1
    assert "MAC to the server" in text
    assert "[red]nothing[/red] in common" in text
    assert "1 problem." in text


def test_algorithms_have_lines_of_their_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = "ecdsa-sha2-nistp256-cert-v01@openssh.com"
    findings = Findings()
    findings.offers = [
        Offer("host key", "b", (long, "b", "c"), ("b", "d", "c")),
        Offer("MAC", "part of the cipher", ("x",), ("x", "y")),
        Offer("cipher", "", ("p",), ("q",)),
    ]

    def lines() -> list[str]:
        return [" ".join(line.split()) for line in capsys.readouterr().out.split("\n")[1:]]

    print_tables(findings, "h")
    assert lines()[:7] == [
        "host key * b both",
        "c both",
        "MAC * part of the cipher",
        "cipher nothing in common",
        "p this side",
        "q that side",
        "",
    ]
    print_tables(findings, "h", is_whole=True)
    shown = ["host key " + long + " this side", "* b both", "c both", "d that side"]
    assert lines()[:7] == [*shown, "MAC * part of the cipher", "x both", "y that side"]


def test_a_configuration_that_makes_no_session(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config"
    config.write_text("ForkAfterAuthentication yes\nProxyCommand false\n")
    doctor.main(["--json", "-F", str(config), "h"])
    found = json.loads(capsys.readouterr().out)
    keywords = [value["keyword"] for value in found["configuration"]]
    assert keywords == ["ForkAfterAuthentication", "ProxyCommand"]
    first = found["findings"][0]
    assert (first["area"], first["status"]) == ("configuration", "warning")
    assert "-f needs a command" in first["text"]


def test_a_key_file_of_the_command_line_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config"
    config.write_text("GSSAPIAuthentication yes\nProxyCommand false\n")
    doctor.main(["--json", "-F", str(config), "-i", "gone", "h"])
    shown = capsys.readouterr()
    texts = [finding["text"] for finding in json.loads(shown.out)["findings"]]
    assert "Warning: Identity file gone not accessible: No such file or directory." in texts
    assert sum("GSSAPIAuthentication" in text for text in texts) == 1
    assert shown.err == ""


def test_words_are_those_of_ssh_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config"
    config.write_text("RequestTTY no\nRemoteCommand true\nProxyCommand false\nForkAfterAuthentication yes\n")
    assert doctor.main(["--json", "-F", str(config), "h"]) == 1
    found = json.loads(capsys.readouterr().out)
    values = {value["keyword"]: (value["value"], value["line"]) for value in found["configuration"]}
    assert values == {
        "RequestTTY": ("no", 1),
        "RemoteCommand": ("true", 2),
        "ProxyCommand": ("false", 3),
        "ForkAfterAuthentication": ("yes", 4),
    }
