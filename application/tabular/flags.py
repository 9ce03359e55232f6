"""True and false, in the words of spreadsheets and people of the usual languages."""

from typing import Final

from application.tabular.cells import text_of
from domain.labels import folded

_YES_WORDS: Final = (
    "true yes y 1 wahr ja vrai oui verdadero sí vero sì verdadeiro sim waar prawda tak sant "
    "sand sann tosi kyllä pravda ano igaz igen doğru evet истина да 真 是 はい 예"
)
_NO_WORDS: Final = (
    "false no n 0 falsch nein faux non falso não onwaar nee fałsz nie falskt nej falsk usann nei "
    "epätosi ei nepravda ne hamis nem yanlış hayır yanliş hayir ложь нет 假 否 いいえ 아니요"  # noqa: RUF001 -- Turkish
)

_YES: Final = frozenset(map(folded, _YES_WORDS.split()))
_NO: Final = frozenset(map(folded, _NO_WORDS.split()))


def flag_of(cell: str) -> bool:
    """Returns whether a cell says yes. Raises ValueError: it says neither yes nor no."""
    text = folded(text_of(cell))
    if text not in _YES | _NO:
        raise ValueError("must be true or false")
    return text in _YES
