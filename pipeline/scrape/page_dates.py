"""Dates as pages write them for readers, as ISO 8601 and no more precise than they are."""

import difflib
import re
from datetime import date

_MONTHS = tuple("january february march april may june july august september october november december".split())
_MONTH = r"(?P<month>[a-z]{3,10})\.?"
_DAY = r"(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>(?:19|20)\d{2})"
_LEAD = re.compile(
    r"^(?:(?:last\s+)?(?:published|posted|updated|released|date|on)\b\s*(?:on\s+|at\s+)?:?\s*|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?"
    r"|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)+",
    re.I,
)
_FORMS = tuple(
    re.compile(form, re.I)
    for form in (
        rf"{_YEAR}\s*[-/.]\s*(?P<number>0?[1-9]|1[0-2])\s*[-/.]\s*{_DAY}(?!\d)",
        rf"{_YEAR}\s*[-/.]\s*(?P<number>0?[1-9]|1[0-2])(?!\d)",
        rf"{_YEAR}\u5e74\s*(?P<number>1[0-2]|0?[1-9])\u6708(?:\s*(?P<day>[12]\d|3[01]|0?[1-9])\u65e5)?",
        rf"(?P<number>1[0-2]|0[1-9])(?P<slash>/)(?P<day>1[3-9]|2\d|3[01])/{_YEAR}",  # the day cannot be a month
        rf"(?P<day>1[3-9]|2\d|3[01])(?P<slash>/)(?P<number>1[0-2]|0?[1-9])/{_YEAR}",
        rf"{_DAY}\.\s?(?P<number>1[0-2]|0?[1-9])\.\s?{_YEAR}",  # with points the day comes first
        r"(?P<year>(?:19|20)\d{2})(?P<number>1[0-2]|0[1-9])(?P<day>0[1-9]|[12]\d|3[01])(?!\d)",
        rf"{_MONTH}\s+{_DAY}(?:\s*[-\u2013]\s*\d{{1,2}}(?:st|nd|rd|th)?)?,?\s+{_YEAR}",
        rf"{_DAY}(?:\s+of\s+|\s*[-.,\s]\s*){_MONTH},?\s*[-.\s]?\s*{_YEAR}",
        rf"{_MONTH},?\s+{_YEAR}",
        rf"{_YEAR},?\s+{_MONTH}\s+{_DAY}(?!\d)",
        rf"{_YEAR},?\s+{_MONTH}(?!\w)",
        rf"{_YEAR}$",
    )
)


def page_date(text: str) -> str:
    """Returns a date written for readers as ISO 8601, as precise as it is; nothing if it is none.

    Months may be cut short or misspelt ("Sept.", "Augst"). A date of figures with the day before the month, or the
    other way round, is only read where it can be but one.
    """
    text = _LEAD.sub("", " ".join(text.split()).strip(" \u00b7|,;()"))
    for form in _FORMS:
        found = form.match(text)
        if not found:
            continue
        parts = found.groupdict()
        number = _month_number(parts["month"]) if parts.get("month") else int(parts.get("number") or 0)
        if not number:
            if parts.get("month"):
                continue
            return parts["year"]
        try:
            moment = date(int(parts["year"]), number, int(parts.get("day") or 1))
        except ValueError:
            continue
        return moment.isoformat() if parts.get("day") else moment.isoformat()[:7]
    return ""


def _month_number(word: str) -> int:
    word = word.lower()
    for number, month in enumerate(_MONTHS, 1):
        if month.startswith(word) or word == month[:4]:
            return number
    close = difflib.get_close_matches(word, _MONTHS, n=1, cutoff=0.8)
    return _MONTHS.index(close[0]) + 1 if close else 0
