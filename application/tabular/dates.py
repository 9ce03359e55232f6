"""Dates that a spreadsheet makes of other texts: 1-2 becomes 02. Jan, and MAR1 becomes 1-Mar."""

import re
from typing import Final

_MONTHS: Final = (
    # As spreadsheets write them. A text in capital letters, such as SET-10, is nobody's date.
    "Jan Feb Mar Apr May Jun Jul Aug Sep Sept Oct Nov Dec January February March April June July "
    "August September October November December Mrz Mär März Mai Juni Juli Okt Dez Januar Februar "
    "Oktober Dezember Oca Şub Nis Haz Tem Ağu Eyl Eki Kas Ara jan janv feb febr fev fév févr mar "
    "mars mrt apr avr abr mai maj mei mag jun juin giu jul juil lug aug août ago ag sep sept set "
    "oct okt ott out nov dec déc dic dez des ene gen sty lut kwi cze lip sie wrz paź lis gru "
    "янв фев мар апр май мая июн июл авг сен сент окт ноя нояб дек"
)

_DAY: Final = r"(?:0?[1-9]|[12][0-9]|3[01])"
_MONTH: Final = r"(?:0?[1-9]|1[0-2])"
_YEAR: Final = r"[12][0-9]{3}"
_NAME: Final = f"(?:{'|'.join(sorted(_MONTHS.split(), key=len, reverse=True))})"
_CLOCK: Final = r"(?:[ T][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?)?"

_FORMS: Final = (
    rf"{_DAY}([./-]) ?{_MONTH}\1 ?{_YEAR}{_CLOCK}",
    rf"{_MONTH}([./-]){_DAY}\1{_YEAR}{_CLOCK}",
    rf"{_YEAR}([./-]) ?{_MONTH}\1 ?{_DAY}\.?{_CLOCK}",
    rf"(?:{_DAY}/{_MONTH}|{_MONTH}/{_DAY})/[0-9]{{2}}",
    rf"{_DAY}(?:[-/.]|\. ){_NAME}\.?(?:[-/. ]{{1,2}}(?:{_YEAR}|[0-9]{{2}}))?",
    rf"{_NAME}\.?[-/ ](?:{_YEAR}|[0-9]{{2}})",
    rf"(?:{_YEAR}年)?{_MONTH}月(?:{_DAY}日)?|{_YEAR}年",
    rf"(?:{_YEAR}년 ?)?{_MONTH}월(?: ?{_DAY}일)?",
)
_DATES: Final = [re.compile(form) for form in _FORMS]
_START: Final = re.compile(rf"[0-9]|{_NAME}")
"""Most texts are no dates, and end here: this makes an import faster."""


def is_date(text: str) -> bool:
    """Whether a spreadsheet of any usual language writes a date in this way."""
    return _START.match(text) is not None and any(form.fullmatch(text) for form in _DATES)
