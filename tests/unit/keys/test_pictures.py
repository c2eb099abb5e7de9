"""Fingerprints for people: pictures, words, short names."""

import pytest

from pyssh.keys.bubblebabble import bubblebabble
from pyssh.keys.modules import KEY_MODULES
from pyssh.keys.names import SHORT_NAMES, is_certificate, short_name
from pyssh.keys.private import generate_private_key
from pyssh.keys.public import parse_public_line
from pyssh.keys.randomart import randomart

LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILicza/r9UZ9/vspFPj9OpHKHqpja+28zeB0buZs8rpP"
PICTURE = """\
+--[ED25519 256]--+
| .     +...      |
|  +   + +.o   . .|
| . o o =.+   = .o|
|    o +.=   + O.E|
|     + .S= O B +o|
|    . . o B * = o|
|     +   . + . + |
|    o       . .  |
|             .   |
+----[SHA256]-----+"""


def test_picture_is_that_of_ssh_keygen() -> None:
    assert randomart(parse_public_line(LINE)[0]) == PICTURE


def test_titles_that_are_too_long_lose_the_size() -> None:
    assert randomart(generate_private_key("mldsa44-ed25519").key).startswith("+[MLDSA44-ED25519-+\n")


@pytest.mark.parametrize("hash_name", ["md5", "sha1", "sha384", "sha512"])
def test_picture_has_its_size_for_each_hash(hash_name: str) -> None:
    rows = randomart(parse_public_line(LINE)[0], hash_name).split("\n")
    assert len(rows) == 11
    assert {len(row) for row in rows} == {19}
    assert f"[{hash_name.upper()}]" in rows[-1]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        # the examples of draft-huima-babble-01
        (b"", "xexax"),
        (b"1234567890", "xesef-disof-gytuf-katof-movif-baxux"),
        (b"Pineapple", "xigak-nyryk-humil-bosek-sonax"),
    ],
)
def test_words(data: bytes, words: str) -> None:
    assert bubblebabble(data) == words


def test_each_type_has_a_short_name() -> None:
    assert SHORT_NAMES.keys() == KEY_MODULES.keys()
    key = parse_public_line(LINE)[0]
    assert (short_name(key), is_certificate(key)) == ("ED25519", False)
