"""CSV files of spreadsheets: each is read as it was meant, or refused with advice."""

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from io import BytesIO, RawIOBase, StringIO
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.tabular import records
from application.tabular.cells import text_of
from application.tabular.csv_file import CsvFile, CsvOptions, CsvRow
from application.tabular.csv_writer import BYTE_ORDER_MARK, CsvWriter
from application.tabular.errors import UnreadableFile
from application.tabular.header import MAX_COLUMNS, KnownColumns
from application.tabular.numbers import DecimalSign, read_number
from application.tabular.text_file import MAX_LINE_LENGTH

pytestmark = pytest.mark.pure

COLUMNS = KnownColumns(
    known={
        "sku": ["article", "Artikelnummer"],
        "quantity": ["Menge", "Quantité"],
        "unit_cost": [],
        "note": ["Bemerkung", "Remark *"],
        "code": ["EAN", "Barcode", "EAN13"],
        "per": ["Pack size"],
    },
    numeric={"quantity", "unit_cost", "per"},
    required=["sku"],
    repeated={"code", "per"},
    partners={"per": "code"},
)

FINDS = CsvOptions()


def opened(content: str | bytes, options: CsvOptions = FINDS, **renamed: str) -> CsvFile:
    data = content.encode() if isinstance(content, str) else content
    return CsvFile(BytesIO(data), COLUMNS, options, renamed)


def opened_or_none(data: bytes, options: CsvOptions) -> CsvFile | None:
    try:
        return opened(data, options)
    except UnreadableFile:
        return None


def cells(
    content: str | bytes, options: CsvOptions = FINDS, **renamed: str
) -> list[dict[str, str]]:
    rows = list(opened(content, options, **renamed))
    assert [row.problem for row in rows] == [None] * len(rows)
    return [dict(row.cells) for row in rows]


def refusal(content: str | bytes, options: CsvOptions = FINDS, **renamed: str) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as refused:
        list(opened(content, options, **renamed))
    return refused.value


def assert_refused(content: str | bytes, told: str, line: int | None, **options: Any) -> None:
    refused = refusal(content, CsvOptions(**options))
    assert told in refused.message
    assert refused.details.get("line") == line
    assert line is None or refused.message.startswith(f"line {line}: ")


class TestWhatASpreadsheetWrites:
    """What a spreadsheet of any country writes is read exactly, or refused, never read wrong."""

    TEXTS = st.text("ab 0=\",;\t|\n'éßü.-", max_size=8).filter(str.strip)
    NUMBERS = st.decimals(-(10**7), 10**7, places=3)

    @given(
        rows=st.lists(st.tuples(TEXTS, NUMBERS, TEXTS), max_size=4),
        delimiter=st.sampled_from([",", ";", "\t"]),
        decimal=st.sampled_from([".", ","]),
        grouping=st.sampled_from(["", "other", " ", "\u00a0", "\u202f", "'"]),
        places=st.integers(0, 3),
        quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "windows-1252"]),
        end=st.sampled_from(["\r\n", "\n", "\r"]),
        tells=st.sets(st.sampled_from(["encoding", "delimiter", "decimal", "sep="])),
    )
    def test_is_read_exactly_or_refused(
        self,
        rows: list[tuple[str, Decimal, str]],
        delimiter: str,
        decimal: DecimalSign,
        grouping: str,
        places: int,
        quoting: Any,
        encoding: str,
        end: str,
        tells: set[str],
    ) -> None:
        written = StringIO()
        writer = csv.writer(written, delimiter=delimiter, quoting=quoting)
        writer.writerow(["Artikelnummer", "Quantité", "NOTE"])
        for sku, number, note in rows:
            writer.writerow([sku, shown_number(number, places, decimal, grouping), note])
        text = (f"sep={delimiter}\r\n" if "sep=" in tells else "") + written.getvalue()
        try:
            data = text.replace("\r\n", end).encode(encoding)
        except UnicodeEncodeError:
            return
        options = CsvOptions(
            encoding=encoding if "encoding" in tells else None,
            delimiter=delimiter if "delimiter" in tells else None,
            decimal=decimal if "decimal" in tells else None,
        )
        file = opened_or_none(data, options)
        if file is None:
            assert not {"encoding", "delimiter", "decimal"} <= tells
            return
        expected = [
            (text_of(sku), round(number, places), text_of(note)) for sku, number, note in rows
        ]
        assert [meaning(file, row) for row in file] == expected
        assert file.delimiter == delimiter

    @given(
        data=st.binary(max_size=60)
        | st.text('sku,;"\r\n\t1.= \ufeff\0', max_size=40).map(str.encode),
        start=st.sampled_from([b"", b"sku,quantity\n", b"sku;note\r", b"\xff\xfe", b"sep=;\n"]),
        encoding=st.sampled_from([None, "utf-16-le", "shift_jis", "utf-8"]),
    )
    def test_any_bytes_are_read_or_refused(
        self, data: bytes, start: bytes, encoding: str | None
    ) -> None:
        file = opened_or_none(start + data, CsvOptions(encoding=encoding))
        assert file is None or all(row.line > 1 for row in file)


