"""`pyssh keygen` as a user runs it: making, changing and showing keys, known_hosts, wrong usage."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pyssh_cli.keygen.request import FLAGS
from tests.support.keygen import Keygen
from tests.support.pyssh_client import PYSSH

TYPES = {
    "ed25519": ("ssh-ed25519", "256", "ED25519"),
    "ecdsa": ("ecdsa-sha2-nistp256", "256", "ECDSA"),
    "rsa": ("ssh-rsa", "3072", "RSA"),
    "mldsa44-ed25519": ("ssh-mldsa44-ed25519", "512", "MLDSA44-ED25519"),
}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    return Keygen.in_folder(tmp_path, capfd, monkeypatch)


def test_a_full_device_for_what_is_said_ends_nothing(keygen: Keygen, tmp_path: Path) -> None:
    keygen("-q", "-f", "ca", "-N", "")
    with Path("/dev/full").open("w") as full:
        command = [*PYSSH, "keygen", "-s", "ca", "-I", "me", "-n", "me", "ca.pub"]
        done = subprocess.run(command, stderr=full, check=False, cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "ca-cert.pub").exists()


@pytest.mark.parametrize("kind", TYPES)
def test_makes_a_pair(keygen: Keygen, tmp_path: Path, kind: str) -> None:
    name, bits, short = TYPES[kind]
    said = keygen("-t", kind, "-f", "key", "-N", "", "-C", "me and you")
    lines = said.out.split("\n")
    assert (said.code, said.err) == (0, "")
    assert lines[:4] == [
        f"Generating public/private {kind} key pair.",
        "Your identification has been saved in key",
        "Your public key has been saved in key.pub",
        "The key fingerprint is:",
    ]
    assert lines[4].startswith("SHA256:")
    assert lines[4].endswith(" me and you")
    assert lines[5] == "The key's randomart image is:"
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "key.pub").stat().st_mode) == 0o644
    public = (tmp_path / "key.pub").read_text()
    assert public.startswith(f"{name} ")
    assert public.endswith(" me and you\n")
    assert keygen("-y", "-f", "key").out == public
    assert keygen("-l", "-f", "key").out == f"{bits} {lines[4].split()[0]} me and you ({short})\n"


def test_modes_do_not_depend_on_the_umask(keygen: Keygen, tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        keygen("-q", "-t", "ed25519", "-f", "key", "-N", "")
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("key", "key.pub")]
    assert modes == [0o600, 0o644]


def test_quiet_says_nothing(keygen: Keygen) -> None:
    assert keygen("-q", "-f", "key", "-N", "secret") == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["-t", "ecdsa", "-b", "521"], "ecdsa-sha2-nistp521 "),
        (["-t", "ecdsa-sha2-nistp384"], "ecdsa-sha2-nistp384 "),
        (["-tssh-ed25519"], "ssh-ed25519 "),
        (["-t", "ED25519", "-b", "100"], "ssh-ed25519 "),
        (["-t", "rsa", "-b2048"], "ssh-rsa "),
        ([], "ssh-ed25519 "),
    ],
)
def test_types_and_sizes(keygen: Keygen, tmp_path: Path, arguments: list[str], start: str) -> None:
    assert keygen("-q", *arguments, "-f", "key", "-N", "").code == 0
    assert (tmp_path / "key.pub").read_text().startswith(start)


def test_default_file_lies_in_the_home(keygen: Keygen, own_home: Path) -> None:
    said = keygen("-t", "ecdsa", "-N", "", stdin=b"\n")
    path = own_home / ".ssh" / "id_ecdsa"
    assert said.code == 0
    assert f"Enter file in which to save the key ({path}): " in said.out
    assert f"Created directory '{own_home}/.ssh'.\n" in said.out
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.exists()


def test_file_name_can_be_given_when_asked(keygen: Keygen, tmp_path: Path) -> None:
    assert keygen("-q", "-N", "", stdin=b"other\n").code == 0
    assert (tmp_path / "other.pub").exists()
    assert keygen("-q", "-N", "").code == 1


@pytest.mark.parametrize("answer", [b"n\n", b"", b"\n", b"no way\n"])
def test_does_not_overwrite_without_a_yes(keygen: Keygen, tmp_path: Path, answer: bytes) -> None:
    (tmp_path / "key").write_text("precious")
    said = keygen("-q", "-f", "key", "-N", "", stdin=answer)
    assert said == (1, "key already exists.\nOverwrite (y/n)? ", "")
    assert (tmp_path / "key").read_text() == "precious"


def test_overwrites_after_a_yes_and_follows_links(keygen: Keygen, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "key").symlink_to("target")
    assert keygen("-q", "-f", "key", "-N", "", stdin=b"y\n").code == 0
    assert (tmp_path / "key").is_symlink()
    assert "PRIVATE KEY" in (tmp_path / "target").read_text()
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o600


def test_passphrases_come_from_standard_input_without_a_terminal(keygen: Keygen) -> None:
    said = keygen("-q", "-f", "key", stdin=b"one\ntwo\nthree\nthree\n")
    assert said.code == 0
    assert said.out == "Passphrases do not match.  Try again.\n"
    assert keygen("-y", "-f", "key", stdin=b"three\n").code == 0
    wrong = keygen("-y", "-f", "key", stdin=b"topsecret\n")
    assert wrong.code == 255
    assert wrong.err.endswith('Load key "key": incorrect passphrase supplied to decrypt private key\n')
    assert "topsecret" not in wrong.out + wrong.err


def test_passphrase_of_askpass(keygen: Keygen, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keygen("-q", "-f", "key", "-N", "hidden")
    program = tmp_path / "askpass"
    program.write_text('#!/bin/sh\necho "$1" >asked\necho hidden\n')
    program.chmod(0o700)
    monkeypatch.setenv("SSH_ASKPASS", str(program))
    monkeypatch.setenv("SSH_ASKPASS_REQUIRE", "force")
    assert keygen("-y", "-f", "key").code == 0
    assert (tmp_path / "asked").read_text() == 'Enter passphrase for "key": \n'


def test_changes_the_passphrase(keygen: Keygen, tmp_path: Path) -> None:
    keygen("-q", "-f", "key", "-N", "", "-C", "mine")
    public = (tmp_path / "key.pub").read_text()
    said = keygen("-p", "-f", "key", "-N", "new")
    assert said.out == "Key has comment 'mine'\nYour identification has been saved with the new passphrase.\n"
    assert keygen("-p", "-f", "key", "-P", "old", "-N", "").code == 255
    assert keygen("-p", "-f", "key", "-P", "new", stdin=b"a\nb\n").code == 1
    assert keygen("-y", "-f", "key", "-P", "new").out == public
    assert keygen("-p", "-f", "key", "-P", "new", "-N", "").code == 0
    assert keygen("-y", "-f", "key").out == public
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_changes_the_comment(keygen: Keygen, tmp_path: Path) -> None:
    keygen("-q", "-f", "key", "-N", "pass", "-C", "old one")
    said = keygen("-c", "-f", "key", "-P", "pass", "-C", "new one")
    assert said.out == "Old comment: old one\nComment 'new one' applied\n"
    assert (tmp_path / "key.pub").read_text().endswith(" new one\n")
    assert keygen("-y", "-f", "key", "-P", "pass").out == (tmp_path / "key.pub").read_text()
    assert keygen("-c", "-f", "key", "-P", "pass", stdin=b"new one\n").out == (
        "Old comment: new one\nNew comment: No change to comment\n"
    )
    assert keygen("-c", "-f", "key", "-P", "pass", "-C", "").out == "Old comment: new one\nComment removed\n"
    assert keygen("-c", "-f", "key", "-P", "pass").code == 1
    assert keygen("-c", "-f", "key", "-P", "wrong", "-C", "").code == 255


def test_fingerprint_of_each_key_in_a_file(keygen: Keygen, tmp_path: Path) -> None:
    keygen("-q", "-f", "key", "-N", "", "-C", "mine")
    line = (tmp_path / "key.pub").read_text()
    (tmp_path / "keys").write_text(
        f'# comment\n\n{line}restrict,command="echo \\"a b\\"" {line}host,other {line}'
        f"nonsense\nbare {' '.join(line.split()[:2])}\n"
    )
    fingerprint = keygen("-lf", "key.pub").out.split()[1]
    mine = f"256 {fingerprint} mine (ED25519)\n"
    assert keygen("-lf", "keys").out == 3 * mine + f"256 {fingerprint} bare (ED25519)\n"
    assert keygen("-lf", "-", stdin=line.encode()).out == mine
    assert keygen("-lf", "keys", "-E", "md5").out.startswith("256 MD5:")
    pictures = keygen("-lvf", "key").out.split("\n")
    assert pictures[1] == "+--[ED25519 256]--+"
    assert pictures[11] == "+----[SHA256]-----+"


def test_fingerprint_without_the_passphrase(keygen: Keygen, tmp_path: Path) -> None:
    keygen("-q", "-f", "key", "-N", "pass", "-C", "mine")
    assert keygen("-lf", "key").out.endswith(" mine (ED25519)\n")
    (tmp_path / "key.pub").unlink()
    assert keygen("-lf", "key").out.endswith(" no comment (ED25519)\n")


def test_comments_from_files_are_harmless(keygen: Keygen, tmp_path: Path) -> None:
    keygen("-q", "-f", "key", "-N", "", "-C", "mine")
    line = (tmp_path / "key.pub").read_text().replace("mine", "\x1b]0;boo\x07")
    (tmp_path / "key.pub").write_text(line)
    said = keygen("-lf", "key.pub")
    assert "\x1b" not in said.out
    assert "\\x1b]0;boo\\x07" in said.out


def test_finds_and_removes_hosts(keygen: Keygen, own_home: Path) -> None:
    keygen("-q", "-f", "key", "-N", "")
    blob = " ".join(Path("key.pub").read_text().split()[:2])
    known = own_home / ".ssh" / "known_hosts"
    known.parent.mkdir(mode=0o700)
    known.write_text(f"one,two {blob}\n@cert-authority *.org {blob}\n[one]:2222 {blob} words\n")
    assert keygen("-F", "two").out == f"# Host two found: line 1 \none,two {blob}\n"
    assert keygen("-F", "a.org").out.startswith("# Host a.org found: line 2 CA\n")
    assert keygen("-F", "three") == (1, "", "")
    fingerprint = keygen("-lf", "key.pub").out.split()[1]
    assert keygen("-l", "-F", "[one]:2222").out == (
        f"# Host [one]:2222 found: line 3 \n[one]:2222 ED25519 {fingerprint} words\n"
    )
    said = keygen("-R", "one")
    assert said.out == (
        f"# Host one found: line 1\n{known} updated.\nOriginal contents retained as {known}.old\n"
    )
    assert len(known.read_text().split("\n")) == 3
    assert keygen("-R", "one") == (0, "", f"Host one not found in {known}\n")


def test_hides_names(keygen: Keygen, tmp_path: Path) -> None:
    keygen("-q", "-f", "key", "-N", "")
    blob = " ".join(Path("key.pub").read_text().split()[:2])
    (tmp_path / "hosts").write_text(f"one,two {blob}\n* {blob}\n")
    said = keygen("-H", "-f", "hosts")
    assert said.code == 0
    assert "hosts:2: ignoring host name with wildcard: *\n" in said.err
    lines = (tmp_path / "hosts").read_text().split("\n")
    assert [line[:3] for line in lines] == ["|1|", "|1|", "* s", ""]
    assert keygen("-F", "two", "-f", "hosts").out.startswith("# Host two found: line 2 \n|1|")
    assert keygen("-H", "-f", "hosts").code == 0
    assert "|1|" in keygen("-HF", "one", "-f", "hosts.old").out


def test_broken_known_hosts_stays_as_it_is(keygen: Keygen, tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("broken line\n")
    for arguments in (["-R", "one"], ["-H"]):
        said = keygen(*arguments, "-f", "hosts")
        assert said.code == 1
        assert said.err == (
            "hosts:1: invalid line\nhosts is not a valid known_hosts file.\n"
            "Not replacing existing known_hosts file because of errors\n"
        )
    assert (tmp_path / "hosts").read_text() == "broken line\n"


def test_makes_missing_host_keys(keygen: Keygen, tmp_path: Path) -> None:
    folder = tmp_path / "etc" / "ssh"
    folder.mkdir(parents=True)
    (folder / "ssh_host_rsa_key").write_text("there")
    (folder / "ssh_host_ecdsa_key").write_text("")
    said = keygen("-A", "-f", tmp_path)
    assert said.out == "ssh-keygen: generating new host keys: ECDSA ED25519 MLDSA44-ED25519 \n"
    assert (folder / "ssh_host_rsa_key").read_text() == "there"
    assert stat.S_IMODE((folder / "ssh_host_mldsa44_ed25519_key").stat().st_mode) == 0o600
    assert keygen("-A", "-f", tmp_path) == (0, "", "")
    assert "No such file" in keygen("-A", "-f", "nowhere").err


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["-t", "rsa", "-b", "1024"], 255, "Invalid RSA key length: minimum is 2048 bits"),
        (["-t", "rsa", "-b", "99999"], 255, "maximum is 16384"),
        (["-t", "ecdsa", "-b", "300"], 255, "256, 384 or 521"),
        (["-t", "dsa"], 255, "unknown key type dsa"),
        (["-t", "ed25519-sk"], 255, "not supported"),
        (["-b", "12x"], 255, "Bits has bad value 12x (invalid)"),
        (["-b", "-1"], 255, "too small"),
        (["-b", "9" * 5000], 255, "too large"),
        (["-a", "0"], 255, "Invalid number: 0 (too small)"),
        (["-a", "5000"], 255, "at most 4096"),
        (["-Z", "rot13"], 255, "Invalid OpenSSH-format cipher 'rot13'"),
        (["-E", "crc32", "-l"], 255, 'Invalid hash algorithm "crc32"'),
        (["-m", "DOC"], 255, 'Unsupported conversion format "DOC"'),
        (["-z", "x"], 255, 'Invalid serial number "x"'),
        (["-f", "no/where", "-N", ""], 1, 'Saving key "no/where" failed: No such file or directory'),
        (["-f", "key", "-N", "", "-C", "a\nb"], 255, "line break"),
        (["-t", "ed25519", "-m", "PEM", "-f", "key", "-N", ""], 1, "try -m PKCS8"),
        (["-y", "-f", "absent"], 255, "absent: No such file or directory"),
        (["-l", "-f", "absent"], 255, "absent: No such file or directory"),
        (["-p", "-f", "absent"], 255, "absent: No such file or directory"),
        (["-c", "-f", "absent"], 255, "absent: No such file or directory"),
        (["-R", "host"], 255, "known_hosts: No such file or directory"),
        (["-l", "-f", "."], 255, "Is a directory"),
        (["-l", "-f", "/dev/null"], 255, "is not a public key file."),
        (["-D", "lib.so"], 255, "PKCS#11"),
        (["-K"], 255, "security key"),
        (["-M", "generate", "file"], 255, "Diffie-Hellman"),
        (["-J"], 1, "unknown option -J"),
        (["-f"], 1, "option -f needs a value"),
        (["word"], 1, "Too many arguments"),
        (["-s", "ca", "-I", "me"], 1, "Too few arguments"),
        (["-p", "-c"], 1, "Can only have one of -p and -c"),
        (["-l", "-H"], 1, "Cannot use -l with -H or -R"),
    ],
)
def test_wrong_usage_is_one_line(keygen: Keygen, arguments: list[str], code: int, part: str) -> None:
    said = keygen(*arguments)
    assert said.code == code
    assert part in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("operation", ["-y", "-p", "-c", "-l"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
    ],
)
def test_unreadable_keys_are_one_line(keygen: Keygen, tmp_path: Path, operation: str, text: str) -> None:
    (tmp_path / "bad").write_text(text)
    (tmp_path / "bad").chmod(0o600)
    said = keygen(operation, "-f", "bad")
    assert (said.code, said.out) == (255, "")
    assert "bad" in said.err
    assert said.err.count("\n") == 1


def test_private_key_that_others_can_read(keygen: Keygen, tmp_path: Path) -> None:
    keygen("-q", "-f", "key", "-N", "")
    (tmp_path / "key").chmod(0o644)
    said = keygen("-y", "-f", "key")
    assert said.code == 255
    assert "UNPROTECTED PRIVATE KEY FILE" in said.err
    assert keygen("-l", "-f", "key").code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this machine")
def test_full_disk_behind_standard_output() -> None:
    path = ":".join(str(ROOT / folder) for folder in (".", "cli", "config"))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pyssh", "keygen", "--help"],
            check=False,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    assert done.returncode == 255
    assert done.stderr == "pyssh keygen: cannot write: No space left on device\n"


def test_help_names_every_flag(keygen: Keygen) -> None:
    said = keygen("--help")
    assert said.code == 0
    assert all(flag.spelling in said.out for flag in FLAGS)


def test_fingerprints_load_little(tmp_path: Path) -> None:
    program = (
        "import sys; from pyssh_cli.main import run; code = run(['keygen', '-lf', sys.argv[1]]); "
        "print(*(name for name in sys.modules), file=sys.stderr); sys.exit(code)"
    )
    path = ":".join(str(ROOT / folder) for folder in (".", "cli", "config"))
    subprocess.run(
        [sys.executable, "-m", "pyssh", "keygen", "-q", "-N", "", "-f", "key"],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "key.pub"],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout.startswith("256 SHA256:")
    loaded = set(done.stderr.split())
    # site and its hooks may load these in some environments, so only ours count
    ours = {name for name in loaded if name.startswith(("pyssh", "bcrypt", "asyncio", "subprocess"))}
    assert "pyssh_config.known_hosts" not in ours
    assert not {name for name in ours if not name.startswith("pyssh")}


def test_every_flag_is_in_the_manual_page() -> None:
    page = (ROOT / "man" / "pyssh-keygen.1").read_text()
    missing = [flag.letter for flag in FLAGS if flag.letter and f"Fl {flag.letter}" not in page]
    missing += [flag.name for flag in FLAGS if flag.name and f"Fl -{flag.name}" not in page]
    assert not missing
