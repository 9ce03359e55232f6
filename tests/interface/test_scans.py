"""Scans: the codes and facts in what a barcode scanner reads."""

# ruff: noqa: RUF001 -- tests digits of many scripts

from datetime import date
from decimal import Decimal
from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.barcode import compared_form
from interface.client.labels import code_key
from interface.client.scans import MAX_SYMBOL_LENGTH, Scan, parse_scan

pytestmark = pytest.mark.pure

PENS = "04006381333931"
DEMO = "09520123456788"

PARTS = [
    *("01", "02", "00", "10", "15", "17", "21", "30", "37", "3103", "3912", "7003", "8008"),
    *("04006381333931", "106141412345678908", "001250", "261231", "261399", "260230", "0", "ABC"),
    *("(", ")", "\x1d", "]", "]C1", "]E0", "]E3", "]Y", "/", "?", "&", "=", "%", "%FF", "#", "["),
    *("https://", "HTTP://", "id.gs1.org", " ", "\r\n", "\0", "٤", "²", "é", "\ud800", "\u2100"),
]
"""What scans are made of, and what breaks them."""

scans = st.one_of(
    st.text(st.characters()),
    st.lists(st.one_of(st.sampled_from(PARTS), st.text("0123456789", max_size=14))).map("".join),
)


@pytest.mark.parametrize(
    ("code", "key"),
    [
        ("4006381333931", "04006381333931"),
        ("012345678905", "00012345678905"),
        ("96385074", "00000096385074"),
        ("00000096385074", "00000096385074"),
        ("90614141000015", "90614141000015"),
        ("4006381333932", "4006381333932"),  # a bad check digit
        ("400638133393", "400638133393"),
        ("0042", "0042"),
        ("abc", "abc"),
        ("ABC", "ABC"),
        ("e\u0301", "\u00e9"),
        ("\u00e9", "\u00e9"),
        ("tea\u00a0250\u3000g", "tea 250 g"),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", "٤٠٠٦٣٨١٣٣٣٩٣١"),
        (" 4006381333931", " 4006381333931"),
        ("4006381333931\n", "4006381333931\n"),
    ],
)
def test_codes_are_compared_in_one_form(code: str, key: str) -> None:
    assert code_key(code) == key


@given(scans)
@example("96385074")
@example("e\u0301\u00a0")
def test_the_form_is_the_ledgers(code: str) -> None:
    assert code_key(code) == compared_form(code)
    assert code_key(normalize("NFD", code)) == code_key(code_key(code)) == code_key(code)


@given(scans)
@example("]")
@example("]C1")
@example("]Y")
@example("http://[")
@example("https://id.gs1.org/01/04006381333931/10/%ED%A0%80?=&;&17=")
@example("]C1010400638133393130\x1d37")
@example("]C13912999100")
@example("]E0²²²²²²")
@example("7007260101261231")
@example("\x1d" * 500)
def test_no_text_raises_and_its_last_code_is_the_text(raw: str) -> None:
    scan = parse_scan(raw)
    assert scan.raw == raw
    assert bool(scan.codes) is bool(raw.strip())
    for code in scan.codes[-1:]:
        assert code in {code_key(raw.strip()), code_key(raw.strip()[3:].lstrip())}
    assert len(set(scan.codes)) == len(scan.codes)
    assert all(code_key(code) == code for code in scan.codes)
    assert scan.quantity is None or scan.quantity >= 0
    assert (scan.quantity is None) is (scan.unit is None)


@given(st.sampled_from([*PARTS, "(10)A", "/01/12345678", "0104006381333931"]))
def test_long_texts_are_codes(part: str) -> None:
    raw = "x" + (part * MAX_SYMBOL_LENGTH)[:MAX_SYMBOL_LENGTH] + "x"
    assert parse_scan(raw).codes == (code_key(raw),)