def shown_number(number: Decimal, places: int, decimal: str, grouping: str) -> str:
    """Formats a number by the habits of a country."""
    text = f"{round(number, places):,f}"
    separator = {"other": ",."[decimal == ","]}.get(grouping, grouping)
    return text.translate({ord(","): separator, ord("."): decimal})


def meaning(file: CsvFile, row: CsvRow) -> tuple[str, object, str]:
    assert row.problem is None
    number = read_number(row.cells["quantity"], file.decimal)
    return text_of(row.cells["sku"]), number, text_of(row.cells["note"])


class TestEncoding:
    CONTENT = "sku,note\r\nÄ,日本\r\n"

    @pytest.mark.parametrize(
        "data",
        [
            CONTENT.encode("utf-8"),
            CONTENT.encode("utf-8-sig"),
            CONTENT.encode("utf-16"),
            b"\xfe\xff" + CONTENT.encode("utf-16-be"),
            CONTENT.encode("utf-32"),
        ],
    )
    def test_proved_by_the_file(self, data: bytes) -> None:
        assert cells(data) == [{"sku": "Ä", "note": "日本"}]

    @pytest.mark.parametrize(
        "name", ["UTF-8", "utf-8-sig", "utf-16-le", "utf-16-be", "shift_jis", "GB18030"]
    )
    def test_named(self, name: str) -> None:
        content = "sku\n日本\n"
        assert cells(content.encode(name), CsvOptions(encoding=name)) == [{"sku": "日本"}]

    @pytest.mark.parametrize("name", ["utf-8", "utf-16", "UTF-16LE"])
    def test_named_and_marked(self, name: str) -> None:
        data = self.CONTENT.encode("utf-8-sig" if name == "utf-8" else "utf-16")
        assert cells(data, CsvOptions(encoding=name)) == [{"sku": "Ä", "note": "日本"}]

    @pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
    @pytest.mark.parametrize("before", [0, 1, 40_000])
    def test_first_wrong_byte_is_told(self, end: str, before: int) -> None:
        data = f"sku{end}".encode() + f"Ä{end}".encode() * before + f"Bär{end}".encode("cp1252")
        assert_refused(data, "windows-1252", before + 2)

    def test_text_that_stops_within_a_character(self) -> None:
        assert_refused("sku\nÄ".encode()[:-1], "not text in utf-8", 2)

    def test_nul_is_no_text(self) -> None:
        assert_refused("sku,note\na,b\nc,\0\n", "NUL", 3)

    def test_utf_16_without_mark(self) -> None:
        assert_refused("sku\nÄ\n".encode("utf-16-le"), "utf-16-le or utf-16-be", 1)

    def test_workbook(self) -> None:
        assert_refused(b"PK\x03\x04...", "save it as CSV UTF-8", None)

    @pytest.mark.parametrize("name", ["", "x", "hex", "idna", "utf-7", "a\0b", "\udc80", "x" * 999])
    def test_unknown_name(self, name: str) -> None:
        assert_refused("sku\n1\n", "is not known", None, encoding=name)

    @pytest.mark.parametrize("name", ["windows-1252", "latin-1", "cp437", "shift_jis"])
    def test_name_that_the_text_refutes(self, name: str) -> None:
        data = b"sku,note\nA," + b"x" * 70_000 + "Käse\n".encode()
        assert_refused(data, "is in UTF-8", None, encoding=name)

    def test_name_that_no_text_refutes(self) -> None:
        options = CsvOptions(encoding="windows-1252")
        assert cells(b"sku\nA\n", options) == [{"sku": "A"}]
        assert cells("sku\nKäse\n".encode("cp1252"), options) == [{"sku": "Käse"}]

    def test_name_that_the_mark_refutes(self) -> None:
        assert_refused(self.CONTENT.encode("utf-8-sig"), "leave out", None, encoding="windows-1252")


