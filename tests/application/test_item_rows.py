"""Rows of item files: what each asks for, or why it is refused."""

from io import BytesIO

import pytest

from application.files.import_columns import COLUMNS
from application.files.item_rows import ItemRow, RowProblem, RowReader
from application.tabular.csv_file import CsvFile
from application.tabular.errors import UnreadableFile
from application.tabular.header import HeaderNames
from domain.errors import Invalid
from domain.stock_item import item_id

pytestmark = pytest.mark.pure

EAN, OTHER_EAN = "4006381333931", "4006381333948"


def read(content: str, location: str | None = "main") -> list[ItemRow | RowProblem]:
    return list(RowReader(CsvFile(BytesIO(content.encode()), COLUMNS), location))


def item(content: str) -> ItemRow:
    (row,) = read(content)
    assert isinstance(row, ItemRow), row
    return row


def problems(content: str, location: str | None = "main") -> dict[int, tuple[str, str]]:
    """Returns the fields and the problems of the refused rows by line."""
    found = {}
    for row in read(content, location):
        if isinstance(row, RowProblem):
            assert isinstance(row.rejection, Invalid)
            details = row.rejection.details
            found[row.line] = (str(details["field"]), str(details["problem"]))
    return found


def assert_refused(content: str, field: str, told: str, location: str | None = "main") -> None:
    found = problems(content, location)
    assert [one for one, _ in found.values()] == [field]
    assert told in next(iter(found.values()))[1]


class TestCodes:
    @pytest.mark.parametrize(
        "header",
        [
            *("EAN13", "EAN-13", "ean_13", "GTIN 13", "GTIN-14", "GTIN8", "UPC-A", "UPC12"),
            *("Barcode", "Variant Barcode", "Code-barres", "código de barras", "EAN-Nr."),
        ],
    )
    def test_pack_size_belongs_to_the_code(self, header: str) -> None:
        row = item(f"sku,name,{header},Pack size,stock\nA,Tea,{EAN},12,5\n")
        assert row.registration.codes == ((EAN, 12),)
        assert row.opening is not None

    def test_pack_size_without_a_code_column(self) -> None:
        with pytest.raises(UnreadableFile, match='"Pack size" is the column per'):
            read("sku,Pack size\nA,12\n")

    def test_pack_size_without_a_code(self) -> None:
        content = f"sku,code,per,code2,per2\nA,,12,,\nB,{EAN},1,,6\nC,,1,,\n"
        found = problems(content)
        assert {line: field for line, (field, _) in found.items()} == {2: "per", 3: "per2"}
        assert found[3][1] == "is filled, and the row has no code2"

    @pytest.mark.parametrize(
        ("per", "told"),
        [
            ("0", "must be above 0"),
            ("-1", "must be above 0"),
            ("10000000", "at most 1000000"),
            ("0.0000001", "at most 6 decimal places"),
        ],
    )
    def test_wrong_pack_size_is_told_by_its_column(self, per: str, told: str) -> None:
        assert_refused(f"sku,code,per,code2,per2\nA,X,1,Y,{per}\n", "per2", told)

    def test_wrong_code_is_told_by_its_column(self) -> None:
        assert_refused(f"sku,code,code2\nA,X,{'x' * 201}\n", "code2", "at most")

    def test_same_code_twice(self) -> None:
        same = item(f"sku,EAN,Barcode\nA,{EAN},{EAN}\n").registration
        assert {*same.codes} == {(EAN, 1)}
        content = f"sku,code,per,code2,per2\nA,{EAN},1,0{EAN},12\n"
        assert_refused(content, "code2", "is in the row twice")

    def test_ean_and_barcode(self) -> None:
        row = item(f"sku,EAN,Barcode\nA,{EAN},{OTHER_EAN}\n")
        assert {code for code, _ in row.registration.codes} == {EAN, OTHER_EAN}


class TestDamage:
    @pytest.mark.parametrize(
        ("column", "cell", "told"),
        [
            *[(column, "#N/A", "error value") for column in ("sku", "name", "unit", "location")],
            *[(column, "B\ufffdr", "U+FFFD") for column in ("sku", "name", "unit", "location")],
            ("sku", "12345.0", "turned into a number"),
            ("sku", "2026-02-01", "is a date"),
            ("onHand", "4.00638E+12", "all its digits"),
            ("safetyStock", "1E+03", "all its digits"),
            ("onHand", EAN, "is a barcode"),
            ("active", "perhaps", "true or false"),
        ],
    )
    def test_row_is_refused(self, column: str, cell: str, told: str) -> None:
        names = ["sku", "name", "unit", "location", "onHand", "safetyStock", "active"]
        cells = {"sku": "A", "name": "Tea", "location": "main"} | {column: cell}
        content = ",".join(names) + "\n" + ",".join(cells.get(name, "") for name in names)
        assert_refused(content, column, told)

    def test_barcode_that_is_a_quantity(self) -> None:
        opening = item(f'sku;stock\nA;="{EAN}"\n').opening
        assert opening is not None
        assert opening.quantity == int(EAN)


