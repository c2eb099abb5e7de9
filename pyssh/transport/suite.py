"""`Suite`: the algorithms of one direction, and what is built from them with keys."""

from pyssh.algorithms.ciphers import CIPHERS, CipherSpec, PacketOpener, PacketSealer
from pyssh.algorithms.compression import COMPRESSION, CompressionSpec, Compressor, Decompressor
from pyssh.algorithms.macs import MACS, Mac, MacSpec
from pyssh.errors import DecodeError
from pyssh.events import AgreedAlgorithms
from pyssh.record import Record
from pyssh.transport.derivation import DirectionKeys, KeySource


class Suite(Record):
    """Cipher, MAC (None with an AEAD cipher) and compression of one direction."""

    client_to_server: bool
    cipher: CipherSpec
    mac: MacSpec | None
    compression: CompressionSpec

    @classmethod
    def of(cls, algorithms: AgreedAlgorithms, *, client_to_server: bool) -> "Suite":
        """Return the suite of one direction."""
        if client_to_server:
            names = (
                algorithms.cipher_client_to_server,
                algorithms.mac_client_to_server,
                algorithms.compression_client_to_server,
            )
        else:
            names = (
                algorithms.cipher_server_to_client,
                algorithms.mac_server_to_client,
                algorithms.compression_server_to_client,
            )
        cipher, mac, compression = names
        return cls(client_to_server, CIPHERS[cipher], MACS[mac] if mac else None, COMPRESSION[compression])

    def keys(self, source: KeySource) -> DirectionKeys:
        """Derive this direction's keys (RFC 4253 section 7.2)."""
        iv, key, mac_key = (b"A", b"C", b"E") if self.client_to_server else (b"B", b"D", b"F")
        return DirectionKeys(
            source.derive(iv, self.cipher.iv_size),
            source.derive(key, self.cipher.key_size),
            source.derive(mac_key, self.mac.key_size if self.mac else 0),
        )

    def check_keys(self, keys: DirectionKeys) -> None:
        """Raise `DecodeError` unless keys that came from another process can be this suite's."""
        sizes = (self.cipher.iv_size, self.cipher.key_size, self.mac.key_size if self.mac else 0)
        if (len(keys.iv), len(keys.key), len(keys.mac_key)) != sizes or self.cipher.is_aead is bool(self.mac):
            raise DecodeError("keys that are not for these algorithms")

    def _mac(self, keys: DirectionKeys) -> Mac | None:
        return self.mac.keyed(keys.mac_key) if self.mac else None

    def sealer(self, keys: DirectionKeys) -> PacketSealer:
        """Return what seals packets under these keys."""
        return self.cipher.sealer(keys.key, keys.iv, self._mac(keys))

    def opener(self, keys: DirectionKeys) -> PacketOpener:
        """Return what opens packets under these keys."""
        return self.cipher.opener(keys.key, keys.iv, self._mac(keys))

    def _compresses(self, *, authenticated: bool) -> bool:
        return self.compression.name != "none" and (authenticated or not self.compression.delayed)

    def compressor(self, *, authenticated: bool) -> Compressor | None:
        """Return a fresh stream, or None while nothing is compressed."""
        return self.compression.compressor() if self._compresses(authenticated=authenticated) else None

    def decompressor(self, limit: int, *, authenticated: bool) -> Decompressor | None:
        """Return a fresh stream for payloads up to `limit` bytes, or None while nothing is compressed."""
        return self.compression.decompressor(limit) if self._compresses(authenticated=authenticated) else None