class TestHeader:
    @pytest.mark.parametrize(
        "header",
        ["sku;unit_cost", "SKU;UnitCost", " article ;UNIT COST", "Artikel-Nummer;unit-cost"],
    )
    def test_spellings(self, header: str) -> None:
        assert cells(f"{header}\nA;1\n") == [{"sku": "A", "unit_cost": "1"}]

    def test_two_unicode_forms_are_one_header(self) -> None:
        assert cells("sku;Quantite\u0301\nA;1\n") == [{"sku": "A", "quantity": "1"}]

    def test_repeated_columns(self) -> None:
        file = opened("sku,EAN,EAN 2,code_3,per2,per 1,note2\nA,1,2,3,4,5,6\n")
        names = ["sku", "code", "code2", "code3", "per2", "per"]
        assert [row.cells for row in file] == [dict(zip(names, "A12345", strict=True))]
        assert [one.header for one in file.ignored] == ["note2"]

    def test_number_of_a_repeated_column_proves_the_decimal_sign(self) -> None:
        assert opened("sku;code2;per2\nA;X;1,5\n").decimal == ","

    def test_ignored_columns(self) -> None:
        file = opened("sku,quantit,colour\nA,1,red\n")
        assert file.ignored == (("quantit", "quantity"), ("colour", None))
        assert file.found == {"sku": "sku"}

    def test_renamed_column_takes_the_place_of_its_usual_headers(self) -> None:
        content = "Teil;Menge;Menge neu\nA;1;2\n"
        assert cells(content, sku="TEIL", quantity="menge neu") == [{"sku": "A", "quantity": "2"}]

    def test_renamed_column_must_be_there(self) -> None:
        refused = refusal("sku\nA\n", quantity="Teil")
        assert 'there is no column "Teil". The file has "sku"' in refused.message

    def test_only_known_columns_can_be_renamed(self) -> None:
        assert "did you mean quantity?" in refusal("sku\nA\n", quantit="sku").message

    def test_missing_column(self) -> None:
        assert_refused("\nTeil;Menge\nA;1\n", 'no column "sku". The file has "Teil", "Menge"', 2)

    def test_no_known_column(self) -> None:
        with pytest.raises(UnreadableFile, match="no column"):
            CsvFile(BytesIO(b"x,y\n"), KnownColumns(known={"sku": []}))

    def test_same_column_twice(self) -> None:
        assert_refused("sku,note,NOTE\nA,1,2\n", '"note", "NOTE" are all the column note', 1)
        assert_refused("sku,remark a,remark b\nA,1,2\n", "are all the column note", 1)

    def test_most_certain_header_wins(self) -> None:
        file = opened("Artikelnummer,SKU,Bemerkung,note,Remark x\nA,B,c,d,e\n")
        assert [row.cells for row in file] == [{"sku": "B", "note": "d"}]
        ignored = ("Artikelnummer", "Bemerkung", "Remark x")
        assert file.ignored == tuple((header, None) for header in ignored)

    def test_two_usual_headers_of_a_quantity_are_not_chosen_from(self) -> None:
        assert_refused("sku,Menge,Quantité\nA,1,2\n", "tell which of them it is (--column", 1)
        assert cells("sku,Menge,quantity\nA,1,2\n") == [{"sku": "A", "quantity": "2"}]

    def test_further_codes_get_the_next_numbers(self) -> None:
        file = opened("sku,Barcode,code2,EAN,EAN\nA,1,2,3,4\n")
        (row,) = file
        assert row.cells == {"sku": "A", "code3": "1", "code2": "2", "code": "3", "code4": "4"}
        assert file.ignored == ()

    def test_name_that_ends_with_a_number_can_be_repeated(self) -> None:
        (row,) = opened("sku,EAN13,Pack size,EAN-13 2,per 2\nA,1,12,2,24\n")
        assert row.cells == {"sku": "A", "code": "1", "per": "12", "code2": "2", "per2": "24"}

    @pytest.mark.parametrize("header", ["sku,per", "sku,code2,Pack size", "sku,code,per 3"])
    def test_column_that_belongs_to_a_missing_one(self, header: str) -> None:
        assert_refused(f"{header}\nA,1,1\n", "there is no such column", 1)

    def test_pack_size_that_could_belong_to_two_codes(self) -> None:
        assert_refused("sku,Barcode,EAN,per\nA,1,2,3\n", 'each of "Barcode", "EAN"', 1)
        assert opened("sku,EAN,code,per\nA,1,2,3\n").found["code"] == "code"

    @pytest.mark.parametrize(
        "header", ["Art.-Nr.", "Artikel_Nummer", "ARTIKELNUMMER:", "réf", "Ref", "Artikel\u0300"]
    )
    def test_accents_and_punctuation_make_no_difference(self, header: str) -> None:
        columns = KnownColumns(known={"sku": ["Artikelnummer", "Art.-Nr.", "réf", "artikel"]})
        assert CsvFile(BytesIO(f"{header}\nA\n".encode()), columns).found == {"sku": header}

    def test_beginning_of_a_header(self) -> None:
        assert cells("sku,Remark of Mina\nA,b\n") == [{"sku": "A", "note": "b"}]

    def test_words_that_are_similar_by_chance_are_no_hint(self) -> None:
        columns = KnownColumns(known={"sku": [], "location": ["store"]})
        file = CsvFile(BytesIO(b"sku,estoque,stores\nA,1,2\n"), columns)
        assert file.ignored == (("estoque", None), ("stores", "location"))

    def test_title_above_the_header(self) -> None:
        assert_refused("Stock of May,\nsku,note\nA,b\n", "delete all lines above it", 1)

    def test_two_names_for_one_header(self) -> None:
        refused = refusal("X\nA\n", sku="X", note="x")
        assert "as the column sku and as the column note" in refused.message

    @pytest.mark.parametrize("start", [0, 1])
    def test_first_column_that_counts_the_rows_is_ignored(self, start: int) -> None:
        file = opened(f",sku,quantity\n{start},A,1.5\n{start + 1},B,2\n")
        assert [row.problem for row in file] == [None, None]
        assert file.ignored == (("", None),)
        assert file.decimal == "."

    @pytest.mark.parametrize("first", [("0", "2"), ("X", "Y"), ("1", "x")])
    def test_other_column_without_header_is_told_once(self, first: tuple[str, str]) -> None:
        content = f",sku\n{first[0]},A\n{first[1]},B\n"
        assert_refused(content, "column 1 has no header, and a cell in every row", None)

    def test_too_many_columns(self) -> None:
        assert_refused("sku," + "x," * MAX_COLUMNS + "\n", "more than", 1)

    @pytest.mark.parametrize("content", ["", "\ufeff", "\r\n \n", "sep=;\n"])
    def test_nothing_in_it(self, content: str) -> None:
        assert_refused(content, "is empty", None)


