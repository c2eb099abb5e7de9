"""What command lines of keyscan ask for."""

import socket

import pytest

from pyssh_cli.getopt import BadUsageError
from pyssh_cli.keyscan.request import KEY_TYPES, Request, ScanError, parse_request
from pyssh_cli.output import Level


def asked(*arguments: str) -> Request:
    request = parse_request([*arguments, "host"])
    assert request
    return request


def test_by_default_every_type_is_asked_for() -> None:
    request = asked()
    assert request.key_types == tuple(KEY_TYPES)
    assert (request.port, request.seconds, request.family) == (22, 5.0, socket.AF_UNSPEC)
    assert request.hashes == ("sha1", "sha256")


def test_flags() -> None:
    request = asked("-6DHcv", "-p2222", "-T1m", "-f-", "-ffile", "-Ohashalg=SHA256")
    assert request.as_sshfp
    assert request.hide_names
    assert request.certificates
    assert (request.port, request.seconds, request.family) == (2222, 60.0, socket.AF_INET6)
    assert request.files == (None, "file")
    assert request.hashes == ("sha256",)
    assert request.level is Level.DEBUG
    assert asked("-vvvvv").level is Level.DEBUG3
    assert asked("-q").level is Level.QUIET


@pytest.mark.parametrize("name", ["ecdsa", "ECDSA", "ecdsa-sha2-nistp384"])
def test_types_by_any_of_their_names(name: str) -> None:
    assert asked("-t", f"{name},rsa").key_types == ("rsa", "ecdsa")


def test_certificates_have_algorithms_of_their_own() -> None:
    assert asked("-c").algorithms("ed25519") == ("ssh-ed25519-cert-v01@openssh.com",)
    assert asked().algorithms("rsa") == ("rsa-sha2-512", "rsa-sha2-256", "ssh-rsa")


@pytest.mark.parametrize(
    ("arguments", "problem", "code"),
    [
        (("-p", "0"), "Bad port '0'", 1),
        (("-p", "65536"), "Bad port '65536'", 1),
        (("-p", "²"), "Bad port '²'", 1),
        (("-T", "0"), "Bad timeout '0'", 1),
        (("-T", "soon"), "Bad timeout 'soon'", 1),
        (("-t", "dsa"), 'Unknown key type "dsa"', 255),
        (("-O", "hashalg=md5"), "-O hashalg=md5: there is hashalg=sha1 and hashalg=sha256", 255),
    ],
)
def test_what_makes_no_sense(arguments: tuple[str, ...], problem: str, code: int) -> None:
    with pytest.raises(ScanError) as caught:
        asked(*arguments)
    assert (str(caught.value), caught.value.code) == (problem, code)


def test_somebody_must_be_asked() -> None:
    with pytest.raises(BadUsageError, match="which hosts"):
        parse_request(["-4"])
    assert parse_request(["--help"]) is None
