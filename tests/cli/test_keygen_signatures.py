"""`pyssh keygen -Y`: files signed, signatures verified, allowed_signers asked."""

from pathlib import Path

import pytest

from tests.support.keygen import Keygen

MESSAGE = b"a message\n"


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    made = Keygen.in_folder(tmp_path, capfd, monkeypatch)
    for name in ("ca", "key"):
        made("-q", "-f", name, "-N", "", "-C", "")
    Path("message").write_bytes(MESSAGE)
    return made


def key_words(name: str = "key") -> str:
    return " ".join(Path(f"{name}.pub").read_text().split()[:2])


def verify(keygen: Keygen, who: str, *flags: str, signature: str = "message.sig") -> int:
    flags = ("-f", "signers", "-I", who, "-n", "file", "-s", signature, *flags)
    return keygen("-q", "-Y", "verify", *flags, stdin=MESSAGE).code


def test_signs_files_and_standard_input(keygen: Keygen) -> None:
    said = keygen("-Y", "sign", "-f", "key", "-n", "file", "message")
    assert said == (0, "", "Signing file message\nWrite signature to message.sig\n")
    text = Path("message.sig").read_text()
    assert text.startswith("-----BEGIN SSH SIGNATURE-----\n")
    said = keygen("-Y", "sign", "-f", "key.pub", "-n", "file", stdin=MESSAGE)
    assert said == (0, text, "Signing data on standard input\n")
    fingerprint = keygen("-lf", "key").out.split()[1]
    said = keygen("-Y", "check-novalidate", "-n", "file", "-s", "message.sig", stdin=MESSAGE)
    assert said == (0, f'Good "file" signature with ED25519 key {fingerprint}\n', "")


def test_asks_before_a_signature_is_replaced(keygen: Keygen) -> None:
    Path("message.sig").write_text("precious")
    Path("second").write_text("x")
    said = keygen("-q", "-Y", "sign", "-f", "key", "-n", "file", "message", "second", stdin=b"n\n")
    assert said == (0, "message.sig already exists.\nOverwrite (y/n)? ", "")
    assert Path("message.sig").read_text() == "precious"
    assert Path("second.sig").exists()
    keygen("-q", "-Y", "sign", "-f", "key", "-n", "file", "message", stdin=b"y\n")
    assert Path("message.sig").read_text().startswith("-----BEGIN")


def test_verifies_what_the_file_allows(keygen: Keygen) -> None:
    keygen("-q", "-Y", "sign", "-f", "key", "-n", "file", "message")
    Path("signers").write_text(
        "# comment\n\n"
        f"al*,!alice {key_words()}\n"
        f'"quoted name" namespaces="git,fi*" {key_words()} comment\n'
        f'git namespaces="git" {key_words()}\n'
        f'old VALID-BEFORE="20200101" {key_words()}\n'
        f'young valid-after="20990101Z",namespaces="file" {key_words()}\n'
        f"other {key_words('ca')}\n"
    )
    results = {
        who: verify(keygen, who)
        for who in ("ali", "alice", "quoted name", "git", "old", "young", "other", "nobody", "")
    }
    assert [who for who, code in results.items() if code == 0] == ["ali", "quoted name"]
    assert verify(keygen, "old", "-O", "verify-time=20190101") == 0
    assert verify(keygen, "young", "-O", "verify-time=21000101") == 0
    said = keygen(
        "-Y", "verify", "-f", "signers", "-I", "old", "-n", "file", "-s", "message.sig", stdin=MESSAGE
    )
    assert "signers:6: key has expired: verify time" in said.err
    assert (said.code, said.out) == (255, "Could not verify signature.\n")
    said = keygen("-Y", "find-principals", "-f", "signers", "-s", "message.sig")
    assert said.out == "al*\n!alice\n"
    assert keygen("-Y", "match-principals", "-f", "signers", "-I", "ali").out == "al*,!alice\n"
    assert keygen("-Y", "match-principals", "-f", "signers", "-I", "nobody") == (
        210,
        "",
        "No principal matched.\n",
    )


def test_verifies_with_certificates(keygen: Keygen) -> None:
    keygen("-q", "-s", "ca", "-I", "id", "-n", "alice,bob", "key.pub")
    keygen("-q", "-Y", "sign", "-f", "key-cert.pub", "-n", "file", "message")
    Path("signers").write_text(f"alice,carol,b* cert-authority {key_words('ca')}\n")
    assert [verify(keygen, who) for who in ("alice", "bob", "carol", "dora")] == [0, 0, 255, 255]
    assert keygen("-Y", "find-principals", "-f", "signers", "-s", "message.sig").out == "alice\nbob\n"
    Path("signers").write_text(f"alice {key_words('ca')}\n")
    assert verify(keygen, "alice") == 255
    # the certified key by itself is not what signed
    Path("signers").write_text(f"alice {key_words('key')}\n")
    assert verify(keygen, "alice") == 255


