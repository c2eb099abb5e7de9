"""`pyssh keygen -s` and `-L`: certificates made and shown."""

from pathlib import Path
from typing import cast

import pytest

from pyssh.keys.certificate import FOREVER, Certificate
from pyssh.keys.public import parse_public_line
from pyssh_cli.keygen.report import KeygenError
from pyssh_cli.keygen.validity import format_validity, parse_validity
from tests.support.keygen import Keygen

NOW = 1_767_268_801.5  # 2026-01-01 12:00:01.5 UTC


@pytest.fixture
def keygen(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Keygen:
    monkeypatch.setenv("TZ", "UTC")
    made = Keygen.in_folder(tmp_path, capfd, monkeypatch)
    for name in ("ca", "user"):
        made("-q", "-f", name, "-N", "", "-C", f"the {name}")
    return made


def read(path: str = "user-cert.pub") -> Certificate:
    return cast(Certificate, parse_public_line(Path(path).read_text())[0])


def test_signs_a_users_key(keygen: Keygen) -> None:
    said = keygen("-s", "ca", "-I", "some id", "-n", "a,b", "-z", "7", "user.pub")
    assert said == (0, "", 'Signed user key user-cert.pub: id "some id" serial 7 for a,b valid forever\n')
    made = read()
    made.validate(NOW, "b", "user")
    assert (made.serial, made.principals, made.valid_before) == (7, ("a", "b"), FOREVER)
    assert len(made.extensions) == 5
    assert Path("user-cert.pub").read_text().endswith(" the user\n")
    assert Path("user-cert.pub").stat().st_mode & 0o777 == 0o644


def test_signs_host_keys_and_counts(keygen: Keygen) -> None:
    keygen("-q", "-f", "other", "-N", "")
    said = keygen(
        "-s", "ca", "-h", "-I", "x", "-n", "h", "-z", "+9", "-V", "20260101:20270101", "user", "other.pub"
    )
    assert said.err.count("valid from 2026-01-01T00:00:00 to 2027-01-01T00:00:00\n") == 2
    assert [read(path).serial for path in ("user-cert.pub", "other-cert.pub")] == [9, 10]
    assert read().kind == "host"
    assert not read().extensions


def test_shows_what_a_certificate_says(keygen: Keygen) -> None:
    options = [
        "clear",
        "force-command=echo hi",
        "source-address=10.0.0.0/8,::1/128",
        "extension:foo@bar=baz",
        "critical:xx@yy",
        "extension:flag@x",
        "no-touch-required",
        "verify-required",
        "permit-pty",
    ]
    flags = [word for option in options for word in ("-O", option)]
    assert keygen("-q", "-s", "ca", "-I", "me", "-n", "x", *flags, "user.pub") == (0, "", "")
    said = keygen("-L", "-f", "user-cert.pub")
    fingerprints = [keygen("-lf", name).out.split()[1] for name in ("user", "ca")]
    assert said.out.split("\n") == [
        "user-cert.pub:",
        "        Type: ssh-ed25519-cert-v01@openssh.com user certificate",
        f"        Public key: ED25519-CERT {fingerprints[0]}",
        f"        Signing CA: ED25519 {fingerprints[1]} (using ssh-ed25519)",
        '        Key ID: "me"',
        "        Serial: 0",
        "        Valid: forever",
        "        Principals: ",
        "                x",
        "        Critical Options: ",
        "                force-command echo hi",
        "                source-address 10.0.0.0/8,::1/128",
        "                verify-required",
        "                xx@yy UNKNOWN FLAG OPTION",
        "        Extensions: ",
        "                flag@x UNKNOWN FLAG OPTION",
        "                foo@bar UNKNOWN OPTION: 0000000362617a (len 7)",
        "                no-touch-required",
        "                permit-pty",
        "",
    ]


@pytest.mark.parametrize(
    ("option", "missing"),
    [
        ("no-x11-forwarding", "permit-X11-forwarding"),
        ("NO-agent-forwarding", "permit-agent-forwarding"),
        ("no-port-forwarding", "permit-port-forwarding"),
        ("no-pty", "permit-pty"),
        ("no-user-rc", "permit-user-rc"),
    ],
)
def test_options_take_away(keygen: Keygen, option: str, missing: str) -> None:
    keygen("-q", "-s", "ca", "-I", "me", "-n", "x", "-O", option, "user.pub")
    assert missing not in read().extensions
    assert len(read().extensions) == 4


def test_opposite_options_come_to_nothing(keygen: Keygen) -> None:
    pairs = ["-O", "verify-required", "-O", "no-verify-required", "-O", "no-touch-required"]
    keygen("-q", "-s", "ca", "-I", "me", "-n", "x", *pairs, "-O", "touch-required", "user.pub")
    assert not read().critical_options
    assert len(read().extensions) == 5


def test_shows_several_and_what_is_none(keygen: Keygen) -> None:
    keygen("-q", "-s", "ca", "-I", "me", "-n", "x", "user.pub")
    line = Path("user-cert.pub").read_text()
    Path("many").write_text(f"# comment\n{line}\n{Path('user.pub').read_text()}nonsense\n{line}")
    said = keygen("-L", "-f", "many")
    assert said.code == 0
    assert said.err == "many:4 is not a certificate\nmany:5: invalid key: not a public key\n"
    assert [line for line in said.out.split("\n") if not line.startswith(" ")] == ["many:2:", "many:6:", ""]
    assert keygen("-L", "-f", "-", stdin=line.encode()).out.startswith("(stdin):1:\n")
    assert keygen("-L", "-f", "user.pub").code == 1


def test_rsa_authorities_choose_their_hash(keygen: Keygen) -> None:
    keygen("-q", "-t", "rsa", "-b", "2048", "-f", "rsa", "-N", "secret")
    for flags, used in (([], "rsa-sha2-512"), (["-t", "rsa-sha2-256"], "rsa-sha2-256")):
        assert keygen("-q", *flags, "-s", "rsa", "-P", "secret", "-I", "m", "-n", "x", "user.pub").code == 0
        assert f"(using {used})" in keygen("-L", "-f", "user-cert.pub").out


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ("-s ca user.pub", "Must specify key id (-I)"),
        ("-s ca -I x -n a -O foo user.pub", 'Unsupported certificate option "foo"'),
        ("-s ca -I x -n a -O force-command= user.pub", "Empty force-command"),
        ("-s ca -I x -n a -O force-command=a -O force-command=b user.pub", "already specified"),
        ("-s ca -I x -n a -O source-address=foo user.pub", "Invalid source-address list"),
        ("-s ca -I x -n a -O source-address=10.0.0.1/8 user.pub", "Invalid source-address list"),
        ("-s ca -I x -n a -V foo user.pub", "Invalid certificate life specification foo"),
        ("-s ca -I x -n ,a user.pub", "Empty principal name"),
        (f"-s ca -I x -n {','.join('a' * 257)} user.pub", "Too many certificate principals"),
        ("-s absent -I x -n a user.pub", 'Load key "absent": No such file or directory'),
        ("-s ca -I x -n a absent", 'load pubkey "absent": No such file or directory'),
        ("-s ca -I x -n a empty", 'load pubkey "empty": invalid format'),
        ("-s ca -t rsa -I x -n a user.pub", "CA key type ssh-ed25519 doesn't match specified rsa"),
        ("-s ca -U -I x -n a user.pub", "SSH_AUTH_SOCK is not set"),
    ],
)
def test_wrong_requests_are_one_line(keygen: Keygen, arguments: str, part: str) -> None:
    Path("empty").touch()
    said = keygen(*arguments.split())
    assert said.code == 255
    assert part in said.err
    assert said.err.count("\n") == 1
    assert not Path("user-cert.pub").exists()


