"""Targets: files that hold keys in other programs' formats, revocation lists, signatures, allowed signers.

None of them runs a key derivation: encrypted files get no passphrase.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Final

from pyssh.errors import KeyFormatError, SSHError
from pyssh.keys.certificate import Certificate
from pyssh.keys.formats import KeyFile, dump_private, dump_public, load_key, load_public
from pyssh.keys.jwk import decode_jwk, encode_jwk
from pyssh.keys.krl import RevocationList, decode_krl, is_krl
from pyssh.keys.openssh import kdf_rounds
from pyssh.keys.ppk import Argon2, decode_private_key, encode_private_key, public_of_private
from pyssh.keys.private import PrivateKey, generate_private_key
from pyssh.keys.public import decode_public_key, format_public_line
from pyssh.keys.rfc4716 import decode_rfc4716, encode_rfc4716
from pyssh.keys.sshcom import decode_private_key as decode_sshcom
from pyssh.keys.sshsig import FileSignature, decode_signature, encode_signature, signed_data
from pyssh_cli.keygen.allowed_signers import Claim, check_signer, find_principals, match_principals
from tests.fuzz.targets import outcome, target, words
from tests.unit.keys.building import certificate_blob, ppk_in_clear
from tests.unit.keys.sshcom import sshcom_file

_KINDS: Final = (("ed25519", None), ("ecdsa", 256), ("ecdsa", 521), ("rsa", 2048))


@cache
def _keys() -> tuple[PrivateKey, ...]:
    return tuple(generate_private_key(kind, bits) for kind, bits in _KINDS)


def _check_private(key: PrivateKey) -> str:
    """What was taken from a file can be written, and it is the same key then."""
    written = dump_private(key, "pkcs8")
    assert load_key(written).key == key.key
    return key.key.key_type


# --- private keys


def _ppk_seeds() -> Iterator[bytes]:
    for key in _keys():
        yield encode_private_key(key, "comment", None)
    yield encode_private_key(_keys()[0], "", None, 2)
    for version in (2, 3):
        yield encode_private_key(_keys()[0], "", b"secret", version, Argon2(memory=8, passes=1))


@target("ppk", _ppk_seeds)
def fuzz_ppk(data: bytes) -> str:
    public, problem = outcome(public_of_private, data, errors=KeyFormatError)
    found, other = outcome(decode_private_key, data, None, errors=KeyFormatError)
    if found is None:
        return problem + other
    assert public
    assert (public[0].plain, public[1]) == (found[0].key, found[1])
    return _check_private(found[0])


def _ppk_field_seeds() -> Iterator[bytes]:
    for index, key in enumerate(_keys()):
        written = encode_private_key(key, "", None)
        # the lines of the private half
        _, _, rest = written.partition(b"Private-Lines: ")
        lines = rest.split(b"\n")
        yield bytes([index]) + b"".join(lines[1 : 1 + int(lines[0])])


@target("ppk-fields", _ppk_field_seeds)
def fuzz_ppk_fields(data: bytes) -> str:
    """Whoever writes a file in clear can make its MAC right."""
    key = _keys()[(data[0] if data else 0) % len(_keys())]
    found, problem = outcome(
        decode_private_key, ppk_in_clear(key.key.blob, data[1:]), None, errors=KeyFormatError
    )
    if found is None:
        return problem
    assert found[0].key == key.key
    return _check_private(found[0])


def _jwk_seeds() -> Iterator[bytes]:
    for key in _keys():
        yield encode_jwk(key, "comment")
        yield encode_jwk(key.key)
    yield b'{"keys": [%b]}' % encode_jwk(_keys()[0])


@target("jwk", _jwk_seeds)
def fuzz_jwk(data: bytes) -> str:
    found, problem = outcome(decode_jwk, data, errors=KeyFormatError)
    if found is None:
        return problem
    public, private, comment = found
    assert decode_jwk(encode_jwk(public, comment)) == (public, None, comment)
    return _check_private(private) if private else public.key_type


@target("sshcom", lambda: [sshcom_file(_keys()[3]), sshcom_file(_keys()[3], cipher="3des-cbc")])
def fuzz_sshcom(data: bytes) -> str:
    found, problem = outcome(decode_sshcom, data, errors=KeyFormatError)
    return problem if found is None else _check_private(found[0])


def _file_seeds() -> Iterator[bytes]:
    key = _keys()[0]
    for name in ("openssh", "pkcs8", "ppk", "jwk"):
        yield dump_private(key, name)
    yield dump_private(key, passphrase="secret", rounds=1)
    yield dump_private(_keys()[1], "pem")
    for name in ("public", "rfc4716", "spki", "jwk"):
        yield dump_public(key.key, name, comment="comment")
    yield b'restrict,command="a b" ' + dump_public(key.key)


@target("key-files", _file_seeds)
def fuzz_key_files(data: bytes) -> str:
    """What finds the format out by the content."""
    found, problem = outcome(load_key, data, errors=KeyFormatError)
    outcome(load_public, data, errors=KeyFormatError)
    outcome(kdf_rounds, data, errors=KeyFormatError)
    if found is None:
        return problem
    assert isinstance(found, KeyFile)
    assert found.private is None or found.private.key == found.key
    return f"{found.format} {found.key.key_type} {found.private is None}"


# --- public keys, lists and signatures


@target("rfc4716", lambda: [encode_rfc4716(key.key, "a comment").encode() for key in _keys()])
def fuzz_rfc4716(data: bytes) -> str:
    found, problem = outcome(decode_rfc4716, data.decode("utf-8", "replace"), errors=KeyFormatError)
    if found is None:
        return problem
    assert decode_rfc4716(encode_rfc4716(found[0], "")) == (found[0], "")
    return found[0].key_type


def _certificate() -> Certificate:
    found = decode_public_key(certificate_blob(_keys()[0].key, _keys()[1]))
    assert isinstance(found, Certificate)
    return found


def _krl_seeds() -> Iterator[bytes]:
    full = RevocationList(7, "comment", 1000)
    full.revoke(_keys()[0].key)
    full.revoke_digest("sha1", bytes(20))
    full.revoke_digest("sha256", bytes(32))
    for authority in (None, _keys()[1].key):
        part = full.of_authority(authority)
        for first, last in ((1, 1), (3, 3), (100, 200), (1000, 1000), (2**63, 2**64 - 1)):
            part.serials.add(first, last)
        part.key_ids.add("somebody")
    yield RevocationList().encode()
    yield full.encode()


@target("krl", _krl_seeds)
def fuzz_krl(data: bytes) -> str:
    krl, problem = outcome(decode_krl, data, errors=KeyFormatError)
    if krl is None:
        return problem
    assert is_krl(data)
    again = decode_krl(krl.encode())
    judged = (_keys()[0].key, _certificate())
    assert [again.is_revoked(key) for key in judged] == [krl.is_revoked(key) for key in judged]
    assert again.encode() == krl.encode()
    return str([krl.is_revoked(key) for key in judged])


def _signature_seeds() -> Iterator[bytes]:
    digest = hashlib.sha512(b"data").digest()
    for key in _keys():
        value = key.sign(key.key.signature_algorithms[0], signed_data("file", "sha512", digest))
        yield encode_signature(FileSignature(key.key, "file", "sha512", value)).encode()


@target("sshsig", _signature_seeds)
def fuzz_sshsig(data: bytes) -> str:
    found, problem = outcome(decode_signature, data.decode("utf-8", "replace"), errors=KeyFormatError)
    if found is None:
        return problem
    assert not found.verify(hashlib.sha512(b"other data").digest())
    assert decode_signature(encode_signature(found)) == found
    return found.key.key_type


def _signer_seeds() -> Iterator[bytes]:
    line = format_public_line(_keys()[0].key, "comment")
    ca = format_public_line(_keys()[1].key, "")
    options = 'namespaces="file,git",valid-after="20200101",valid-before="20300101"'
    yield f"# comment\nme@here,*.there {line}\n".encode()
    yield f'"me@here,you" {options} {line}\n'.encode()
    yield f"*@here cert-authority {ca}\n".encode()


@target("allowed_signers", _signer_seeds)
def fuzz_allowed_signers(data: bytes) -> str:
    text = data.decode("utf-8", "surrogateescape")
    found = []
    for key in (_keys()[0].key, _certificate()):
        claim = Claim(key, "me@here", "file", 1500.0)
        said = (
            *outcome(check_signer, text, "path", claim, errors=SSHError),
            *outcome(find_principals, text, "path", key, 1500.0, errors=SSHError),
        )
        # texts of errors, as they are returned here
        found.append(words(SSHError(str(said))))
    return str([*found, len(match_principals(text, "me@here"))])
