"""The history as a Parquet file, typed, in constant memory; it needs pyarrow.

Its columns are those of the CSV file. Times are timestamps in UTC.
"""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import parquet

from porteye_core.model import Filters
from porteye_core.store import engine
from porteye_core.store.reading.export import Fields, Told, event_batches
from porteye_core.store.reading.json_records import EVENT, Field

# Rows of a group, which is in memory: of 50,000 with their texts it takes 250 MiB.
_GROUP = 10_000
_TYPES = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    str | None: pa.string(),
    int | None: pa.int64(),
    bool | None: pa.bool_(),
}
_TIME = pa.timestamp("us", tz="UTC")


def write_history(
    connection: engine.Connection, out: BinaryIO, filters: Filters, told: Told, more: Fields
) -> None:
    """Write all events that the filters let through, newest first, whatever `limit` says; more:
    columns at the end."""
    fields = {**EVENT, **more}
    schema = pa.schema([(name, _type(field)) for name, field in fields.items()])
    with parquet.ParquetWriter(out, schema, compression="zstd") as writer:
        for rows in _groups(event_batches(connection, filters, told=told)):
            columns = [[_value(field, row) for row in rows] for field in fields.values()]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=_GROUP)


def _groups(batches: Iterator[Sequence[engine.Row]]) -> Iterator[list[engine.Row]]:
    waiting: list[engine.Row] = []
    for rows in batches:
        waiting += rows
        if len(waiting) >= _GROUP:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _type(field: Field) -> Any:
    return _TIME if field.micros else _TYPES[field.type]


def _value(field: Field, row: engine.Row) -> Any:
    return field.micros(row) if field.micros else field.value(row)
