"""Labels: one Unicode form, in which they are compared, hashed and stored."""

# ruff: noqa: RUF001 -- tests letters of many scripts

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid
from domain.labels import folded, kept_form, label
from domain.stock_item import item_id

VECTORS = [
    ("Zu\u0308rich", "Z\u00fcrich"),
    ("\u1112\u1161\u11ab", "\ud55c"),
    ("A\u030a", "\u00c5"),
    ("\u212b", "\u00c5"),
    ("main\u00a0shop", "main shop"),
    ("\u5009\u5eab\u30001", "\u5009\u5eab 1"),
    ("10\u202fkg", "10 kg"),
    ("\u0958", "\u0915\u093c"),
    ("TEA-250", "TEA-250"),
    ("007", "007"),
]
"""The test vectors of docs/sync.md."""


@pytest.mark.parametrize(("typed", "kept"), VECTORS)
def test_vectors(typed: str, kept: str) -> None:
    assert label("sku", typed) == kept
    assert item_id("main", typed) == item_id("main", kept)


def test_case_and_zeros_are_significant() -> None:
    assert label("sku", "tea") != label("sku", "TEA")
    assert label("sku", "7") != label("sku", "007")


@pytest.mark.parametrize(
    "good",
    [
        "می\u200cخواهم",  # a zero-width non-joiner inside a word
        "👩\u200d🍳 kitchen",
        "\U0001fae8",
        "\U0001faef",  # newer than this Python's Unicode
        "שלום",
        "\u2067שלום\u2069 tea",
        "\u202bשלום\u202c",
        "क्षेत्र",
        "Чай",
        "a" * 200,
    ],
)
def test_labels_of_every_script_are_taken(good: str) -> None:
    assert label("name", good) == kept_form(good)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        " ",
        "\u3000",
        "\u200d",
        " tea",
        "tea\u00a0",
        "a\tb",
        "a\nb",
        "a\x7fb",
        "a\x85b",
        "a\0b",
        "a\u2028b",
        "a\u2029b",
        "\u202eevil",
        "a\u2069b",
        "\u2067a\u202c",
        "\ud800",
        "a" * 201,
    ],
)
def test_what_is_no_label_is_refused(bad: str) -> None:
    with pytest.raises(Invalid, match=r"^sku: "):
        label("sku", bad)


@given(st.text())
def test_form_is_normal_and_final(text: str) -> None:
    kept = kept_form(text)
    assert kept == kept_form(kept)
    assert unicodedata.is_normalized("NFC", kept)
    assert kept_form(unicodedata.normalize("NFD", text)) == kept
    assert not [one for one in kept if unicodedata.category(one) == "Zs" and one != " "]


@given(st.text())
def test_search_knows_no_case(text: str) -> None:
    assert folded(text) == folded(folded(text))
    assert folded(text.casefold()) == folded(text)


def test_search_finds_what_people_type() -> None:
    assert folded("чай") in folded("Зелёный ЧАЙ")
    assert folded("STRASSE") == folded("Straße")
    assert folded("zu\u0308rich") in folded("ZÜRICH")
