"""Parser of the kernel's descriptions of its trace records; pure."""

import re
import struct
from dataclasses import dataclass
from typing import NamedTuple

from porteye_core.errors import SourceError
from porteye_core.sources.tracing.ring_buffer import PageLayout

_FIELD = re.compile(r"field:(?P<what>[^;]+);\s*offset:(\d+);\s*size:(\d+);(?:\s*signed:(\d);)?")
_BITS = re.compile(r"(type_len|time_delta)\s*:\s*(\d+) bits")
_KINDS = re.compile(r"(padding|time_extend|time_stamp)\s*:\s*type == (\d+)")
_DATA_MAX = re.compile(r"data max type_len\s*== (\d+)")
_CODES = {1: "b", 2: "h", 4: "i", 8: "q"}


class Field(NamedTuple):
    """One field of a record; offset and size in bytes."""

    offset: int
    size: int
    signed: bool
    array: bool


@dataclass(frozen=True, slots=True)
class EventFormat:
    """The format of one event's records."""

    id: int
    fields: dict[str, Field]

    def unpacker(self, *names: str) -> struct.Struct:
        """Build an unpacker of these fields, named in their order in the record.

        Raises SourceError when this kernel's record has not all of them.
        """
        parts, at = ["="], 0
        for name in names:
            field = self.fields.get(name)
            if field is None or field.offset < at:
                raise _unknown(f"field {name}")
            parts.append(f"{field.offset - at}x{_code(field)}")
            at = field.offset + field.size
        return struct.Struct("".join(parts))


def event_format(text: str) -> EventFormat:
    """Parse an event's `format` file; raises SourceError."""
    found = re.search(r"^ID: (\d+)$", text, re.MULTILINE)
    if found is None:
        raise _unknown("event id")
    return EventFormat(int(found[1]), _fields(text))


def page_layout(header_page: str, header_event: str, *, little_endian: bool) -> PageLayout:
    """Parse events/header_page and events/header_event; raises SourceError."""
    fields = _fields(header_page)
    numbers = {name: int(n) for name, n in _BITS.findall(header_event)}
    numbers |= {name: int(n) for name, n in _KINDS.findall(header_event)}
    data_max = _DATA_MAX.search(header_event)
    try:
        return PageLayout(
            little_endian=little_endian,
            commit_offset=fields["commit"].offset,
            commit_size=fields["commit"].size,
            data_offset=fields["data"].offset,
            data_size=fields["data"].size,
            type_bits=numbers["type_len"],
            delta_bits=numbers["time_delta"],
            data_type_max=int(data_max[1]) if data_max else numbers["padding"] - 1,
            padding=numbers["padding"],
            time_extend=numbers["time_extend"],
            time_stamp=numbers["time_stamp"],
        )
    except KeyError as err:
        raise _unknown(str(err)) from err


def _fields(text: str) -> dict[str, Field]:
    fields = {}
    for what, offset, size, signed in _FIELD.findall(text):
        name, bracket, _ = what.partition("[")
        fields[name.split()[-1]] = Field(int(offset), int(size), signed == "1", bool(bracket))
    return fields


def _code(field: Field) -> str:
    if field.array or field.size not in _CODES:
        return f"{field.size}s"
    code = _CODES[field.size]
    return code if field.signed else code.upper()


def _unknown(what: str) -> SourceError:
    return SourceError(
        f"This kernel's trace records are not as expected: {what}.", "Use another --source."
    )
