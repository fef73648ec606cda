"""Dates as sources write them, in a stated list of forms; whatever has none of them is no date, and nothing is guessed.

2021 · 2021-02 · 2021-02-03 · 2021-2-3 · 2021/02/03 · 2021.02.03 · 20210203 · 03.02.2021 (day first, as points mean)
3 February 2021 · 3 Feb 2021 · February 3, 2021 · Feb 2021 · Wed, 3 Feb 2021 10:00:00 GMT
2021-02-03T10:00:00 (or a blank for the T; with seconds, fractions and an offset, or without)
1612310400 (seconds since 1970, ten digits) · 1612310400000 (milliseconds, thirteen digits)

A day is kept as it is written, whatever the offset behind it; seconds since 1970 become a day in UTC. Slashes with the
year last (03/02/2021) are a day to some and a month to others: such a column has to be rewritten.
"""

import re
from datetime import UTC, date, datetime

YEARS = range(1400, 2200)  # of printed works; 0000 and 9999 stand for "unknown" in databases
_MONTHS = {
    name: number
    for number, names in enumerate(
        "jan january|feb february|mar march|apr april|may|jun june|jul july|aug august|sep sept september|oct october"
        "|nov november|dec december".split("|"),
        1,
    )
    for name in names.split()
}
_MONTH = r"(?P<name>[A-Za-z]{3,9})\.?"
_OFFSET = r"(?:\s*(?:Z|UTC|GMT|(?:UTC|GMT)?[+-](?P<oh>\d{2}):?(?P<om>\d{2})|[+-](?P<o>\d{2})))?"
_TIME = rf"(?:(?:T|\s+)(?P<h>\d{{1,2}}):(?P<min>\d{{2}})(?::(?P<s>\d{{2}})(?:[.,]\d{{1,9}})?)?{_OFFSET})?"
_FORMS = [
    re.compile(form, re.ASCII | re.IGNORECASE)
    for form in (
        r"(?P<y>\d{4})",
        r"(?P<y>\d{4})-(?P<m>\d{1,2})",
        rf"(?P<y>\d{{4}})-(?P<m>\d{{1,2}})-(?P<d>\d{{1,2}}){_TIME}",
        rf"(?P<y>\d{{4}})/(?P<m>\d{{1,2}})/(?P<d>\d{{1,2}}){_TIME}",
        rf"(?P<y>\d{{4}})\.(?P<m>\d{{1,2}})\.(?P<d>\d{{1,2}}){_TIME}",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
        r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})",
        rf"(?:[A-Za-z]{{3,9}},\s*)?(?P<d>\d{{1,2}})\s+{_MONTH},?\s+(?P<y>\d{{4}}){_TIME}",
        rf"(?:[A-Za-z]{{3,9}},\s*)?{_MONTH}\s+(?P<d>\d{{1,2}}),?\s+(?P<y>\d{{4}}){_TIME}",
        rf"{_MONTH}\s+(?P<y>\d{{4}})",
    )
]
_SECONDS = re.compile(r"\d{10}(?:\.\d{1,9})?|\d{13}", re.ASCII)
_SECONDS_DIGITS = 10


def read_date(text: str) -> str | None:
    """Returns a date as YYYY-MM-DD, YYYY-MM or YYYY, as exact as it was written, or None for what is no date."""
    text = text.strip()
    if _SECONDS.fullmatch(text):
        whole = text.partition(".")[0]
        return day_of_seconds(int(whole) / (1 if len(whole) == _SECONDS_DIGITS else 1000))
    found = next((match for form in _FORMS if (match := form.fullmatch(text))), None)
    return _check(found.groupdict()) if found else None


def day_of_seconds(seconds: float) -> str | None:
    """Returns the day in UTC of a time in seconds since 1970, or None where there is none within `YEARS`."""
    try:
        day = datetime.fromtimestamp(seconds, UTC).date()
    except (ValueError, OverflowError, OSError):
        return None
    return day.isoformat() if day.year in YEARS else None


def _check(parts: dict[str, str | None]) -> str | None:
    name, written = parts.get("name"), parts.get("m")
    month = _MONTHS.get(name.lower(), 0) if name else int(written) if written else None
    year, day = int(parts["y"] or 0), int(parts["d"] or 0) if parts.get("d") else None
    bounds = {"h": 24, "min": 59, "s": 60, "oh": 23, "om": 59, "o": 23}  # midnight may be 24, a leap second 60
    is_time = all(int(parts.get(key) or 0) <= most for key, most in bounds.items())
    try:
        date(year, 1 if month is None else month, 1 if day is None else day)
    except ValueError:
        return None
    if year not in YEARS or not is_time:
        return None
    return f"{year:04d}" + (f"-{month:02d}" if month is not None else "") + (f"-{day:02d}" if day is not None else "")