class TestDelimiter:
    @pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
    def test_divides_the_header(self, delimiter: str) -> None:
        content = "sku,quantity,a;b\nA,1,x\n".replace(",", delimiter)
        assert opened(content).delimiter == delimiter

    def test_most_known_columns_win(self) -> None:
        columns = KnownColumns(known={"sku": [], "note": [], "unit": []})
        content = b"sku,x;note;unit\nA,1;2;3\n"
        assert CsvFile(BytesIO(content), columns).delimiter == ";"

    def test_one_column_needs_no_delimiter(self) -> None:
        assert cells('sku\nA;B\n"C,D"\n') == [{"sku": "A;B"}, {"sku": "C,D"}]

    def test_ambiguous(self) -> None:
        content = "sku,x;sku\nA,1\n"
        assert_refused(content, 'it could be ",", ";"', 1)
        assert cells(content, CsvOptions(delimiter=",")) == [{"sku": "A"}]

    @pytest.mark.parametrize(
        "line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;", '"sep=;";;;', "sep=,;;"]
    )
    @pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
    def test_named_in_the_first_line(self, line: str, end: str) -> None:
        (row,) = opened(f"\ufeff{line}{end}sku;note{end}A;B{end}")
        assert (row.line, row.cells) == (3, {"sku": "A", "note": "B"})

    def test_what_must_be_named_is_told_with_its_option(self) -> None:
        for content, option in (
            ("sku,x;sku\nA,1\n", "(--delimiter, or delimiter=)"),
            ("sku;quantity\nA;1,250\n", "(--decimal, or decimal=)"),
            ("sku\nK\xe4se\n".encode("latin-1"), "(--encoding, or encoding=)"),
            ("Teil\nA\n", "(--column, or columns=)"),
        ):
            assert option in refusal(content).message

    def test_any_sign_can_be_named(self) -> None:
        assert cells("sep=^\nsku^note\nA^B\n") == [{"sku": "A", "note": "B"}]
        assert cells("sku:note\nA:B", CsvOptions(delimiter=":")) == [{"sku": "A", "note": "B"}]

    @pytest.mark.parametrize("delimiter", ["a", ";;", '"', "\n", " ", "\0"])
    def test_no_delimiter(self, delimiter: str) -> None:
        assert_refused("sku\nA\n", "can't be a separator", None, delimiter=delimiter)


