"""The encoded terminal modes of RFC 4254 section 8: opcode and uint32 argument, up to opcode 0.

Opcodes are numbers here; which of them a system's termios knows is the business of who opens the terminal.
"""

from collections.abc import Mapping
from typing import Final

from pyssh.errors import DecodeError
from pyssh.wire.types import Reader, put_byte, put_uint32, take_byte, take_uint32

TTY_OP_END: Final = 0
TTY_OP_ISPEED: Final = 128
TTY_OP_OSPEED: Final = 129

# RFC 4254 section 8; IUTF8 is RFC 8160's. Names are those of termios
OPCODES: Final[Mapping[str, int]] = {
    "VINTR": 1,
    "VQUIT": 2,
    "VERASE": 3,
    "VKILL": 4,
    "VEOF": 5,
    "VEOL": 6,
    "VEOL2": 7,
    "VSTART": 8,
    "VSTOP": 9,
    "VSUSP": 10,
    "VDSUSP": 11,
    "VREPRINT": 12,
    "VWERASE": 13,
    "VLNEXT": 14,
    "VFLUSH": 15,
    "VSWTCH": 16,
    "VSTATUS": 17,
    "VDISCARD": 18,
    "IGNPAR": 30,
    "PARMRK": 31,
    "INPCK": 32,
    "ISTRIP": 33,
    "INLCR": 34,
    "IGNCR": 35,
    "ICRNL": 36,
    "IUCLC": 37,
    "IXON": 38,
    "IXANY": 39,
    "IXOFF": 40,
    "IMAXBEL": 41,
    "IUTF8": 42,
    "ISIG": 50,
    "ICANON": 51,
    "XCASE": 52,
    "ECHO": 53,
    "ECHOE": 54,
    "ECHOK": 55,
    "ECHONL": 56,
    "NOFLSH": 57,
    "TOSTOP": 58,
    "IEXTEN": 59,
    "ECHOCTL": 60,
    "ECHOKE": 61,
    "PENDIN": 62,
    "OPOST": 70,
    "OLCUC": 71,
    "ONLCR": 72,
    "OCRNL": 73,
    "ONOCR": 74,
    "ONLRET": 75,
    "CS7": 90,
    "CS8": 91,
    "PARENB": 92,
    "PARODD": 93,
    "TTY_OP_ISPEED": TTY_OP_ISPEED,
    "TTY_OP_OSPEED": TTY_OP_OSPEED,
}
NAMES: Final[Mapping[int, str]] = {opcode: name for name, opcode in OPCODES.items()}

_FIRST_UNDEFINED: Final = 160  # from here on the argument's size is unknown: parsing stops


def encode_terminal_modes(modes: Mapping[int, int]) -> bytes:
    """Return opcodes and arguments in the order given, and the end mark."""
    out = bytearray()
    for opcode, argument in modes.items():
        if not TTY_OP_END < opcode < _FIRST_UNDEFINED:
            raise ValueError(f"{opcode} is not a terminal mode")
        put_byte(out, opcode)
        put_uint32(out, argument)
    put_byte(out, TTY_OP_END)
    return bytes(out)


def decode_terminal_modes(encoded: bytes) -> dict[int, int]:
    """Return arguments by opcode; the last one counts. `DecodeError` if an argument is cut.

    A missing end mark is forgiven, as OpenSSH does: some clients send no modes at all.
    """
    reader = Reader(encoded)
    modes: dict[int, int] = {}
    while reader.remaining:
        opcode = take_byte(reader)
        if opcode == TTY_OP_END or opcode >= _FIRST_UNDEFINED:
            break
        try:
            modes[opcode] = take_uint32(reader)
        except DecodeError as error:
            raise DecodeError(
                error.problem, error.offset, message="terminal modes", field=NAMES.get(opcode, str(opcode))
            ) from None
    return modes
