"""One identity for a person across handles and spellings: which names mean one person, and why.

A forum knows `paulfchristiano`, an archive Paul Christiano; one source writes Kovařík, another Kovarik. Strong signs
join two names at once: the same letters, the same words in another order, the same surname with the same given names or
their short forms, a declared handle, one ORCID. Weak signs (an initial, a middle name left out, a handle cut short)
join them only if all known names that fit mean one person.
"""

import re
import tomllib
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

HANDLES = Path(__file__).with_name("handles.toml")
_PLAIN = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i", "ð": "d", "þ": "th"})
_DROPPED = frozenset("dr prof phd md jr sr ii iii".split())
# Given names and their short forms, as far as the two are commonly used for one person.
_SHORT_FORMS = """alexander alex sasha; benjamin ben; charles charlie; christopher chris; daniel dan danny; david dave;
edward ed; elizabeth liz; evan ev; gabriel gabe; jacob jake; james jim; jonathan jon; joseph joe; joshua josh;
katherine kate katja; kenneth ken; lawrence larry; matthew matt; michael mike; nathaniel nate nathan; nicholas nick;
oliver ollie; patrick pat; peter pete; raymond ray; rebecca becca; richard rich; robert rob bob; samuel sam; stephen
steve; steven steve; thomas tom; timothy tim; victoria vika; vojtech vojta; william will bill; zachary zac zack"""
_INNER_CAPITAL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")
_LETTERS = re.compile(r"[^\W\d_]+")
_APOSTROPHES = str.maketrans(dict.fromkeys("'\u2019`", ""))
_MIN_LETTERS = 5  # of a handle, or of a name that is known by its letters alone
_MIN_TURNED_LETTERS = 11  # Wei Chen and Chen Wei may be two people
_MIN_SURNAME = 4  # letters of a surname that a handle may hold behind an initial


class Mention(NamedTuple):
    """One name as a source spells it, with the ORCID that stood beside it, if any. A tuple, which is hashed fast."""

    name: str
    orcid: str = ""


def group_people(mentions: Iterable[Mention]) -> dict[Mention, str]:
    """Returns the person that each mention means, by the fullest of the names that mean them.

    Two mentions of one spelling with different ORCIDs are two people, and the second is named with its own.
    """
    counts = Counter(mentions)
    known = sorted(counts, key=lambda mention: (mention.name, mention.orcid))
    groups = _Groups(len(known))
    for left, right in _strong_pairs(known):
        groups.join(left, right)
    for left, right in _weak_pairs(known, groups):
        groups.join(left, right)
    members: dict[int, list[Mention]] = defaultdict(list)
    for position, mention in enumerate(known):
        members[groups.root(position)].append(mention)
    named: dict[Mention, str] = {}
    taken: set[str] = set()
    for group in members.values():
        best = group[0]
        if len(group) > 1:
            best = max(group, key=lambda mention: (_fullness(mention.name), counts[mention], mention.name))
        label = best.name if best.name not in taken else f"{best.name} ({best.orcid or 'another'})"
        taken.add(label)
        named |= dict.fromkeys(group, label)
    return named


def is_same_person(left: str, right: str, known: Iterable[str] = ()) -> bool:
    """Says whether two names mean one person, among all known names."""
    named = group_people(Mention(name) for name in {left, right, *known})
    return named[Mention(left)] == named[Mention(right)]


@lru_cache(maxsize=1 << 20)
def name_words(name: str) -> tuple[str, ...]:
    """Returns the words of a name in plain letters: `VojtaKovarik` and "Kovařík, Vojta" are both vojta, kovarik."""
    last, comma, first = name.partition(",")
    name = f"{first} {last}" if comma and first.strip() else name
    plain = _INNER_CAPITAL.sub(" ", unicodedata.normalize("NFC", name)).casefold()
    if not plain.isascii():
        folded = unicodedata.normalize("NFKD", plain.translate(_PLAIN))
        plain = "".join(char for char in folded if not unicodedata.combining(char))
    words = _LETTERS.findall(plain.translate(_APOSTROPHES))
    return tuple(word for word in words if word not in _DROPPED) or tuple(words)


