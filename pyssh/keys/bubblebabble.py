"""Bubble Babble: fingerprints that can be read aloud (draft-huima-babble-01), for `ssh-keygen -B`."""

from typing import Final

__all__ = ["bubblebabble"]

_VOWELS: Final = "aeiouy"
_CONSONANTS: Final = "bcdfghklmnprstvzx"
_SEPARATOR: Final = "x"


def bubblebabble(data: bytes) -> str:
    """Return the words for `data`: five letters for each two bytes, with a checksum woven in."""
    words = [_SEPARATOR]
    checksum = 1
    for at in range(0, len(data) - 1, 2):
        first, second = data[at], data[at + 1]
        words.append(_syllable(checksum, first) + _CONSONANTS[second >> 4] + "-" + _CONSONANTS[second & 15])
        checksum = (checksum * 5 + first * 7 + second) % 36
    if len(data) % 2:
        words.append(_syllable(checksum, data[-1]))
    else:
        words.append(_VOWELS[checksum % 6] + _CONSONANTS[16] + _VOWELS[checksum // 6])
    return "".join([*words, _SEPARATOR])


def _syllable(checksum: int, byte: int) -> str:
    """Return a vowel, a consonant and a vowel for the two, four and two bits of a byte."""
    return (
        _VOWELS[((byte >> 6) + checksum) % 6]
        + _CONSONANTS[(byte >> 2) & 15]
        + _VOWELS[((byte & 3) + checksum // 6) % 6]
    )
