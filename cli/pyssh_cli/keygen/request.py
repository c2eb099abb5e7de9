"""What the arguments of `pyssh keygen` ask for: flags into one frozen value, checked as ssh-keygen does."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from pyssh.record import Record
from pyssh_cli.getopt import Flag, parse

from .report import KeygenError, shown

__all__ = ["FLAGS", "Request", "parse_request"]

HASHES: Final = ("md5", "sha1", "sha256", "sha384", "sha512")
_MAX_UINT32: Final = 2**32 - 1
_MAX_INT: Final = 2**31 - 1
_MAX_UINT64: Final = 2**64 - 1

FLAGS: Final = (
    Flag("t", "type", "TYPE", "make a key: ed25519 (default), ecdsa, rsa or mldsa44-ed25519"),
    Flag("b", "bits", "BITS", "size of the key: rsa from 2048 (3072), ecdsa 256, 384 or 521"),
    Flag("f", "file", "FILE", "the file to work on"),
    Flag("N", "", "PASSPHRASE", "new passphrase, empty for none"),
    Flag("P", "", "PASSPHRASE", "present passphrase"),
    Flag("C", "comment", "COMMENT", "comment of the key"),
    Flag("q", "quiet", "", "say nothing but errors"),
    Flag("a", "rounds", "ROUNDS", "rounds of key derivation for an encrypted file (24)"),
    Flag("Z", "cipher", "CIPHER", "cipher of an encrypted file (aes256-ctr)"),
    Flag("m", "format", "FORMAT", "RFC4716, PKCS8 or PEM: for -e, -i, and private keys to be written"),
    Flag("A", "", "", "make the host keys that are missing (below the folder -f)"),
    Flag("p", "", "", "change the passphrase"),
    Flag("c", "", "", "change the comment"),
    Flag("y", "", "", "print the public key of a private key file"),
    Flag("l", "", "", "print the fingerprint of a key file"),
    Flag("v", "", "", "with -l a picture of the key as well; more of it tells how things go"),
    Flag("E", "hash", "HASH", "hash of fingerprints: sha256 (default), md5, sha1, sha384, sha512"),
    Flag("B", "", "", "print the fingerprint in words (bubblebabble)"),
    Flag("e", "", "", "export the public key in the format -m"),
    Flag("i", "", "", "import a key in the format -m and print it in OpenSSH's"),
    Flag("X", "", "", "the same as -i"),
    Flag("F", "find-host", "HOST", "print a host's lines in known_hosts"),
    Flag("R", "remove-host", "HOST", "remove a host's lines from known_hosts"),
    Flag("H", "", "", "hide the names in known_hosts"),
    Flag("r", "", "HOST", "print SSHFP records; with -Y verify a list of revoked keys"),
    Flag("g", "", "", "SSHFP records in the generic form"),
    Flag("s", "", "FILE", "sign keys with this CA key; with -k the CA of the serials; with -Y the signature"),
    Flag("I", "", "IDENTITY", "identity of the certificate; with -Y of the signer"),
    Flag("n", "", "NAMES", "principals of the certificate, joined by commas; with -Y the namespace"),
    Flag("V", "", "INTERVAL", "validity of the certificate, as +52w or 20260101:20270101"),
    Flag("z", "", "SERIAL", "serial number of the certificate (+N counts up); version of the KRL"),
    Flag("h", "", "", "a certificate for a host, not for a user"),
    Flag("U", "", "", "the CA key is in the agent"),
    Flag("D", "", "PROVIDER", "keys in a PKCS#11 token: not supported"),
    Flag("O", "", "OPTION", "option of the certificate or signature"),
    Flag("L", "", "", "print what certificates say"),
    Flag("k", "", "", "make a key revocation list"),
    Flag("u", "", "", "with -k: add to the list that is there"),
    Flag("Q", "", "", "tell whether keys are revoked by the list -f; with -l print it"),
    Flag("Y", "", "OPERATION", "sign, verify, check-novalidate, find-principals or match-principals"),
    Flag("K", "", "", "fetch keys from a security key: not supported"),
    Flag("w", "", "PROVIDER", "library for security keys: not supported"),
    Flag("M", "", "OPERATION", "make groups for key exchange: not supported"),
    Flag("o", "", "", "accepted and ignored, as ssh-keygen does"),
    Flag("", "import", "FILE", "write a key from any format, found out by itself, as OpenSSH key to -f"),
    Flag(
        "",
        "export",
        "FORMAT",
        "write the key -f as openssh, pem, pkcs8, ppk, ppk2, jwk, public, rfc4716, ...",
    ),
    Flag("", "output", "FILE", "with --export: where to, instead of standard output"),
    Flag("", "help", "", "print this help"),
)


class Request(Record):
    """The flags. A text is None where its flag was not given; passphrases do not show in `repr`."""

    key_type: str | None = None
    bits: int | None = None
    path: str | None = None
    new_passphrase: str | None = None
    passphrase: str | None = None
    comment: str | None = None
    quiet: bool = False
    rounds: int | None = None
    cipher: str | None = None
    key_format: str | None = None
    host_keys: bool = False
    change_passphrase: bool = False
    change_comment: bool = False
    print_public: bool = False
    print_fingerprint: bool = False
    verbosity: int = 0
    hash_name: str = "sha256"
    print_bubblebabble: bool = False
    export: bool = False
    import_: bool = False
    find_host: bool = False
    remove_host: bool = False
    hash_hosts: bool = False
    host: str | None = None
    generic: bool = False
    signer: str | None = None
    identity: str | None = None
    principals: str | None = None
    validity: str | None = None
    serial: int = 0
    count_serial: bool = False
    for_host: bool = False
    use_agent: bool = False
    pkcs11: str | None = None
    options: tuple[str, ...] = ()
    show_certificate: bool = False
    make_krl: bool = False
    update_krl: bool = False
    query_krl: bool = False
    signature_operation: str | None = None
    fetch_resident: bool = False
    provider: str | None = None
    moduli: str | None = None
    import_file: str | None = None
    export_format: str | None = None
    output: str | None = None
    words: tuple[str, ...] = ()

    redacted_fields: ClassVar[frozenset[str]] = frozenset({"new_passphrase", "passphrase"})


_SWITCHES: Final = {
    "quiet": "quiet",
    "A": "host_keys",
    "p": "change_passphrase",
    "c": "change_comment",
    "y": "print_public",
    "l": "print_fingerprint",
    "B": "print_bubblebabble",
    "e": "export",
    "i": "import_",
    "X": "import_",
    "H": "hash_hosts",
    "g": "generic",
    "h": "for_host",
    "U": "use_agent",
    "L": "show_certificate",
    "k": "make_krl",
    "u": "update_krl",
    "Q": "query_krl",
    "K": "fetch_resident",
}

_TEXTS: Final = {
    "type": "key_type",
    "file": "path",
    "N": "new_passphrase",
    "P": "passphrase",
    "comment": "comment",
    "cipher": "cipher",
    "s": "signer",
    "I": "identity",
    "n": "principals",
    "V": "validity",
    "D": "pkcs11",
    "Y": "signature_operation",
    "w": "provider",
    "M": "moduli",
    "r": "host",
    "import": "import_file",
    "export": "export_format",
    "output": "output",
}


def _number(text: str, maximum: int) -> int:
    """Read a number from 1 as strtonum(3) does; the error is its word for what is wrong."""
    digits = text.removeprefix("-").removeprefix("+")
    if not digits.isdecimal() or not digits.isascii():
        raise ValueError("invalid")
    # no number of more digits than that is of any use, and int() takes its time for long ones
    value = int(digits[:20]) * (-1 if text.startswith("-") else 1)
    if value < 1:
        raise ValueError("too small")
    if value > maximum or len(digits) > 20:
        raise ValueError("too large")
    return value


def _bits(text: str) -> dict[str, Any]:
    try:
        return {"bits": _number(text, _MAX_UINT32)}
    except ValueError as error:
        raise KeygenError(f"Bits has bad value {shown(text)} ({error})") from None


def _rounds(text: str) -> dict[str, Any]:
    try:
        return {"rounds": _number(text, _MAX_INT)}
    except ValueError as error:
        raise KeygenError(f"Invalid number: {shown(text)} ({error})") from None


def _serial(text: str) -> dict[str, Any]:
    digits = text.removeprefix("+")
    if not digits.isdecimal() or not digits.isascii() or len(digits) > 20 or int(digits) > _MAX_UINT64:
        raise KeygenError(f'Invalid serial number "{shown(digits)}"')
    return {"serial": int(digits), "count_serial": text.startswith("+")}


def _hash_name(text: str) -> dict[str, Any]:
    if text.lower() not in HASHES:
        raise KeygenError(f'Invalid hash algorithm "{shown(text)}"; there are {", ".join(HASHES)}')
    return {"hash_name": text.lower()}


def _key_format(text: str) -> dict[str, Any]:
    known = {"rfc4716": "rfc4716", "ssh2": "rfc4716", "pkcs8": "pkcs8", "pem": "pem"}
    if text.lower() not in known:
        raise KeygenError(f'Unsupported conversion format "{shown(text)}"; there are RFC4716, PKCS8, PEM')
    return {"key_format": known[text.lower()]}


_PARSERS: Final[dict[str, Callable[[str], dict[str, Any]]]] = {
    "bits": _bits,
    "rounds": _rounds,
    "z": _serial,
    "hash": _hash_name,
    "format": _key_format,
    "find-host": lambda text: {"find_host": True, "host": text},
    "remove-host": lambda text: {"remove_host": True, "host": text},
}


def parse_request(arguments: Sequence[str]) -> Request | None:
    """Read the arguments; None if they ask for help. Raises `BadUsageError` and `KeygenError`."""
    parsed = parse(arguments, FLAGS)
    fields: dict[str, Any] = {"words": parsed.words}
    options: list[str] = []
    for key, value in parsed.flags:
        if key == "help":
            return None
        if key == "O":
            options.append(value)
        elif key == "v":
            fields["verbosity"] = fields.get("verbosity", 0) + 1
        elif key in _SWITCHES:
            fields[_SWITCHES[key]] = True
        elif key in _TEXTS:
            fields[_TEXTS[key]] = value
        elif key in _PARSERS:
            fields |= _PARSERS[key](value)
    return Request(**fields, options=tuple(options))