class TestRecords:
    def test_lines_are_counted_as_an_editor_does(self) -> None:
        content = 'sku,note\r\n\r\nA,"1\r\n2\r3\n4"\r\n , \rB,2\n\nC\u2028,"x\x0by"'
        rows = [(row.line, row.cells.get("note")) for row in opened(content)]
        assert rows == [(3, "1\r\n2\r3\n4"), (8, "2"), (10, "x\x0by")]

    def test_short_rows_and_empty_cells(self) -> None:
        assert cells("sku;note;code\nA;x\nB; ;1\n;x;;;\nC\n".replace("\nC", "\nC;")) == [
            *({"sku": "A", "note": "x"}, {"sku": "B", "code": "1"}, {"note": "x"}, {"sku": "C"})
        ]

    def test_space_before_a_quotation_mark(self) -> None:
        assert cells('sku, note\nA, "b, c"\n') == [{"sku": "A", "note": "b, c"}]

    def test_text_marker_needs_no_quotation_marks_around_it(self) -> None:
        (row,) = cells('sku,code\n="0012","=""0034"""\n')
        assert [text_of(cell) for cell in row.values()] == ["0012", "0034"]

    @pytest.mark.parametrize("row", ["A;B;C", "A,1,5", "A,1,5,", "A,B,"])
    def test_row_that_is_wider_than_the_header(self, row: str) -> None:
        delimiter = ";" if ";" in row else ","
        (read,) = opened(f"sku{delimiter}note\n{row}\n")
        assert read.problem is not None
        assert "line 2 has" in read.problem.message

    def test_decimal_comma_that_moves_an_empty_cell(self) -> None:
        (read,) = opened("sku,quantity,note\nA,12,5,\n")
        assert read.problem is not None

    def test_cell_without_a_header(self) -> None:
        first, second = opened("sku;;note;\nA;;b;\nA;x;b;\n")
        assert first.problem is None
        assert second.problem is not None
        assert "line 3 has a cell in column 2" in second.problem.message

    @pytest.mark.parametrize(
        ("content", "line"),
        [
            ('sku,note\nA,b\nB,"never\nclosed\n', 3),
            ('sku,note\nA,"b"c\n', 2),
            ('sku,note\nA,"b" ,\n', 2),
            ('"sku,note\nA,b\n', 1),
            ('sku,note\nA,"' + "x\n" * 200_000, 2),
            ('sku,note\n"A' + '\n","' * 400_000, 2),
        ],
    )
    def test_quotation_mark_that_is_not_closed(self, content: str, line: int) -> None:
        assert_refused(content, "quotation mark", line)

    def test_line_without_end(self) -> None:
        assert_refused("sku\nA\n" + "x" * (MAX_LINE_LENGTH + 100_000), "the line is too long", 3)
        assert_refused("sku\nA\n" + "x" * (records.MAX_RECORD_LENGTH + 1), "too long", 3)


class TestDecimalSign:
    HEADER = "sku;quantity;unit cost\n"

    @pytest.mark.parametrize(
        ("rows", "decimal"),
        [
            ("A;1,5;\nB;1.250;\n", ","),
            ("A;1.250;\nB;;0.5\n", "."),
            ("A;1.250.000;\n", ","),
            ("A;12;\n1,5;x;\n", "."),
            ("A;1,5 kg;\n", "."),
            ("", "."),
        ],
    )
    def test_proved(self, rows: str, decimal: str) -> None:
        assert opened(self.HEADER + rows).decimal == decimal

    def test_row_with_a_problem_proves_nothing(self) -> None:
        assert opened("sku;quantity\nA;1,5;x\n").decimal == "."

    def test_contradiction(self) -> None:
        rows = "A;1.250;\nB;1,5;\nC;2,5;\nD;2.5;\n"
        assert_refused(self.HEADER + rows, "one in line 5 a decimal point", 3)

    def test_no_proof(self) -> None:
        assert_refused(self.HEADER + "A;1;\nB;1,250;\n", "name the decimal sign", 3)

    @pytest.mark.parametrize("decimal", [".", ","])
    def test_named(self, decimal: DecimalSign) -> None:
        content = self.HEADER + "A;1,250;\nB;1,5;\nC;2.5;\n"
        assert opened(content, CsvOptions(decimal=decimal)).decimal == decimal