@pytest.mark.parametrize("blank", ["", " ", "\r\n", "\x1d", "\u00a0"])
def test_a_blank_scan_has_no_code(blank: str) -> None:
    assert parse_scan(blank) == Scan(raw=blank, codes=())


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("4006381333931", PENS),
        ("4006381333931\r\n", PENS),
        ("]E04006381333931", PENS),
        ("]E496385074", "00000096385074"),
        ("]I195012345678903", "95012345678903"),
        ("]C04006381333931", PENS),
        ("614141000036", "00614141000036"),
        ("01234565", "00000001234565"),  # a GTIN-8: no symbology says UPC-E
        ("04252614", "04252614"),
        ("]E495012346", "00000095012346"),
        ("2302148210869", "02302148210869"),  # in-store, with a weight
        ("]A0TEA-250", "TEA-250"),
        ("TEA-250", "TEA-250"),
        ("]", "]"),
        ("]C1", "]C1"),
        ("]box", "]box"),
        ("106141412345678908", "106141412345678908"),  # SSCC
        ("٤٠٠٦٣٨١٣٣٣٩٣١", "٤٠٠٦٣٨١٣٣٣٩٣١"),
        ("01٠٤٠٠٦٣٨١٣٣٣٩٣١", "01٠٤٠٠٦٣٨١٣٣٣٩٣١"),
    ],
)
def test_a_code_alone(raw: str, key: str) -> None:
    assert parse_scan(raw) == Scan(raw=raw, codes=(key,))


@pytest.mark.parametrize(
    "text",
    [
        "21-4567",
        "10ABC",
        "3103001250",
        "300450549108",
        "0104006381333932",
        "https://shop.example/items?10=ABC&30=5",
        "https://shop.example/01/7/10/ABC",
        "(see manual)",
        "(10 pieces)",
        "box (10)ABC",
    ],
)
def test_a_text_that_resembles_gs1_is_a_code_and_no_more(text: str) -> None:
    assert parse_scan(text) == Scan(raw=text, codes=(text,))


@pytest.mark.parametrize(
    ("raw", "upc"),
    [
        ("]E004252614", "042100005264"),
        ("]E001234565", "012345000065"),
        ("]E00123456", "012345000065"),
        ("]E0123456", "012345000065"),
        ("]E3978030640615751299", "9780306406157"),  # an ISBN, and a price beside it
        ("]E3977147396801205", "9771473968012"),  # an ISSN, and an issue
    ],
)
def test_the_symbology_tells_short_and_long_forms(raw: str, upc: str) -> None:
    assert parse_scan(raw) == Scan(raw=raw, codes=(code_key(upc), code_key(raw[3:])))


@pytest.mark.parametrize(
    "raw",
    [
        "010952012345678817261231" + "10ABC1\x1d2112345",
        "\x1d010952012345678817261231" + "10ABC1\x1d2112345\x1d\r\n",
        "]C1010952012345678817261231" + "10ABC1\x1d2112345",
        "]d2010952012345678817261231" + "10ABC1\x1d2112345",
        "]d2\x1d010952012345678817261231" + "10ABC1\x1d2112345",
        "]Q3010952012345678817261231" + "10ABC1\x1d2112345",
        "]J1010952012345678817261231" + "10ABC1\x1d2112345",
        "]e0010952012345678817261231" + "10ABC1\x1d2112345",
        "]C110ABC1\x1d2112345\x1d1726123101" + DEMO,
        "(01)09520123456788(17)261231(10)ABC1(21)12345",
        "(01) 09520123456788 (17) 261231 (10) ABC1 (21) 12345",
        "https://id.gs1.org/01/09520123456788/10/ABC1/21/12345?17=261231",
        "https://id.gs1.org/01/9520123456788/10/ABC1/21/12345/?17=261231#top",
        "http://www.example.com/a/00/01/09520123456788/10/ABC1/21/12345?utm=x&17=261231",
        "HTTPS://EXAMPLE.COM/01/09520123456788/10/ABC1/21/12345?17=261231;linkType=all",
        "]Q1https://example.com/01/09520123456788?17=261231&10=ABC1&21=12345",
    ],
)
def test_gs1_barcodes_carry_lot_date_and_serial(raw: str) -> None:
    scan = parse_scan(raw)
    assert scan.codes[0] == DEMO
    assert scan.codes[1:] == ((raw[3:] if raw.startswith("]") else raw).strip(),)
    assert (scan.lot, scan.expires, scan.serial) == ("ABC1", date(2026, 12, 31), "12345")
    assert (scan.quantity, scan.unit, scan.count) == (None, None, None)


@pytest.mark.parametrize(
    ("raw", "quantity", "unit"),
    [
        ("(01)90614141000015(3103)001250", "1.250", "kg"),
        ("]e00195012345678903" + "3103000123", "0.123", "kg"),
        ("0195012345678903" + "3100000012", "12", "kg"),
        ("0195012345678903" + "3105123456", "1.23456", "kg"),
        ("0195012345678903" + "3202000150", "1.50", "lb"),
        ("0195012345678903" + "3202000150" + "3103000680", "0.680", "kg"),
        ("0195012345678903" + "3152000750", "7.50", "l"),
        ("0195012345678903" + "3112000250", "2.50", "m"),
        ("0195012345678903" + "3142000250", "2.50", "m2"),
        ("https://id.gs1.org/01/95012345678903?3103=000195", "0.195", "kg"),
    ],
)
def test_variable_measure(raw: str, quantity: str, unit: str) -> None:
    scan = parse_scan(raw)
    assert scan.codes[0] in {"90614141000015", "95012345678903"}
    assert (str(scan.quantity), scan.unit, scan.count) == (quantity, unit, None)