class _Groups:
    """Which positions belong together; the smallest of each group stands for it."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def root(self, position: int) -> int:
        while self._parents[position] != position:
            self._parents[position] = self._parents[self._parents[position]]
            position = self._parents[position]
        return position

    def join(self, left: int, right: int) -> None:
        first, second = sorted((self.root(left), self.root(right)))
        self._parents[second] = first


def _strong_pairs(known: Sequence[Mention]) -> Iterable[tuple[int, int]]:
    blocks: dict[str, list[int]] = defaultdict(list)
    for position, mention in enumerate(known):
        for key in _strong_keys(mention):
            blocks[key].append(position)
    for members in blocks.values():
        for place, left in enumerate(members):
            for right in members[place + 1 :]:
                if _is_strong(known[left], known[right]):
                    yield left, right


def _strong_keys(mention: Mention) -> set[str]:
    words = name_words(mention.name)
    keys = {f"letters {''.join(words)}", f"words {' '.join(sorted(words))}"}
    if mention.orcid:
        keys.add(f"orcid {mention.orcid}")
    if declared := _handles().get(mention.name.casefold()):
        keys |= _strong_keys(Mention(declared))
    if len(words) > 1:
        keys |= {f"given {form} {words[-1]}" for form in _forms(words[0])}
        # paulfchristiano and johnswentworth: a letter between the two names that the other spelling leaves out.
        keys.add(f"letters {words[0]}{words[-1]}")
    elif words:
        keys |= {f"letters {words[0][:place]}{words[0][place + 1 :]}" for place in range(3, len(words[0]) - 3)}
    return keys


def _is_strong(left: Mention, right: Mention) -> bool:
    if left.orcid and right.orcid:
        return left.orcid == right.orcid
    first, second = _spelling(left.name), _spelling(right.name)
    digits = [re.findall(r"\d+", name) for name in (left.name, right.name)]
    if first == second and digits[0] == digits[1]:
        return True
    if (digits[0] and digits[1] and digits[0] != digits[1]) or _is_cut(first) or _is_cut(second):
        return False  # User-10 is not User-11, and initials name nobody
    if any(len(words) == 1 and not _is_handle(each.name) for words, each in ((first, left), (second, right))):
        return False  # a lone name, such as Xiaofeng, is not Xiao Feng
    letters = "".join(first)
    if letters == "".join(second) and len(letters) >= _MIN_LETTERS and _shares_an_end(first, second):
        return True
    if len(first) > 1 and sorted(first) == sorted(second) and len(letters) >= _MIN_TURNED_LETTERS:
        return True
    if len(first) > 1 and len(second) > 1:
        return first[-1] == second[-1] and _given_names_agree(first[:-1], second[:-1])
    if len(first) == len(second) == 1:
        return False
    handle, name = (first[0], second) if len(first) == 1 else (second[0], first)
    # A middle initial that a handle has and the name leaves out joins them; one that only the name has is a weak sign.
    between = "[a-z]?" if len(name) == 2 else "".join(word[0] for word in name[1:-1])
    return any(re.fullmatch(rf"{given}{between}{name[-1]}", handle) for given in _forms(name[0]))


def _spelling(name: str) -> tuple[str, ...]:
    return name_words(_handles().get(name.casefold(), name))


def _shares_an_end(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Says whether two spellings of the same letters may be one name: Jin Gan and Jing An are two people."""
    return min(len(left), len(right)) == 1 or left[0] == right[0] or left[-1] == right[-1]


def _is_cut(words: tuple[str, ...]) -> bool:
    """Says whether a name is cut to initials at either end."""
    return not words or min(len(words[0]), len(words[-1])) == 1


