"""Formats of exports: CSV, NDJSON and Parquet."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from importlib import import_module
from typing import Any, BinaryIO, Final

import msgspec

from application.files.columns import Columns, Kind
from application.files.exports import Export, Page
from application.files.rows import Row
from application.tabular.cells import code_of, sku_of
from application.tabular.csv_writer import BYTE_ORDER_MARK, CsvWriter
from domain.quantities import MAX_SCALE, json_number

_NUMBERS: Final = frozenset({Kind.NUMBER, Kind.PRECISE, Kind.NUMBER_OR_NONE, Kind.WHOLE})

ROWS_PER_GROUP: Final = 50_000
"""Rows in a row group of Parquet: readers are slow with small ones. Memory is bounded by it."""

_DECIMAL_DIGITS: Final = 38
_PRECISE_SCALE: Final = 15
"""Decimal places of numbers that are kept as they were sent."""


class Format(StrEnum):
    """A file format of exports."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


class ParquetMissing(Exception):
    """The package for Parquet files is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Parquet needs the package pyarrow: install requirements-parquet.txt, or the extra "
            "`parquet`"
        )


def csv_chunks(export: Export) -> Iterator[bytes]:
    """Yields the export as CSV in UTF-8 with a byte order mark, a page at a time."""
    numeric = [name for name, kind in export.columns.items() if kind in _NUMBERS]
    writer = CsvWriter([*export.columns], numeric, {"sku": sku_of, "code": code_of})
    yield f"{BYTE_ORDER_MARK}{writer.header()}".encode()
    for page in export.pages:
        yield "".join(map(writer.line, page)).encode()


def ndjson_chunks(export: Export) -> Iterator[bytes]:
    """Yields the export as one JSON object per line, a page at a time."""
    for page in export.pages:
        yield b"".join(_json_line(export.columns, row) for row in page)


CHUNKS: Final[Mapping[Format, Callable[[Export], Iterator[bytes]]]] = {
    Format.CSV: csv_chunks,
    Format.NDJSON: ndjson_chunks,
}
"""The formats that can be streamed."""


def write(export: Export, format: Format, file: BinaryIO) -> Iterator[int]:
    """Writes the export to a file; yields the number of rows after each page. Raises
    ParquetMissing."""
    counted = _Counted(export.pages)
    if format is Format.PARQUET:
        _write_parquet(export.columns, counted, file)
        yield counted.rows
        return
    for chunk in CHUNKS[format](Export(export.columns, iter(counted))):
        file.write(chunk)
        yield counted.rows


class _Counted:
    """Pages, with the number of rows so far."""

    def __init__(self, pages: Iterable[Page]) -> None:
        self._pages = pages
        self.rows = 0

    def __iter__(self) -> Iterator[Page]:
        for page in self._pages:
            self.rows += len(page)
            yield page


def _json_line(columns: Columns, row: Row) -> bytes:
    return msgspec.json.encode({name: _json_value(row.get(name)) for name in columns}) + b"\n"


def _json_value(value: Any) -> Any:
    match value:
        case Decimal():
            return json_number(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value


def _write_parquet(columns: Columns, pages: Iterable[Page], file: BinaryIO) -> None:
    try:
        arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise ParquetMissing from None
    types = {
        Kind.NUMBER: arrow.decimal128(_DECIMAL_DIGITS, MAX_SCALE),
        Kind.PRECISE: arrow.decimal128(_DECIMAL_DIGITS, _PRECISE_SCALE),
        Kind.WHOLE: arrow.int64(),
        Kind.FLAG: arrow.bool_(),
        Kind.TIME: arrow.timestamp("us", tz="UTC"),
    }
    schema = arrow.schema(
        [(name, types.get(kind, arrow.string())) for name, kind in columns.items()]
    )
    tables, rows = [], 0
    with parquet.ParquetWriter(file, schema) as writer:
        for page in pages:
            tables.append(_table(arrow, schema, columns, page))
            rows += len(page)
            if rows >= ROWS_PER_GROUP:
                writer.write_table(arrow.concat_tables(tables))
                tables, rows = [], 0
        if tables:
            writer.write_table(arrow.concat_tables(tables))


def _table(arrow: Any, schema: Any, columns: Columns, page: Page) -> Any:
    """Returns a page as a table of Arrow, which takes much less memory than the page."""
    rows = [
        {name: _parquet_value(kind, row.get(name)) for name, kind in columns.items()}
        for row in page
    ]
    return arrow.Table.from_pylist(rows, schema)


def _parquet_value(kind: Kind, value: Any) -> Any:
    if value is None or kind in {Kind.WHOLE, Kind.FLAG, Kind.TIME}:
        return value
    return Decimal(value) if kind in {Kind.NUMBER, Kind.PRECISE} else str(value)