def test_example_of_the_module() -> None:
    scan = parse_scan("]C1019061414100001531030012501099A")
    assert scan.codes == ("90614141000015", "019061414100001531030012501099A")
    assert (scan.quantity, scan.unit, scan.lot) == (Decimal("1.250"), "kg", "99A")


def test_measure_and_count_that_are_not_filled_in_say_nothing() -> None:
    scan = parse_scan("(01)90614141000015(3103)000000(37)00")
    assert (scan.quantity, scan.unit, scan.count) == (None, None, None)


def test_gross_weight_is_no_quantity() -> None:
    assert parse_scan("0195012345678903" + "3303001250").quantity is None


@pytest.mark.parametrize(
    "raw",
    [
        "(00)106141412345678908(02)00614141123452(37)25(10)ABC123",
        "]C100106141412345678908" + "0200614141123452" + "3725\x1d10ABC123",
        "https://id.gs1.org/00/106141412345678908?02=00614141123452&37=25&10=ABC123",
    ],
)
def test_a_pallet_is_its_content(raw: str) -> None:
    scan = parse_scan(raw)
    assert scan.codes == ("00614141123452", raw.removeprefix("]C1"))
    assert (scan.count, scan.lot) == (25, "ABC123")


def test_pieces_of_an_item_of_varying_size() -> None:
    assert parse_scan("]C10195012345678903" + "3007").count == 7


@pytest.mark.parametrize("raw", ["]C110ABC1\x1d17261231", "(10)ABC1(17)261231"])
def test_the_second_barcode_of_a_label_has_no_gtin(raw: str) -> None:
    scan = parse_scan(raw)
    assert scan.codes == (raw.removeprefix("]C1"),)
    assert (scan.lot, scan.expires) == ("ABC1", date(2026, 12, 31))


@pytest.mark.parametrize(
    ("elements", "expires"),
    [
        ("17261231", date(2026, 12, 31)),
        ("15261130", date(2026, 11, 30)),
        ("15261130" + "17261231", date(2026, 12, 31)),
        ("17260200", date(2026, 2, 28)),
        ("17260230", None),
        ("17261399", None),
        ("17260230" + "15260131", date(2026, 1, 31)),
        ("17٢٦١٢٣١", None),
    ],
)
def test_dates(elements: str, expires: date | None) -> None:
    assert parse_scan(f"]C101{PENS}{elements}").expires == expires


@pytest.mark.parametrize(
    "rest",
    [
        "17261399" + "10ABC1",
        "10LOT#5",
        "10" + "X" * 21,
        "10\x1d",
        "0000",
        "garbage",
        "3103ABC",
    ],
)
def test_what_cannot_be_read_does_not_hide_the_gtin(rest: str) -> None:
    for raw in (f"01{PENS}{rest}", f"]d201{PENS}{rest}"):
        scan = parse_scan(raw)
        assert scan.codes[0] == PENS
        assert (scan.lot, scan.quantity, scan.expires) == (None, None, None)


def test_reading_continues_after_the_separator() -> None:
    scan = parse_scan(f"]d201{PENS}10LOT#5\x1d21S1\x1d17261231")
    assert (scan.lot, scan.serial, scan.expires) == (None, "S1", date(2026, 12, 31))


@pytest.mark.parametrize(
    ("raw", "lot"),
    [
        (f"(01){PENS}(10)AB(X)7", "AB(X)7"),
        (f"(01){PENS}(10)A/B", "A/B"),
        (f"https://id.gs1.org/01/{PENS}/10/A%2FB", "A/B"),
        (f"https://id.gs1.org/01/{PENS}?10=A%26B%2BC+D", "A&B+C+D"),
        (f"https://id.gs1.org/01/{PENS}?1=0ABC", None),
        (f"https://id.gs1.org/01/{PENS}/10/%D9%A4", None),
        (f"(01){PENS}(10)A(10)B", "A"),
    ],
)
def test_lots_are_whole(raw: str, lot: str | None) -> None:
    scan = parse_scan(raw)
    assert scan.codes[0] == PENS
    assert scan.lot == lot
