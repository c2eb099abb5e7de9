"""The hand-tuned path for CHANNEL_DATA and CHANNEL_EXTENDED_DATA (94 and 95).

The one exception to declared messages, for speed (see CONTRIBUTING.md); a test holds it to the declared
classes' results.
"""

from struct import Struct
from typing import Final

from pyssh.errors import DecodeError

_DATA: Final = Struct(">BII")
_EXTENDED: Final = Struct(">BIII")
_DATA_FIELDS: Final = Struct(">BI")
_EXTENDED_FIELDS: Final = Struct(">BII")


def data_fields(recipient_channel: int, data_type_code: int) -> bytes:
    """Return what goes before the data, a string: CHANNEL_DATA for code 0, else CHANNEL_EXTENDED_DATA."""
    if data_type_code:
        return _EXTENDED_FIELDS.pack(95, recipient_channel, data_type_code)
    return _DATA_FIELDS.pack(94, recipient_channel)


def unpack_data(payload: memoryview) -> tuple[int, int, memoryview]:
    """Return recipient channel, data type code (0 for number 94) and a view of the data in `payload`."""
    size = len(payload)
    if payload[0] == 94:
        if size < 9:
            raise DecodeError("short message", size, message="ChannelData", field="data")
        _, recipient, length = _DATA.unpack_from(payload)
        if length != size - 9:
            raise DecodeError(
                f"{length} bytes announced, {size - 9} there", 5, message="ChannelData", field="data"
            )
        return recipient, 0, payload[9:]
    if size < 13:
        raise DecodeError("short message", size, message="ChannelExtendedData", field="data")
    _, recipient, code, length = _EXTENDED.unpack_from(payload)
    if length != size - 13:
        raise DecodeError(
            f"{length} bytes announced, {size - 13} there", 9, message="ChannelExtendedData", field="data"
        )
    return recipient, code, payload[13:]
