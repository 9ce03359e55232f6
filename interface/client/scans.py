"""Scans: what a barcode scanner reads, as codes to look up and the facts that GS1 barcodes carry.

    scan = parse_scan("]C1019061414100001531030012501099A")
    scan.codes        # ("90614141000015", "019061414100001531030012501099A"), best first
    scan.quantity     # Decimal("1.250"), in scan.unit: "kg"
    scan.lot          # "99A"

A text in no known format is a code too: shops print their own.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final
from urllib.parse import unquote

from biip import ParseConfig, ParseError
from biip.gs1_element_strings import GS1ElementString
from biip.upc import Upc

from interface.client.labels import GTIN_LENGTH, code_key, is_gtin

MAX_SYMBOL_LENGTH: Final = 7_089
"""Characters of the largest QR code (ISO/IEC 18004). A longer text is no GS1 barcode."""

FNC1: Final = "\x1d"
"""What scanners send for the separator of GS1 element strings."""

GS1_SYMBOLOGIES: Final = frozenset({"]C1", "]J1", "]Q3", "]d2", "]e0", "]e1", "]e2"})
"""AIM symbology identifiers of barcodes that contain GS1 element strings."""

EAN_SYMBOLOGIES: Final = frozenset({"]E0", "]E3"})
"""AIM symbology identifiers of EAN-13, UPC-A and UPC-E, without and with an add-on."""

EAN_13_LENGTH: Final = 13
ADD_ON_LENGTHS: Final = (2, 5)
"""Digits beside the EAN-13 of a magazine or a book: an issue, or a price."""

UNITS: Final = {
    "310": "kg",
    "315": "l",
    "316": "m3",
    "311": "m",
    "314": "m2",
    "320": "lb",
    "357": "oz",
    "356": "ozt",
    "360": "qt",
    "361": "gal",
    "364": "in3",
    "365": "ft3",
    "366": "yd3",
    "321": "in",
    "322": "ft",
    "323": "yd",
    "350": "in2",
    "351": "ft2",
    "352": "yd2",
}
"""Units of net measures by the first three digits of their application identifier. If a barcode has
many measures, the first one of this list counts."""

Elements = dict[str, GS1ElementString]
"""GS1 elements by application identifier. Of a repeated one, the first."""

_SYMBOLOGY: Final = re.compile(r"\][A-Za-z][0-9A-F](?=.)", re.DOTALL)
_BRACKETED: Final = re.compile(r"\((\d{2,4})\)", re.ASCII)
_LINK: Final = re.compile(
    r"https?://[^?#]+?/(?P<ai>0[01])/(?P<number>\d{8,18})"
    r"(?P<path>/[^?#]*)?(\?(?P<query>[^#]*))?(#.*)?",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)

# A wrong date must not hide the GTIN beside it.
_LENIENT: Final = ParseConfig(gs1_element_strings_verify_date=False)


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What a scanner read."""

    raw: str
    """As it was read."""
    codes: tuple[str, ...]
    """Codes to look up, in the form of `code_key`, best first. Empty if the scan is blank.

    The last one is the text of the scan. The ledger has no code with control characters, or with
    over 200 characters.
    """
    quantity: Decimal | None = None
    """Net measure of the goods, in `unit`."""
    unit: str | None = None
    """Unit of `quantity`: kg, l, m, m2, m3, lb, oz, …"""
    count: int | None = None
    """Number of pieces in an item of varying size, or of items in a carton or on a pallet."""
    lot: str | None = None
    """Batch or lot number."""
    expires: date | None = None
    """Expiration date, or else the best-before date. A date without a day is the month's last."""
    serial: str | None = None
    """Serial number."""


def parse_scan(raw: str) -> Scan:
    """Parses what a scanner read: a GTIN, GS1 element strings (with FNC1 as U+001D, or with
    parentheses), a GS1 Digital Link URI, or any other text. Never raises for a text.

    An AIM symbology identifier in front, as `]C1`, is understood and left out. An in-store number
    with a price or a weight (02, 20 to 29) is a GTIN like any other: each shop has its own layout.
    """
    symbology, text = _without_symbology(raw.strip())
    elements = _elements(text, symbology)
    gtin = _gtin_of(elements) or _retail_gtin(text, symbology)
    quantity, unit = _measure(elements)
    return Scan(
        raw=raw,
        codes=tuple(dict.fromkeys(code_key(code) for code in (gtin, text) if code)),
        quantity=quantity,
        unit=unit,
        count=_count(elements),
        lot=_value(elements, "10"),
        expires=_expires(elements),
        serial=_value(elements, "21"),
    )


def _without_symbology(text: str) -> tuple[str | None, str]:
    """Returns the AIM symbology identifier (ISO/IEC 15424), and the text after it."""
    found = _SYMBOLOGY.match(text)
    return (found[0], text[found.end() :].lstrip()) if found else (None, text)