def test_expired_certificates_sign_nothing(keygen: Keygen) -> None:
    keygen("-q", "-s", "ca", "-I", "id", "-n", "alice", "-V", "20200101:20210101", "key.pub")
    keygen("-q", "-Y", "sign", "-f", "key-cert.pub", "-n", "file", "message")
    Path("signers").write_text(f"alice cert-authority {key_words('ca')}\n")
    assert verify(keygen, "alice") == 255
    assert verify(keygen, "alice", "-O", "verify-time=20200601") == 0
    assert keygen("-Y", "find-principals", "-f", "signers", "-s", "message.sig").code == 255


def test_revoked_keys_sign_nothing(keygen: Keygen) -> None:
    keygen("-q", "-Y", "sign", "-f", "key", "-n", "file", "message")
    Path("signers").write_text(f"alice {key_words()}\n")
    Path("revoked").write_text(f"# list\n{key_words()}\n")
    keygen("-q", "-k", "-f", "krl", "revoked")
    keygen("-q", "-k", "-f", "empty")
    Path("broken").write_text("nonsense\n")
    assert verify(keygen, "alice", "-r", "empty") == 0
    for name in ("revoked", "krl", "broken", "absent"):
        assert verify(keygen, "alice", "-r", name) == 255


def test_lines_that_cannot_be_read_end_the_search(keygen: Keygen) -> None:
    keygen("-q", "-Y", "sign", "-f", "key", "-n", "file", "message")
    for options in ("nonsense", 'namespaces="a",namespaces="b"', "valid-after=20200101", "namespaces"):
        Path("signers").write_text(f"bob {options} {key_words()}\nalice,bob {key_words()}\n")
        assert verify(keygen, "alice") == 0
        assert verify(keygen, "bob") == 255
    Path("signers").write_text(f"alice nonsense\nalice {key_words()}\n")
    said = keygen("-Y", "find-principals", "-f", "signers", "-s", "message.sig")
    assert said == (255, "", "signers:1: invalid key\nNo principal matched.\n")


@pytest.mark.parametrize("damage", ["signature", "namespace", "message", "missing"])
def test_bad_signatures(keygen: Keygen, damage: str) -> None:
    keygen("-q", "-Y", "sign", "-f", "key", "-n", "file", "message")
    Path("signers").write_text(f"alice {key_words()}\n")
    if damage == "signature":
        Path("message.sig").write_text("nonsense")
    path = "absent" if damage == "missing" else "message.sig"
    namespace = "git" if damage == "namespace" else "file"
    data = b"another" if damage == "message" else MESSAGE
    said = keygen("-Y", "check-novalidate", "-n", namespace, "-s", path, stdin=data)
    assert (said.code, said.out) == (255, "Could not verify signature.\n")
    assert said.err.count("\n") == 1


def test_prints_the_key(keygen: Keygen) -> None:
    keygen("-q", "-Y", "sign", "-f", "key", "-n", "file", "-O", "hashalg=sha256", "message")
    flags = ("-n", "file", "-s", "message.sig", "-O", "print-pubkey")
    assert keygen("-q", "-Y", "check-novalidate", *flags, stdin=MESSAGE).out == f"{key_words()}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        ("foo", 1, 'Unsupported operation for -Y: "foo"'),
        ("sign -f key message", 1, "missing namespace"),
        ("sign -n x message", 1, "missing key"),
        ("sign -f key -n x - message", 255, "Cannot sign mix"),
        ("sign -f absent -n x message", 255, "Couldn't load public key absent"),
        ("sign -f alone.pub -n x message", 255, "No private key found for public key"),
        ("sign -f alone -n x message", 255, 'No private key found for "alone"'),
        ("sign -f wrong.pub -n x message", 255, "Public key wrong.pub doesn't match private wrong"),
        ("sign -f key -n x -O hashalg=md5 -q message", 255, "no hash 'md5'"),
        ("sign -f key -n x -O other=1 message", 255, 'Invalid option "other=1"'),
        ("sign -f key -n x absent", 255, "Cannot open absent for signing"),
        ("sign -f key -n x -q .", 255, "Is a directory"),
        ("sign -f key -U -n x message", 255, "SSH_AUTH_SOCK is not set"),
        ("verify -n x -s y -f z", 1, "missing principal identity"),
        ("verify -n x -s y -I z", 1, "missing allowed keys file"),
        ("check-novalidate -n x", 1, "missing signature file"),
        ("find-principals -f x", 1, "missing signature file"),
        ("match-principals -f x", 1, "missing principal identity"),
        ("match-principals -f absent -I x", 255, "Unable to open allowed keys file"),
    ],
)
def test_wrong_requests_are_one_line(keygen: Keygen, arguments: str, code: int, part: str) -> None:
    Path("alone.pub").write_text(Path("key.pub").read_text())
    Path("wrong").write_text(Path("ca").read_text())
    Path("wrong").chmod(0o600)
    Path("wrong.pub").write_text(Path("key.pub").read_text())
    if "-f alone " in arguments:
        Path("alone").write_text(Path("key.pub").read_text())
    said = keygen("-Y", *arguments.split())
    assert said.code == code
    assert part in said.err
    assert said.err.count("\n") == 1
