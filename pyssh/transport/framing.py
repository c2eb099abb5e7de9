"""`PacketReader` and `PacketWriter`: the binary packets of RFC 4253 section 6.

Received: whole packets are opened straight from the caller's view; only an unfinished one is copied. Sent:
payload is put once into the frame, which is sealed in place.
"""

from collections.abc import Callable
from struct import Struct

from pyssh.algorithms.ciphers import NoneOpener, NoneSealer, PacketOpener, PacketSealer
from pyssh.algorithms.compression import Compressor, Decompressor
from pyssh.errors import IntegrityError, ProtocolError

_PREFIX = Struct(">IB")
_LENGTH = Struct(">I")
_SEQUENCE_MASK = 0xFFFFFFFF
_EMPTY = bytearray()
_NOTHING = memoryview(b"")
_PADDING_POOL = 4096


class PacketWriter:
    """Frames, pads, compresses and seals. `output` collects finished packets until they are drained."""

    __slots__ = (
        "_base",
        "_block_size",
        "_padding",
        "_padding_offset",
        "_random",
        "_room",
        "_sealer",
        "byte_count",
        "compressor",
        "output",
        "packets",
        "sequence_number",
    )

    def __init__(self, random: Callable[[int], bytes]) -> None:
        self._random = random
        self._padding = b""
        self._padding_offset = 0
        self.sequence_number = 0
        self.output: list[bytes | bytearray] = []
        self.switch(NoneSealer(), None)

    @property
    def sealer(self) -> PacketSealer:
        """What seals the packets now."""
        return self._sealer

    def switch(self, sealer: PacketSealer, compressor: Compressor | None) -> None:
        """Take new keys into use, and count from zero what they sealed."""
        self._sealer = sealer
        self._block_size = sealer.block_size
        self._base = 5 - sealer.unaligned
        self._room = bytes(sealer.tag_size)
        self.compressor = compressor
        self.byte_count = 0
        self.packets = 0

    def _padding_size(self, payload_size: int) -> int:
        block_size = self._block_size
        padding = block_size - (self._base + payload_size) % block_size
        return padding if padding >= 4 else padding + block_size

    def _random_padding(self, size: int) -> bytes:
        start = self._padding_offset
        end = start + size
        if end > len(self._padding):
            self._padding = self._random(_PADDING_POOL)
            start, end = 0, size
        self._padding_offset = end
        return self._padding[start:end]

    def write(self, header: bytes, data: bytes | memoryview = b"") -> None:
        """Send `header` and `data`, together one payload, as one packet."""
        if self.compressor is not None:
            header, data = self.compressor.compress(b"".join((header, data))), b""
        size = len(header) + len(data)
        padding = self._padding_size(size)
        frame = _EMPTY.join(
            (
                _PREFIX.pack(size + padding + 1, padding),
                header,
                data,
                self._random_padding(padding),
                self._room,
            )
        )
        self._sealer.seal(frame, self.sequence_number)
        self.sequence_number = (self.sequence_number + 1) & _SEQUENCE_MASK
        self.packets += 1
        self.byte_count += size
        self.output.append(frame)

    def write_strings(self, fields: bytes, data: memoryview, most: int) -> None:
        """Send `data` as packets of `fields` and a string of `most` bytes or fewer: channel data.

        The same as a `write` for each, without its work for those that are alike.
        """
        size = len(data)
        start = 0
        while start < size and self.compressor is not None:
            piece = data[start : start + most]
            self.write(fields + _LENGTH.pack(len(piece)), piece)
            start += most
        output, seal, join = self.output, self._sealer.seal, _EMPTY.join
        while start < size:
            piece = data[start : start + most]
            length = len(piece)
            payload_size = len(fields) + 4 + length
            padding = self._padding_size(payload_size)
            head = _PREFIX.pack(payload_size + padding + 1, padding) + fields + _LENGTH.pack(length)
            # all but the last are as long as the first, so one head does for them
            for _ in range(max(1, (size - start) // most)):
                frame = join((head, data[start : start + length], self._random_padding(padding), self._room))
                seal(frame, self.sequence_number)
                self.sequence_number = (self.sequence_number + 1) & _SEQUENCE_MASK
                self.packets += 1
                self.byte_count += payload_size
                output.append(frame)
                start += length

    def prepare(self) -> None:
        """Do what can be done for the next packet before it is there."""
        self._sealer.prepare(self.sequence_number)

    def drain(self) -> list[bytes | bytearray]:
        """Return what is ready to leave, in order, and forget it."""
        output = self.output
        self.output = []
        return output


class PacketReader:
    """Cuts a byte stream into packets and opens them.

    `feed` a view, call `next_payload` until it returns None. A payload is a view of memory of its own. Before
    the caller reuses its buffer, `keep` copies what was not looked at.
    """

    __slots__ = (
        "_first_size",
        "_length_is_bad",
        "_offset",
        "_opener",
        "_packet_size",
        "_partial",
        "_view",
        "byte_count",
        "decompressor",
        "maximum_packet_length",
        "packets",
        "sequence_number",
    )

    def __init__(self, maximum_packet_length: int) -> None:
        self._view = _NOTHING
        self._offset = 0
        self._partial = bytearray()
        self._length_is_bad = False
        self.sequence_number = 0
        self.maximum_packet_length = maximum_packet_length
        self.switch(NoneOpener(), None)

    @property
    def opener(self) -> PacketOpener:
        """What opens the packets now."""
        return self._opener

    def switch(self, opener: PacketOpener, decompressor: Decompressor | None) -> None:
        """Take new keys into use, and count from zero what they opened."""
        self._opener = opener
        self._first_size = opener.first_size
        self.decompressor = decompressor
        self._packet_size = 0  # of the packet at hand, with length and tag; 0 while not yet known
        self.byte_count = 0
        self.packets = 0

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Take more of the stream; it must not change before `keep`."""
        if self._offset < len(self._view):  # parked by a question
            data = b"".join((self._view[self._offset :], data))
        self._view = memoryview(data)
        self._offset = 0

    def keep(self) -> None:
        """Copy what was fed and not looked at."""
        if self._offset < len(self._view):
            self._view = memoryview(bytes(self._view[self._offset :]))
        else:
            self._view = _NOTHING
        self._offset = 0

    def next_payload(self) -> memoryview | None:
        """Return the next packet's payload, or None if the packet at hand is not complete."""
        view = self._view
        offset = self._offset
        if self._partial:
            packet = self._complete_partial()
            if packet is None:
                return None
            payload = self._open(packet)
            self._partial = bytearray()
            return payload
        left = len(view) - offset
        first_size = self._first_size
        if left >= first_size:
            size = self._packet_size = self._size_of(view[offset : offset + first_size])
            if size <= left:
                end = self._offset = offset + size
                return self._open(view[offset:end])
        if left:
            self._partial += view[offset:]
            self._offset = len(view)
        return None

    def _complete_partial(self) -> memoryview | None:
        """Fill the copied part of a packet from the view; return the packet if it is whole."""
        partial = self._partial
        if not self._packet_size:
            if not self._fill(self._first_size):
                return None
            self._packet_size = self._size_of(memoryview(bytes(partial)))
        if not self._fill(self._packet_size):
            return None
        return memoryview(partial)

    def _fill(self, size: int) -> bool:
        start = self._offset
        piece = self._view[start : start + size - len(self._partial)]
        self._partial += piece
        self._offset = start + len(piece)
        return len(self._partial) >= size

    def _size_of(self, first: memoryview) -> int:
        opener = self._opener
        length = opener.length(first, self.sequence_number)
        # RFC 4253 section 6: padding_length, at least 4 bytes of padding, and a whole number of blocks. A
        # length that is not covered by a tag yet is not trusted beyond these bounds.
        aligned = (4 + length - opener.unaligned) % opener.block_size == 0
        if aligned and 5 < length <= self.maximum_packet_length:
            return 4 + length + opener.tag_size
        if opener.tag_size and not opener.unaligned:
            # the length was encrypted and not authenticated: an error here and now would tell an attacker of
            # CBC mode what his block decrypts to (CVE-2008-5161), so let the MAC fail after as much as can be
            self._length_is_bad = True
            longest = self.maximum_packet_length
            return longest - longest % opener.block_size + opener.tag_size
        raise ProtocolError(f"bad packet length {length}")

    def _open(self, packet: memoryview) -> memoryview:
        plain = memoryview(self._opener.open(packet, self.sequence_number))
        if self._length_is_bad:  # the MAC is right: it is the peer itself that lies
            raise IntegrityError
        self._packet_size = 0
        padding = plain[0]
        end = len(plain) - padding
        if padding < 4 or end < 2:
            raise ProtocolError(f"bad padding length {padding}")
        self.sequence_number = (self.sequence_number + 1) & _SEQUENCE_MASK
        self.packets += 1
        self.byte_count += end
        payload = plain[1:end]
        if self.decompressor is not None:
            payload = memoryview(self.decompressor.decompress(payload))
            if not payload:
                raise ProtocolError("a packet without a payload")
        return payload

    def prepare(self) -> None:
        """Do what can be done for the next packet before it is there."""
        self._opener.prepare(self.sequence_number)

    def unread(self) -> bytes:
        """Return what was received and not opened: part of a packet, and packets behind it."""
        return bytes(self._partial) + bytes(self._view[self._offset :])
