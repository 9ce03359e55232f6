"""Text cells: formulas are disarmed and come back as they were, and damaged codes are refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.tabular.cells import code_of, guarded, sku_of, text_of, unguarded

pytestmark = pytest.mark.pure

FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
TEXTS = st.text() | st.text(st.sampled_from("'=+-@\t\r\uff1d\"012aE. "), max_size=8)

EAN, EAN_8, UPC = "4006381333931", "00123457", "012345678905"


@given(TEXTS)
def test_guarded_text_is_no_formula_and_comes_back(text: str) -> None:
    cell = guarded(text)
    assert not cell.startswith(tuple(FORMULA_STARTS))
    assert unguarded(cell) == text


@given(TEXTS.map(str.strip))
def test_guarded_text_is_read_as_it_was(text: str) -> None:
    assert text_of(guarded(text)) == text


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
        *[("12 34 56", "12 34 56"), ("4.006.381.333.931", "4.006.381.333.931")],
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
        *[("12345678905", '012345678905; or, if it is right, ="12345678905"')],
        *[("0123457", "00123457"), ("123456784", "000123456784")],
    ],
)
def test_damaged_code_is_refused(cell: str, told: str) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        code_of(cell)


@pytest.mark.parametrize("cell", ["0012", "12.0", "12345678905", "'1E+05", '="1E+05"', "1E5"])
def test_sku_may_be_any_text(cell: str) -> None:
    assert sku_of(cell) == text_of(cell)


def test_sku_that_lost_digits_is_refused() -> None:
    with pytest.raises(ValueError, match="digits are lost"):
        sku_of("1.2E+11")


@given(st.from_regex(r"[0-9]{8}|[0-9]{12,14}", fullmatch=True))
def test_full_code_is_never_changed(code: str) -> None:
    assert code_of(code) == code
    assert code_of(f'="{code}"') == code
