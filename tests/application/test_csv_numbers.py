"""Numbers of spreadsheets: each is read as its country means it, or refused."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.tabular.numbers import DecimalSign, decimal_signs, read_number
from domain.quantities import Quantity

pytestmark = pytest.mark.pure

SIGNS: list[DecimalSign] = [".", ","]
SPACES = [" ", "\u00a0", "\u202f", "\u2009", "'", "\u2019"]
ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def in_groups(digits: str, separator: str, *, indian: bool = False) -> str:
    """Groups the digits from the right, without help of the module that is tested."""
    size = 2 if indian else 3
    head, last = digits[:-3], digits[-3:]
    groups = [head[max(end - size, 0) : end] for end in range(len(head), 0, -size)][::-1]
    return separator.join([*groups, last])


def number_or_none(text: str, sign: DecimalSign) -> Quantity | None:
    try:
        return read_number(text, sign)
    except ValueError:
        return None


@given(
    number=st.decimals(-(10**9), 10**9, places=4),
    places=st.integers(0, 4),
    sign=st.sampled_from(SIGNS),
    separator=st.sampled_from(["", "other", *SPACES]),
    minus=st.sampled_from(["-", "\u2212"]),
    indian=st.booleans(),
    arabic=st.booleans(),
)
def test_number_of_every_country_is_read(
    number: Decimal,
    places: int,
    sign: DecimalSign,
    separator: str,
    minus: str,
    *,
    indian: bool,
    arabic: bool,
) -> None:
    number = round(number, places)
    whole, _, fraction = f"{abs(number):f}".partition(".")
    if separator == "other":
        separator = SIGNS[1 - SIGNS.index(sign)]
    text = in_groups(whole, separator, indian=indian and separator == ",")
    text = (minus if number < 0 else "") + text + (sign + fraction if fraction else "")
    text = text.translate(ARABIC) if arabic else text
    assert read_number(text, sign) == number
    assert not decimal_signs(text) or sign in decimal_signs(text)


@pytest.mark.parametrize(
    ("text", "sign", "number"),
    [
        ("1,250", ".", 1250),
        ("1,250", ",", Decimal("1.25")),
        ("1.250.000,5", ",", Decimal("1250000.5")),
        ("12,34,567.5", ".", Decimal("1234567.5")),
        ("1'250.50", ".", Decimal("1250.5")),
        ("+5", ".", 5),
        (" 007 ", ".", 7),
        (",5", ",", Decimal("0.5")),
        ("-.5", ".", Decimal("-0.5")),
        ("5.", ".", 5),
        ('="5"', ".", 5),
        ('="1,5"', ",", Decimal("1.5")),
        ("'-5", ".", -5),
        ("2.500", ".", Decimal("2.5")),
        ("-0", ".", 0),
    ],
)
def test_spelling_is_read(text: str, sign: DecimalSign, number: object) -> None:
    read = read_number(text, sign)
    assert (read, str(read)) == (number, str(number))


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "-",
            ".",
            ",",
            "+-5",
            "5-",
            "- 5",
            "(5)",
            "5 kg",
            "5 €",
            "$5",
            "5%",
            "NaN",
            "inf",
            "1_000",
        ),
        *("#N/A", "#BEZUG!", "#####", "Err:502", "TRUE", "0x10", "²", "1E5", "1E+1000", "1E+99"),
        *("1.2.3", "1,2,3", "12.34.5", "1,2345,678", "1 2", "1  250", "1 250'000", "0,123,456"),
        *("1.234,567.8", "1,234.567,8", "1,234E+05.", "1\n250", "9" * 17, "9" * 500, "1.250;5"),
    ],
)
def test_anything_else_is_no_number(text: str, sign: DecimalSign) -> None:
    with pytest.raises(ValueError, match=r"must|is an error value"):
        read_number(text, sign)


@pytest.mark.parametrize("text", ["4.00638E+12", "4,00638E+12", "1.5E+03", "1E5", "1e-05"])
@pytest.mark.parametrize("sign", SIGNS)
def test_number_with_an_exponent_may_have_lost_digits(text: str, sign: DecimalSign) -> None:
    with pytest.raises(ValueError, match="must be written with all its digits"):
        read_number(text, sign)


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        *[
            (text, ".")
            for text in ("1.5", "0.250", ".250", "1,234.5", "1,234,567", "5.", "1234.567")
        ],
        *[(text, ",") for text in ("1,5", "0,250", "-,250", "1.234,5", "1.234.567", '="1,5"')],
        *[(text, ".") for text in ("1 250.500", "1'250.500", "12,34,567", "'1.5")],
        *[(text, ".,") for text in ("1.250", "1,250", "-999,000", "12.345", "١٢.٣٤٥")],
        *[
            (text, "")
            for text in (
                "",
                "1250",
                "1 250",
                "1E+05",
                "1,25E+03",
                "1.250E+03",
                "1,5 kg",
                "1.2,3.4",
                "1.2.2026",
            )
        ],
    ],
)
def test_signs_that_a_number_can_have(text: str, signs: str) -> None:
    assert decimal_signs(text) == signs


@given(
    st.text("0123456789.,-+ '\u00a0", max_size=12)
    | st.from_regex(r"[1-9]{1,4}([.,][0-9]{3}){1,2}", fullmatch=True)
)
def test_sign_is_proved_if_the_other_one_cannot_be_meant(text: str) -> None:
    numbers = {sign: number_or_none(text, sign) for sign in SIGNS}
    readable = "".join(sign for sign, number in numbers.items() if number is not None)
    if numbers["."] == numbers[","]:
        assert decimal_signs(text) == ""
    else:
        assert decimal_signs(text) == readable
