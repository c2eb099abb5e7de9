"""When keys are worn out: counters of bytes, packets and age (RFC 4253 section 9, RFC 4344 section 3)."""

from typing import Final

from pyssh.algorithms.ciphers import CIPHERS
from pyssh.events import AgreedAlgorithms
from pyssh.options import Options
from pyssh.transport.framing import PacketReader, PacketWriter

# RFC 4344 section 3.1: rekey before a sequence number could come again under the same keys
PACKETS: Final = 1 << 31
# RFC 4344 section 3.2: 2^(L/4) blocks of L bits; for 128-bit blocks 2^32 of them, 64 GiB
BYTES_128_BIT_BLOCKS: Final = (1 << 32) * 16
# for 64-bit blocks (3des-cbc) 2^16 blocks would be 512 KiB; RFC 4253 section 9 says a gigabyte
BYTES_64_BIT_BLOCKS: Final = 1 << 30


class RekeyTimer:
    """Tells when the keys of one exchange should be replaced."""

    def __init__(self, options: Options, algorithms: AgreedAlgorithms) -> None:
        ciphers = (CIPHERS[algorithms.cipher_client_to_server], CIPHERS[algorithms.cipher_server_to_client])
        # an AEAD cipher's block_size is for padding only
        small = any(cipher.block_size < 16 and not cipher.is_aead for cipher in ciphers)
        safe = BYTES_64_BIT_BLOCKS if small else BYTES_128_BIT_BLOCKS
        self._bytes = min(options.rekey_bytes or safe, safe)
        self._seconds = options.rekey_seconds
        self._since: float | None = None
        self._aged = False

    def due(self, writer: PacketWriter, reader: PacketReader) -> bool:
        """Whether bytes, packets or age have run out."""
        return (
            writer.byte_count >= self._bytes
            or reader.byte_count >= self._bytes
            or writer.packets >= PACKETS
            or reader.packets >= PACKETS
            or self._aged
        )

    def deadline(self) -> float | None:
        """When `tick` should be called, on its own clock; None before the first tick or without an age."""
        if not self._seconds or self._since is None:
            return None
        return self._since + self._seconds

    def tick(self, now: float) -> None:
        """Take note of the time. The first call starts the age."""
        if self._since is None:
            self._since = now
        elif self._seconds and now >= self._since + self._seconds:
            self._aged = True
