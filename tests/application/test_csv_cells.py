"""Text cells: formulas are disarmed and come back as they were, and damaged codes are refused."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.tabular.cells import (
    code_of,
    guarded,
    guarded_for,
    is_literal,
    plain_text,
    sku_of,
    text_of,
    unguarded,
)
from application.tabular.dates import is_date
from application.tabular.flags import flag_of

pytestmark = pytest.mark.pure

FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
EAN, EAN_8, UPC = "4006381333931", "00123457", "012345678905"
OTHER_EAN = "4006381333948"

DATES = [
    *("1-Mar", "01-mars", "1. Mrz", "01. Mär", "2-févr", "3/mar", "1-Mar-26", "01.мар"),
    *("Mar-26", "mrt-26", "Mrz 26", "set/26", "Dez. 2026", "janv-26", "1-Mai-2026"),
    *("01.02.2026", "1/2/2026", "13/2/26", "2/13/26", "2026-02-01", "2026-02-01 00:00:00"),
    *("2026/2/1", "3月1日", "2026年3月1日", "3월 1일", "1-2-2026", "2026. 02. 01."),
]
ERRORS = [
    *("#N/A", "#n/a", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!"),
    *("#CALC!", "#WERT!", "#BEZUG!", "#NV", "#ÜBERLAUF!", "#¡REF!", "#¿NOMBRE?", "#N/D", "#ARG!"),
    *("#VALEUR!", "#NOM?", "#DEEL/0!", "#ЗНАЧ!", "#####", "Err:502", "Fehler: 502"),
]
LOST = "Caf\ufffd"
ROUNDED = "1234567890123450"
DAMAGED_CODES = [
    *(f"{EAN},{OTHER_EAN}", f"{EAN} {OTHER_EAN}", f"{EAN} / {OTHER_EAN}", f"{EAN_8}|{EAN}"),
    *(f"EAN: {EAN}", f"GTIN {EAN}", f"ean13 {EAN}", f"Barcode={EAN}", f"{EAN} (EAN)"),
    *("EAN: 40-06381-333931", f"{UPC};12345678905"),
]
SPECIAL = st.sampled_from([*DATES, *ERRORS, LOST, ROUNDED, *DAMAGED_CODES, "12345.0", "123456,00"])
TEXTS = (
    st.text()
    | st.text(st.sampled_from("'=+-@\t\r\uff1d\"012aE. ;|#"), max_size=8)
    | st.builds("".join, st.lists(st.sampled_from("';|\t\n\"=-a") | SPECIAL, max_size=6))
)


@given(TEXTS)
def test_guarded_text_is_no_formula_and_comes_back(text: str) -> None:
    cell = guarded(text)
    assert not cell.startswith(tuple(FORMULA_STARTS))
    assert unguarded(cell) == text


@given(TEXTS.map(str.strip))
def test_guarded_text_is_read_as_it_was(text: str) -> None:
    assert text_of(guarded(text)) == text


@given(TEXTS.map(str.strip), st.sampled_from([text_of, sku_of, code_of]))
def test_every_text_can_be_written_for_its_column(text: str, read: Callable[[str], str]) -> None:
    cell = guarded_for(text, read)
    assert read(cell) == text
    assert unguarded(cell) == text
    assert not cell.startswith(tuple(FORMULA_STARTS))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("x;=HYPERLINK(1+1);y", "x;'=HYPERLINK(1+1);y"),
        ("a\t-1|@x", "a\t'-1|'@x"),
        ('x;"=1+1;', "x;'\"=1+1;"),
        ("x;'=1", "x;''=1"),
        ("note\n=1+1", "note\n'=1+1"),
        ("=1;=2", "'=1;'=2"),
        *[(text, text) for text in ("a;b", "a; =b", "x=1;y=2", "a,=b", "50 | 60", "two\r\nlines")],
    ],
)
def test_text_that_another_separator_would_divide_is_no_formula(text: str, cell: str) -> None:
    assert guarded(text) == cell
    assert unguarded(cell) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("-5", "'-5"),
        ("\uff20SUM(A1)", "'\uff20SUM(A1)"),
        ("'s Gravenhage", "'s Gravenhage"),
        ("'90s", "''90s"),
        ("'=", "''="),
        ("''", "'''"),
        ("'", "'"),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_only_texts_that_need_it_are_guarded(text: str, cell: str) -> None:
    assert guarded(text) == cell


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="0012"', "0012"),
        ('="a""b"', 'a"b'),
        ("'0012", "0012"),
        ('\'="0012"', '="0012"'),
        (' ="0012" ', "0012"),
        ("  plain\u00a0", "plain"),
        ('="a"b"', '="a"b"'),
        ("=A1", "=A1"),
        ("'s", "'s"),
    ],
)
def test_text_of_a_cell(cell: str, text: str) -> None:
    assert text_of(cell) == text


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        *[(code, code) for code in (EAN, EAN_8, UPC, "ABC-1", "12345", "123456", "1E5", "1e+05")],
        *[(f"{EAN}.0", EAN), (f"{EAN},00", EAN), (f"{EAN_8}.0", EAN_8)],
        *[("4 006381 333931", EAN), ("4\u00a0006381\u00a0333931", EAN), (f" {EAN} ", EAN)],
        *[(f"4{one}006381{one}333931", EAN) for one in ".,-'\u2019\u202f"],
        *[("4.006.381.333.931", EAN), ("40-06381-333931", EAN), ("0012 3457", EAN_8)],
        *[("12 34 56", "12 34 56"), ("00-12-34-57", "00-12-34-57"), ("1.2.3", "1.2.3")],
        *[(f"https://id.gs1.org/01/0{EAN}", f"https://id.gs1.org/01/0{EAN}")],
        *[("Box 12", "Box 12"), ("ABC;DEF", "ABC;DEF"), ("LOT: 12345", "LOT: 12345")],
        *[("1234567890123456", "1234567890123456"), (f"00{'0' * 16}", f"00{'0' * 16}")],
        *[(f"'{text}", text) for text in (*DATES, *DAMAGED_CODES, ROUNDED, LOST, "#N/A")],
        *[(f'="{text}"', text) for text in (*DATES, *DAMAGED_CODES, ROUNDED, LOST, "#N/A")],
        *[("12345678904", "12345678904"), ("4006381333932", "4006381333932")],
        *[('="12345678905"', "12345678905"), ("'12345678905", "12345678905")],
        *[('="1E+05"', "1E+05"), ("'1E+05", "1E+05"), ("'12.0", "12.0")],
    ],
)
def test_code_is_kept(cell: str, code: str) -> None:
    assert code_of(cell) == code


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        *[(cell, "digits are lost") for cell in ("4.00638E+12", "4,00638133393E+12", "1E+05")],
        *[(cell, "turned into a number") for cell in ("12.0", f"{EAN[:-1]}2.0", "1234567890,00")],
        *[("4.00638e+12", "digits are lost")],
        *[(cell, "is a date, which a spreadsheet makes of a text such as 1-2") for cell in DATES],
        *[(cell, f'right, ="{cell}"') for cell in (*DATES, *ERRORS, *DAMAGED_CODES, LOST)],
        *[(cell, "is an error value") for cell in ERRORS],
        *[(cell, "has several codes: write each into") for cell in DAMAGED_CODES[:4]],
        *[(cell, f"must be the code alone, {EAN}") for cell in DAMAGED_CODES[4:-1]],
        *[(cell, "rounded by a spreadsheet") for cell in (ROUNDED, "123456789012345000")],
        *[("12345678905", '012345678905; or, if it is right, ="12345678905"')],
        *[("0123457", "00123457"), ("123456784", "000123456784")],
    ],
)
def test_damaged_code_is_refused(cell: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        code_of(cell)


@pytest.mark.parametrize("cell", [
    "0012", "'12.0", '="12.0"', "12345678905", "'1E+05", '="1E+05"', "1E5", "SET-10", "DEC-12",
    "1-2", "12-34-56", "MAR1", "1.2.3", "#1", "#A-1", "4006381333931 EAN", "99-Mar", "Mar-1",
])  # fmt: skip
def test_sku_may_be_any_text(cell: str) -> None:
    assert sku_of(cell) == text_of(cell)


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("1.2E+11", "digits are lost"),
        ("12345.0", "turned into a number"),
        ("123456,00", "turned into a number"),
        (ROUNDED, "rounded"),
        *[(cell, "is a date") for cell in DATES],
        *[(cell, "is an error value") for cell in ERRORS],
        (LOST, "U+FFFD"),
    ],
)
def test_damaged_sku_is_refused(cell: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        sku_of(cell)
    assert sku_of(f"'{cell}") == sku_of(f'="{cell}"') == cell


@pytest.mark.parametrize("cell", [*ERRORS, LOST])
def test_damaged_text_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="right, ="):
        text_of(cell)
    assert text_of(guarded(cell)) == plain_text(cell) == cell


@pytest.mark.parametrize(
    "text", ["#1 Tea", "#BestTea!", "N/A", "Tea #", "Mar-26", "1.0", "Errol: 1"]
)
def test_name_may_be_any_other_text(text: str) -> None:
    assert text_of(text) == guarded(text) == text


@pytest.mark.parametrize(
    ("cell", "expected"), [('="Total"', True), ("'1", True), ("'s", False), ("'Mar-26", True)]
)
def test_text_that_is_marked_is_literal(cell: str, expected: bool) -> None:
    assert is_literal(cell) is expected


@pytest.mark.parametrize(
    "text", ["SET-10", "31.13.2026", "2026-13-01", "1-2", "20260301", "mars", "1.2.3", "40-Mar"]
)
def test_other_text_is_no_date(text: str) -> None:
    assert not is_date(text)


@pytest.mark.parametrize("cell", ["TRUE", "WAHR", "vrai", "Verdadero", "Sí", "ja", "1", '="true"'])
def test_flag_says_yes(cell: str) -> None:
    assert flag_of(cell)


@pytest.mark.parametrize("cell", ["FALSE", "FALSCH", "faux", "NO", "Não", "YANLIŞ", "ЛОЖЬ", "0"])
def test_flag_says_no(cell: str) -> None:
    assert not flag_of(cell)


def test_other_word_is_no_flag() -> None:
    with pytest.raises(ValueError, match="true or false"):
        flag_of("perhaps")


@given(st.from_regex(r"[0-9]{8}|[0-9]{12,14}", fullmatch=True))
def test_full_code_is_never_changed(code: str) -> None:
    assert code_of(code) == code
    assert code_of(f'="{code}"') == code