class TestItemId:
    def test_it_proves_the_sku(self) -> None:
        content = f"sku,name,location,itemId\n00123,Tea,main,{item_id('main', '00123')}\n"
        assert item(content).registration.sku == "00123"
        assert item(content.upper().replace("MAIN", "main")).registration.sku == "00123"
        assert_refused(content.replace("\n00123", "\n123"), "itemId", "perhaps by a spreadsheet")
        assert_refused(content.replace(",main", ",annex"), "itemId", "leave the column itemId out")

    @pytest.mark.parametrize("cell", ["7", "x", "00000000-0000-0000-0000-000000000000"])
    def test_it_is_of_another_program(self, cell: str) -> None:
        assert_refused(f"sku,itemId\nA,{cell}\n", "itemId", "is not the id of A at main")

    def test_it_may_be_empty(self) -> None:
        assert item("sku,name,itemId\nA,Tea,\n").registration.sku == "A"


class TestTotals:
    @pytest.mark.parametrize(
        "word", ["Total", "TOTALS", "Grand total", "Summe:", "Gesamt", "合計", "Итого", "yhteensä"]
    )
    def test_row_with_a_sum_is_no_item(self, word: str) -> None:
        assert_refused(f"sku,name,stock\nA,Tea,12\n{word},,12\n", "sku", f'="{word}"')

    @pytest.mark.parametrize("row", ['="Total",,,1', "Total,Tea,,1", "Total,,X,1"])
    def test_item_with_such_a_sku(self, row: str) -> None:
        assert item(f"sku,name,code,stock\n{row}\n").registration.sku == "Total"


class TestLocation:
    def test_merged_cells(self) -> None:
        content = "location,sku,name\n,A,x\nshop,B,x\n,C,x\nannex,D,x\n,E,x\n"
        found = problems(content)
        assert list(found) == [4, 6]
        assert found[4][0] == "location"
        assert "fill the cell" in found[4][1]

    @pytest.mark.parametrize("content", ["sku\nA\nB\n", "location,sku\n,A\n,B\n"])
    def test_default(self, content: str) -> None:
        assert problems(content) == {}
        assert {field for field, _ in problems(content, None).values()} == {"location"}

    def test_reading_again_starts_anew(self) -> None:
        reader = RowReader(CsvFile(BytesIO(b"location,sku\n,A\nx,B\n"), COLUMNS), "main")
        assert list(reader) == list(reader)


class TestHeaders:
    @pytest.mark.parametrize(
        ("header", "names"),
        [
            ("Internal Reference,Product,Barcode,Quantity On Hand", "sku name code onHand"),
            ("Title,Variant SKU,Variant Inventory Qty,Variant Barcode", "name sku onHand code"),
            (
                "Token,Item Name,Description,SKU,GTIN,Current Quantity Main St",
                "- name - sku code onHand",
            ),
            (
                'SKU,Name,Description,"GTIN, UPC, EAN, or ISBN",In stock?,Stock,Low stock amount',
                "sku name - code - onHand safetyStock",
            ),
            (
                "Artikelnummer,Bezeichnung,Einheit,Bestand,Lagerort,Mindestbestand",
                "sku name unit onHand location safetyStock",
            ),
            ("Art.-Nr.,Lager,EAN", "sku - code"),
            ("Référence,Désignation,Unité,Quantité,Code-barres", "sku name unit onHand code"),
            ("Código,Descripción,Unidad,Existencias", "sku name unit onHand"),
            ("codigo,descricao,unidade,estoque", "sku name unit onHand"),
            ("Codice,Descrizione,Unità,Giacenza", "sku name unit onHand"),
            ("Artikelcode,Omschrijving,Eenheid,Voorraad", "sku name unit onHand"),
        ],
    )
    def test_of_other_programs_are_known(self, header: str, names: str) -> None:
        file = CsvFile(BytesIO(f"{header}\n".encode()), COLUMNS)
        found = {name: None for name in names.split() if name != "-"}
        assert list(file.found) == list(found)
        assert all(one.meant is None for one in file.ignored)

    def test_name_one_column_each(self) -> None:
        names = HeaderNames(COLUMNS, {})
        for name, spellings in COLUMNS.known.items():
            for spelling in spellings:
                assert names.name_of(spelling) == name