def _elements(text: str, symbology: str | None) -> Elements:
    """Returns the GS1 elements of the text. None of them, if it is no GS1 barcode.

    Many texts look like element strings: "21-4567" is a serial number, or a code of the shop. So
    without a sign of GS1, they are element strings only with a GTIN among them.
    """
    if len(text) > MAX_SYMBOL_LENGTH or not text.isascii():
        return {}
    if link := _LINK.fullmatch(text):
        return _by_identifier(_of_link(link))
    if text.startswith("("):
        return _by_identifier(_of_brackets(text))
    if symbology not in GS1_SYMBOLOGIES and is_gtin(text):
        return {}
    elements = _by_identifier(_of_message(text))
    return elements if symbology in GS1_SYMBOLOGIES or _gtin_of(elements) else {}


def _by_identifier(elements: Iterable[GS1ElementString]) -> Elements:
    first: Elements = {}
    for element in elements:
        first.setdefault(element.ai.ai, element)
    return first


def _of_link(link: re.Match[str]) -> Iterable[GS1ElementString]:
    """Reads a GS1 Digital Link URI. Its path is the key and its qualifiers; a GTIN may be short."""
    number = link["number"].zfill(GTIN_LENGTH) if link["ai"] == "01" else link["number"]
    segments = (link["path"] or "").split("/")[1:]
    # No parse_qsl: it makes a space of "+", which a lot may contain.
    query = [part.partition("=") for part in re.split("[&;]", link["query"] or "")]
    pairs = [
        (link["ai"], number),
        *zip(segments[::2], segments[1::2], strict=False),
        *((ai, value) for ai, _, value in query),
    ]
    return _of_pairs((ai, unquote(value)) for ai, value in pairs)


def _of_brackets(text: str) -> Iterable[GS1ElementString]:
    """Reads element strings as people read them: `(01)04006381333931(10)ABC`."""
    before, *parts = _BRACKETED.split(text)
    values = (value.strip() for value in parts[1::2])
    return _of_pairs(zip(parts[::2], values, strict=True)) if not before else ()


def _of_pairs(pairs: Iterable[tuple[str, str]]) -> Iterable[GS1ElementString]:
    for ai, value in pairs:
        element = _extract(f"{ai}{value}")
        if element and (element.ai.ai, element.value) == (ai, value):
            yield element


def _of_message(text: str) -> Iterable[GS1ElementString]:
    """Reads element strings. What follows one that it can't read is lost up to the next FNC1."""
    for part in text.split(FNC1):
        rest = part
        while rest and (element := _extract(rest)):
            yield element
            rest = rest[len(element) :]


def _extract(text: str) -> GS1ElementString | None:
    """Returns the element string at the start of the text; None if it can't be read."""
    try:
        element = GS1ElementString.extract(text, config=_LENIENT)
    except Exception:  # noqa: BLE001 -- py-moneyed, where it is installed, raises errors of its own
        return None
    # biip cuts a lot at the first wrong letter. No lot is better than half of it.
    is_cut = element.ai.separator_required and len(element) < len(text)
    return None if is_cut else element


def _gtin_of(elements: Elements) -> str | None:
    """Returns the GTIN of the goods, or else of what is inside the carton or pallet."""
    gtins = (_value(elements, "01"), _value(elements, "02"))
    return next((gtin for gtin in gtins if gtin and is_gtin(gtin)), None)


def _retail_gtin(text: str, symbology: str | None) -> str | None:
    """Returns the GTIN of an EAN-13 with an add-on, or of a UPC-E, which leaves out zeros.

    Only the symbology tells a UPC-E from a GTIN-8.
    """
    if symbology not in EAN_SYMBOLOGIES or not text.isascii():
        return None
    if len(text) - EAN_13_LENGTH in ADD_ON_LENGTHS and is_gtin(text[:EAN_13_LENGTH]):
        return text[:EAN_13_LENGTH]
    try:
        return Upc.parse(text).as_upc_a()
    except ParseError:
        return None


def _measure(elements: Elements) -> tuple[Decimal | None, str | None]:
    for start, unit in UNITS.items():
        for ai, element in elements.items():
            if ai.startswith(start) and element.decimal:  # A measure of 0 is not filled in.
                return element.decimal, unit
    return None, None


def _count(elements: Elements) -> int | None:
    count = _value(elements, "30") or _value(elements, "37")
    return int(count) or None if count else None


def _expires(elements: Elements) -> date | None:
    dates = (elements[ai].date for ai in ("17", "15") if ai in elements)
    return next((one for one in dates if one), None)


def _value(elements: Elements, ai: str) -> str | None:
    return elements[ai].value if ai in elements else None