class TestMemory:
    def test_long_file_is_read_in_pieces(self) -> None:
        file = CsvFile(cast("BinaryIO", Endless(rows=30_000)), COLUMNS)
        rows = iter(file)
        assert next(rows).line == 2
        assert 0 < file.position < file.size / 4
        assert sum(1 for _ in rows) == 29_999
        assert file.position == file.size

    def test_rows_can_be_read_again(self) -> None:
        file = opened("sku\nA\nB\n")
        assert list(file) == list(file)


class Endless(RawIOBase):
    """A file that exists only while it is read. It refuses to be read in one piece."""

    HEADER, ROW = b"sku,note\n", b'"A,1","x"\n'

    def __init__(self, rows: int) -> None:
        self.size = len(self.HEADER) + rows * len(self.ROW)
        self.at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self.at = offset + (self.size if whence else 0)
        return self.at

    def read(self, size: int = -1) -> bytes:
        assert 0 < size <= 65_536
        start = max(self.at - len(self.HEADER), 0) % len(self.ROW)
        body = self.ROW * (size // len(self.ROW) + 2)
        content = body[start:] if self.at >= len(self.HEADER) else self.HEADER[self.at :] + body
        read = content[: min(size, self.size - self.at)]
        self.at += len(read)
        return read


class TestWriter:
    NAMES = ("sku", "note", "code")
    STORABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0")) | st.text(
        "'=\"+-@,;\r\n\t \uff1da1", max_size=8
    )

    @given(rows=st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, STORABLE.map(str.strip)))))
    def test_texts_come_back(self, rows: list[dict[str, str]]) -> None:
        file = opened(written(self.NAMES, rows))
        read = [{name: text_of(cell) for name, cell in row.cells.items()} for row in file]
        kept = [{name: text for name, text in row.items() if text} for row in rows]
        assert read == [row for row in kept if row]
        assert (file.delimiter, file.encoding) == (",", "utf-8-sig")

    @given(st.lists(st.decimals(-(10**9), 10**9, places=6) | st.integers(-(2**53), 2**53)))
    def test_numbers_come_back_and_need_no_named_sign(self, numbers: list[Decimal | int]) -> None:
        rows = [{"sku": "A", "quantity": number} for number in numbers]
        file = opened(written(("sku", "quantity"), rows))
        assert [read_number(row.cells["quantity"], file.decimal) for row in file] == numbers

    @pytest.mark.parametrize(
        ("value", "cell"),
        [
            (None, ""),
            (True, "true"),
            (False, "false"),
            (-5, "-5"),
            (1e22, "10000000000000000000000"),
            (1e-6, "0.000001"),
            (2.0, "2"),
            (Decimal("1E+3"), "1000"),
            (Decimal("1.250"), "1.25"),
            (Decimal("1.125"), "1.1250"),
            (datetime(2026, 1, 8, 9, tzinfo=UTC), "2026-01-08T09:00:00.000Z"),
            (
                datetime(2026, 1, 8, 9, tzinfo=timezone(timedelta(hours=9))),
                "2026-01-08T00:00:00.000Z",
            ),
            ("=1", "'=1"),
            ('a"b', '"a""b"'),
        ],
    )
    def test_values(self, value: object, cell: str) -> None:
        assert CsvWriter(["sku", "note"]).line({"sku": "A", "note": value}) == f"A,{cell}\r\n"

    def test_texts_of_numeric_columns_are_not_guarded(self) -> None:
        assert CsvWriter(["quantity"], ["quantity"]).line({"quantity": "-5"}) == "-5\r\n"


def written(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    writer = CsvWriter(columns, ["quantity"])
    return BYTE_ORDER_MARK + writer.header() + "".join(writer.line(row) for row in rows)
