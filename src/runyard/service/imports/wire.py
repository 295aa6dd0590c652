"""The bytes of TensorBoard and W&B files: crc32c, and the fields of protobuf messages by their numbers.

Both packages' own readers bring a hundred megabytes of servers with them; these are two of the simplest formats.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

Field = tuple[int, int | bytes]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Damaged(ValueError):
    """Bytes that cannot be what they should; the message says why."""


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ 0x82F63B78 if byte & 1 else byte >> 1
        table.append(byte)
    return tuple(table)


_CRC = _table()


def crc32c(data: bytes) -> int:
    """Return the Castagnoli checksum (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """Return the checksum as TFRecord and LevelDB logs store it: rotated, plus a constant."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def fields(message: bytes) -> Iterator[Field]:
    """Yield (number, value) of each field in turn: varints as int, everything else as its bytes.

    Raises:
        Damaged: the bytes are no message.
    """
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        kind = key & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, place = _varint(message, place)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise Damaged(f"a field of kind {kind}")
        if place + length > len(message):
            raise Damaged("a field reaches beyond its message")
        yield key >> 3, message[place : place + length]
        place += length


def _varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise Damaged("a number without an end")
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, place


def packed(values: list[int | bytes]) -> list[int]:
    """Return repeated varints, whether they were written one by one or packed."""
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        place = 0
        while place < len(value):
            one, place = _varint(value, place)
            found.append(one)
    return found


def signed(value: int | bytes) -> int:
    """Return a varint as int64."""
    if isinstance(value, bytes):
        raise Damaged("bytes where a number is due")
    return value - (1 << 64) if value >= 1 << 63 else value


def as_bytes(value: int | bytes) -> bytes:
    """Return a field that must hold bytes."""
    if isinstance(value, int):
        raise Damaged("a number where bytes are due")
    return value


def as_text(value: int | bytes) -> str:
    """Return a field that must hold text."""
    return as_bytes(value).decode("utf-8", errors="replace")


def unpack(layout: str, data: int | bytes) -> float:
    """Return one number of a struct layout, such as `<d`."""
    try:
        return float(struct.unpack(layout, as_bytes(data))[0])
    except struct.error as error:
        raise Damaged(str(error)) from error
