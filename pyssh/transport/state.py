"""What a transport is made of between two key exchanges, as bytes that can travel to another process."""

from pyssh.events import AgreedAlgorithms
from pyssh.transport.derivation import DirectionKeys
from pyssh.transport.framing import PacketReader, PacketWriter
from pyssh.wire.message import Struct
from pyssh.wire.types import Boolean, Rest, Secret, String, Text, UInt32, UInt64


class DirectionState(Struct):
    """Keys and counters of one direction. `iv` is where the cipher stands, not where it began."""

    iv: Secret
    key: Secret
    mac_key: Secret
    sequence_number: UInt32
    packets: UInt64
    byte_count: UInt64

    @classmethod
    def of(cls, keys: DirectionKeys, iv: bytes, counted: PacketReader | PacketWriter) -> "DirectionState":
        """Return the state of a direction whose cipher stands at `iv`."""
        return cls(iv, keys.key, keys.mac_key, counted.sequence_number, counted.packets, counted.byte_count)

    @property
    def keys(self) -> DirectionKeys:
        """The keys with which a new cipher object goes on."""
        return DirectionKeys(self.iv, self.key, self.mac_key)


class AlgorithmsState(Struct):
    """`AgreedAlgorithms`, field by field."""

    kex: Text
    host_key: Text
    cipher_client_to_server: Text
    cipher_server_to_client: Text
    mac_client_to_server: Text
    mac_server_to_client: Text
    compression_client_to_server: Text
    compression_server_to_client: Text
    strict: Boolean

    @classmethod
    def of(cls, algorithms: AgreedAlgorithms) -> "AlgorithmsState":
        """Return the algorithms as a struct."""
        return cls(*(getattr(algorithms, field) for field in cls.__match_args__))

    def agreed(self) -> AgreedAlgorithms:
        """Return the struct as algorithms."""
        return AgreedAlgorithms(*(getattr(self, field) for field in self.__match_args__))


class TransportState(Struct):
    """A transport between two key exchanges, after authentication."""

    identification: String
    peer_identification: String
    session_identifier: Secret
    host_key: String
    algorithms: Secret
    sent: Secret
    received: Secret
    extensions: String
    unread: Secret
    unsent: Rest


TransportState.redacted_fields |= {"unsent"}