def test_certificates_are_not_certified(keygen: Keygen) -> None:
    keygen("-q", "-s", "ca", "-I", "me", "-n", "x", "user.pub")
    said = keygen("-s", "ca", "-I", "me", "-n", "x", "user-cert.pub")
    assert said.err == 'key "user-cert.pub" type ED25519-CERT cannot be certified\n'


def test_warns_of_a_certificate_that_nobody_can_use(keygen: Keygen) -> None:
    said = keygen("-q", "-s", "ca", "-I", "me", "user.pub")
    assert said == (0, "", "Warning: certificate will contain no principals (-n)\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("always:forever", (0, FOREVER)),
        ("+1h", (1_767_268_740, 1_767_272_401)),
        ("-1d:+1w2d", (1_767_182_401, 1_768_046_401)),
        ("0x10:0xff", (16, 255)),
        ("19700102:19700103Z", (86_400, 172_800)),
        ("197001020001:19700103000001", (86_460, 172_801)),
        ("always:0xfffffffffffffffe", (0, FOREVER - 1)),
    ],
)
def test_validity(
    text: str, expected: tuple[int, int], keygen: Keygen, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert parse_validity(text, NOW) == expected


@pytest.mark.parametrize(
    "text",
    ["", ":", "+", "+x", "20260101", "20260101:", "x:y", "-1x:+1w", "-9999w:+1w", "0xg:0x1", "0x1_0:0xff",
     "0x:0x1", "0x11111111111111111:forever", "20270101:20260101", "20261301:forever", "forever:always",
     "0x-1:forever"],
)  # fmt: skip
def test_validity_that_is_none(text: str) -> None:
    with pytest.raises(KeygenError):
        parse_validity(text, NOW)


def test_validity_in_words(keygen: Keygen) -> None:
    assert format_validity(0, FOREVER) == "forever"
    assert format_validity(0, 86_400) == "before 1970-01-02T00:00:00"
    assert format_validity(86_400, FOREVER) == "after 1970-01-02T00:00:00"
    assert format_validity(1, FOREVER - 1) == "from 1970-01-01T00:00:01 to UNKNOWN-TIME"