def _given_names_agree(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    """Says whether given names are one person's: the first is the same, or its short form, and so are the others."""
    if len(left) != len(right) or not (_forms(left[0]) & _forms(right[0])):
        return False  # a middle name that one of them leaves out is a weak sign
    pairs = zip(left[1:], right[1:], strict=True)
    return all(one[0] == other[0] and (len(one) == 1 or len(other) == 1 or one == other) for one, other in pairs)


def _weak_pairs(known: Sequence[Mention], groups: _Groups) -> list[tuple[int, int]]:
    """Returns the pairs that only a weak sign joins, where every full name that fits means one person."""
    full: dict[str, list[int]] = defaultdict(list)
    for position, mention in enumerate(known):
        words = name_words(mention.name)
        if len(words) > 1 and len(words[0]) > 1:
            is_spaced = len(mention.name.replace(",", " ").split()) > 2  # Yan-Lei Zhang has no middle name to leave out
            for key in _weak_keys(words, has_middle=len(words) > 2 and is_spaced):
                full[key].append(position)
    found = []
    for position, mention in enumerate(known):
        fits = {place for key in _asked_keys(mention.name) for place in full.get(key, ()) if place != position}
        if fits and len({groups.root(place) for place in fits}) == 1:
            found.append((position, min(fits)))
    return found


def _weak_keys(words: tuple[str, ...], *, has_middle: bool) -> set[str]:
    """Returns what a full name may be cut to: "j wentworth", `jwentworth`, `johnw`, `johwen`."""
    first, last = words[0], words[-1]
    middle = "".join(word[0] for word in words[1:-1])
    keys = {f"initial {first[0]} {last}"}
    if len(last) >= _MIN_SURNAME:
        keys |= {f"handle {form}{last}" for form in _forms(first)} | {
            f"handle {first[0]}{last}",
            f"handle {first[0]}{middle}{last}",
        }
    keys |= {f"cut {form} {last[0]}" for form in _forms(first) if len(form) > 2}
    if has_middle:
        keys |= {f"plain {form} {last}" for form in _forms(first)}
    keys |= {f"short {first[:a]}{last[:b]}" for a in (2, 3) for b in (3, 4) if len(first) >= a and len(last) >= b}
    return keys


def _asked_keys(name: str) -> set[str]:
    """Returns the keys that a short spelling asks for; a full name asks for none."""
    words = name_words(name)
    if len(words) > 1 and len(words[0]) == 1:
        return {f"initial {words[0]} {words[-1]}"}
    if len(words) == 2 and len(words[1]) == 1:
        return {f"cut {words[0]} {words[1]}"}
    if len(words) == 2:
        return {f"plain {words[0]} {words[1]}"}
    if len(words) != 1 or len(words[0]) < _MIN_LETTERS or not _is_handle(name):
        return set()
    word = words[0]
    keys = {f"handle {word}"}
    if not re.search(r"\d", name):  # steven0461 is no Steve N.
        keys.add(f"cut {word[:-1]} {word[-1]}")
    if len(word) >= 2 * _MIN_SURNAME:  # with the initial of a middle name that no other spelling has
        keys.add(f"handle {word[0]}{word[2:]}")
    return keys | ({f"short {word}"} if name.islower() else set())


def _is_handle(name: str) -> bool:
    """Says whether a name is one that its owner chose: one word, and not written like a lone surname."""
    return " " not in name.strip() and not name.istitle()


def _fullness(name: str) -> tuple[int, int]:
    """Orders the spellings of one name: words that are no initials, then marks such as accents."""
    words = name_words(name)
    n_whole = sum(len(word) > 1 for word in words) if not _is_handle(name) else 0
    return n_whole, sum(not char.isascii() for char in name)


@lru_cache(maxsize=1 << 18)
def _forms(name: str) -> frozenset[str]:
    """Returns a given name with the forms that may stand for it."""
    return _short_forms().get(name, frozenset()) | {name}


@cache
def _short_forms() -> dict[str, frozenset[str]]:
    forms: dict[str, set[str]] = defaultdict(set)
    for line in _SHORT_FORMS.split(";"):
        names = line.split()
        for name in names[1:]:
            forms[name] |= {names[0], name}
        forms[names[0]] |= set(names)
    return {name: frozenset(found) for name, found in forms.items()}


@cache
def _handles() -> Mapping[str, str]:
    table = tomllib.loads(HANDLES.read_text(encoding="utf-8"))
    return {handle.casefold(): facts["name"] for handle, facts in table.items()}
