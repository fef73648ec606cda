"""The union of rounds: which documents of a frame the draws cover, and with what probability each was drawn.

Every draw is a simple random sample of a stratum. Two draws cut a frame into cells: the documents that were in the same
strata of each. Within a cell, the documents that either draw took are, given their number, a simple random sample of
the cell (whatever the sizes, by symmetry), so that each cell is a stratum with the probability n / N. A stratum that
was drawn twice is one cell; new documents are a cell of their own; documents that left the frame leave their cell, and
what is left of the sample is a simple random sample of what is left. Cells too small to be estimated from are put
together again, and then only the draws of the frame's own strata count in them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from pipeline.coding.design import Draw
from pipeline.coding.frames import join_stratum

LEAST_READ = 2  # read documents of a cell, below which its variance cannot be told


@dataclass(frozen=True)
class Stratum:
    """One stratum of the rounds, as it was drawn, once or several times.

    Attributes:
        members: its documents when it was drawn; None where no list was kept: what the frame and window had.
        size: documents in it then.
        drawn: the documents that any draw of it took.
    """

    name: str
    frame: str
    window: str
    year: str
    part: str
    size: int
    members: frozenset[str] | None
    drawn: frozenset[str]


@dataclass(frozen=True)
class Cells:
    """What the draws cover of one frame.

    Attributes:
        strata: index stratum; columns frame, window, year, part, n_population, n_sample (read), n_drawn.
        members: the documents of each stratum that are in the frame now.
        units: index doc_id; columns stratum, inclusion_probability; the read documents.
        late: documents beyond a stratum's size, where it has no list of members: nobody knows which they are.
    """

    strata: pd.DataFrame
    members: Mapping[str, frozenset[str]]
    units: pd.DataFrame
    late: Mapping[str, int]


def gather_strata(draws: Sequence[Draw]) -> list[Stratum]:
    """Returns the strata of all rounds, each once, however often it was drawn.

    A later draw of a stratum under the same name is a further draw of it if it drew from what earlier ones had left
    (`n_before`) or has the same members; otherwise it is a stratum of its own, named after its round too.
    """
    found: dict[str, Stratum] = {}
    for draw in draws:
        inside = {} if draw.members is None else _list_by_stratum(draw.members)
        drawn = _list_by_stratum(draw.sample["stratum"])
        for name, row in draw.strata.iterrows():
            members = None if draw.members is None else frozenset(inside.get(str(name), ()))
            key, old = str(name), found.get(str(name))
            size, taken = int(row["n_population"]), frozenset(drawn.get(str(name), ()))
            if old is not None and row["n_before"] == 0 and (members != old.members or size != old.size):
                key, old = f"{name}@{draw.name}", None
            if old is not None:
                everyone = None if members is None or old.members is None else old.members | members
                size, members, taken = max(old.size, size), everyone, old.drawn | taken
                size = size if members is None else len(members)
            frame, window, year, part = (str(row[column]) for column in ("frame", "window", "year", "part"))
            found[key] = Stratum(key, frame, window, year, part, size, members, taken)
    return list(found.values())


def _list_by_stratum(strata: pd.Series) -> dict[str, list[str]]:
    """Returns the documents of each stratum, from the stratum of each document."""
    return {str(name): docs.index.tolist() for name, docs in strata.groupby(strata)}


def cut_cells(
    frame: str, strata: Sequence[Stratum], here: Collection[str], window_of: Mapping[str, str], read: Collection[str]
) -> Cells:
    """Cuts a frame into the cells that its own and other frames' draws make of it.

    Args:
        frame: its name.
        strata: of all rounds.
        here: the documents in it now.
        window_of: the window of each of them.
        read: documents that a coder has read.
    """
    here, read = frozenset(here), frozenset(read)
    own = [stratum for stratum in strata if stratum.frame == frame]
    inside = _members_now(own, here, window_of)
    late = {name: len(docs) - size for name, (docs, size) in inside.items() if size < len(docs)}
    guests = [stratum for stratum in strata if stratum.frame != frame and stratum.members is not None]
    inside |= {
        stratum.name: (docs, len(docs)) for stratum in guests if (docs := (stratum.members or frozenset()) & here)
    }
    by_name = {stratum.name: stratum for stratum in (*own, *guests) if stratum.name in inside}
    own_names = [stratum.name for stratum in own if stratum.name in inside]
    guest_names = [name for name in by_name if name not in own_names]
    alone = [stratum.name for stratum in own if stratum.name in inside and _is_shared(stratum, own)]
    cells = _Cells(frame, by_name, inside, read)
    for group in _overlapping([name for name in own_names if name not in alone], inside):
        cells.add_group(group, guest_names)
    for name in alone:
        cells.add_group([name], [])
    covered = frozenset().union(*(inside[name][0] for name in own_names))
    cells.add_guests(guest_names, covered, window_of)
    return cells.result(late)


class _Cells:
    """The cells of one frame, as they are found."""

    def __init__(
        self,
        frame: str,
        strata: Mapping[str, Stratum],
        inside: Mapping[str, tuple[frozenset[str], int]],
        read: frozenset[str],
    ) -> None:
        self.frame, self.strata, self.inside, self.read = frame, strata, inside, read
        self.rows: dict[str, dict[str, object]] = {}
        self.members: dict[str, frozenset[str]] = {}
        self.units: list[pd.DataFrame] = []

    def add_group(self, own: Sequence[str], guests: Sequence[str]) -> None:
        """Adds the cells of strata of the frame that overlap: the finest cut that can be estimated from."""
        everything = frozenset().union(*(self.inside[name][0] for name in own))
        touching = [name for name in guests if self.inside[name][0] & everything]
        elsewhere = frozenset().union(*(self.strata[name].drawn for name in touching))
        biggest = max(own, key=lambda name: len(self.strata[name].drawn & self.read))
        for names, is_last in (([*own, *touching], False), (list(own), False), ([biggest], True)):
            cut = self._cut(names, everything)
            others = frozenset() if touching and touching[0] in names else elsewhere
            taken = {signature: self._take(docs, names, others) for signature, (docs, _) in cut.items()}
            if is_last or all(len(taken[each]) >= min(LEAST_READ, size) for each, (_, size) in cut.items()):
                for signature, (docs, size) in cut.items():
                    self._add(signature, docs, size, taken[signature], names, set(own))
                return

    def add_guests(self, guests: Sequence[str], covered: frozenset[str], window_of: Mapping[str, str]) -> None:
        """Adds what other frames' draws cover of the documents that no stratum of this frame holds, by its windows."""
        beyond = frozenset().union(*(self.inside[name][0] for name in guests)) - covered
        for signature, (docs, _) in self._cut(guests, beyond).items():
            for window in sorted({window_of.get(doc_id, "") for doc_id in docs}):
                part = frozenset(doc_id for doc_id in docs if window_of.get(doc_id, "") == window)
                taken = self._take(part, guests, frozenset())
                if taken:
                    self._add(signature, part, len(part), taken, guests, set(), window)

    def _take(self, docs: frozenset[str], names: Sequence[str], elsewhere: frozenset[str]) -> frozenset[str]:
        """Returns the read documents of a cell that are a random part of it.

        Draws that are read to the end count together. Of a draw that is not, what is read so far is a random part of
        it, since the order of reading is random; but not what is read because another draw took it too.

        Args:
            docs: the cell.
            names: the strata whose draws may count.
            elsewhere: documents that draws which do not count have taken.
        """
        draws = [drawn for name in names if (drawn := self.strata[name].drawn & docs)]
        done = [drawn for drawn in draws if drawn <= self.read]
        found = frozenset().union(*done)
        for drawn in draws:
            if drawn not in done:
                others = elsewhere.union(*(other for other in draws if other is not drawn))
                so_far = (drawn & self.read) - others
                found = max(found, so_far, key=len)
        return found

    def _cut(
        self, names: Sequence[str], everything: frozenset[str]
    ) -> dict[tuple[str, ...], tuple[frozenset[str], int]]:
        """Returns the documents of each combination of strata, and how many they are."""
        found: dict[tuple[str, ...], frozenset[str]] = {(): everything}
        for name in names:
            split: dict[tuple[str, ...], frozenset[str]] = {}
            for signature, docs in found.items():
                within = docs & self.inside[name][0]
                split |= {(*signature, name): within} if within else {}
                split |= {signature: docs - within} if len(within) < len(docs) else {}
            found = split
        found.pop((), None)
        cut = {}
        for signature in sorted(found):
            docs = found[signature]
            whole = signature[0] if len(signature) == 1 else ""
            is_whole = whole and len(docs) == len(self.inside[whole][0])
            cut[signature] = (docs, self.inside[whole][1] if is_whole else len(docs))
        return cut

    def _add(
        self,
        signature: tuple[str, ...],
        docs: frozenset[str],
        size: int,
        taken: frozenset[str],
        names: Sequence[str],
        own: set[str],
        window: str | None = None,
    ) -> None:
        facts = self.strata[next((name for name in signature if name in own), signature[0])]
        name = " & ".join(signature)
        if window is not None:  # drawn in another frame
            name = f"{name}@{join_stratum(self.frame, window)}"
        year = facts.year if window is None else window[:4]
        self.rows[name] = {
            "frame": self.frame,
            "window": facts.window if window is None else window,
            "year": year,
            "part": facts.part if window is None else "",
            "n_population": size,
            "n_sample": len(taken),
            "n_drawn": len(docs & frozenset().union(*(self.strata[each].drawn for each in names))),
        }
        self.members[name] = docs
        if taken:
            units = pd.DataFrame({"stratum": name, "inclusion_probability": len(taken) / size}, index=sorted(taken))
            self.units.append(units)

    def result(self, late: Mapping[str, int]) -> Cells:
        columns = ["frame", "window", "year", "part", "n_population", "n_sample", "n_drawn"]
        strata = pd.DataFrame.from_dict(self.rows, orient="index", columns=columns).rename_axis("stratum")
        empty = pd.DataFrame({"stratum": pd.Series(dtype=object), "inclusion_probability": pd.Series(dtype=float)})
        units = pd.concat(self.units) if self.units else empty
        return Cells(strata, self.members, units.rename_axis("doc_id").sort_index(), dict(late))


def _members_now(
    own: Sequence[Stratum], here: frozenset[str], window_of: Mapping[str, str]
) -> dict[str, tuple[frozenset[str], int]]:
    """Returns the documents of each stratum that are in the frame now, and how many it counts."""
    drawn_from = {doc_id: stratum.name for stratum in own for doc_id in stratum.drawn}
    listed = frozenset().union(*(stratum.members for stratum in own if stratum.members is not None))
    by_window: dict[str, list[str]] = {}
    if any(stratum.members is None for stratum in own):
        for doc_id in here - listed:
            by_window.setdefault(window_of.get(doc_id, ""), []).append(doc_id)
    found = {}
    for stratum in own:
        if stratum.members is not None:
            docs = stratum.members & here
            found[stratum.name] = (docs, len(docs))
            continue
        rest = by_window.get(stratum.window, []) if stratum.window else here - listed
        docs = frozenset(doc_id for doc_id in rest if drawn_from.get(doc_id, stratum.name) == stratum.name) | (
            stratum.drawn & here
        )
        gone = len(stratum.drawn - here)
        found[stratum.name] = (
            docs,
            min(len(docs), stratum.size - gone) if not _is_shared(stratum, own) else stratum.size,
        )
    return {name: (docs, size) for name, (docs, size) in found.items() if docs and size}


def _is_shared(stratum: Stratum, own: Sequence[Stratum]) -> bool:
    """Whether strata without lists share a frame and window: then only their recorded sizes tell them apart."""
    alike = [
        other
        for other in own
        if other.members is None and (other.window, other.frame) == (stratum.window, stratum.frame)
    ]
    return len(alike) > 1


def _overlapping(names: Sequence[str], inside: Mapping[str, tuple[frozenset[str], int]]) -> list[list[str]]:
    """Puts strata together that have a document in common."""
    if len(frozenset().union(*(inside[name][0] for name in names))) == sum(len(inside[name][0]) for name in names):
        return [[name] for name in names]
    group_of: dict[str, list[str]] = {name: [name] for name in names}
    holder: dict[str, str] = {}
    for name in names:
        docs = inside[name][0]
        touched = {holder[doc_id] for doc_id in holder.keys() & docs}
        for other in (each for each in names if each in touched):
            if group_of[other] is not group_of[name]:
                joined = group_of[other] + group_of[name]
                for member in joined:
                    group_of[member] = joined
        holder.update(dict.fromkeys(docs, name))
    groups: list[list[str]] = []
    for name in names:
        if not any(group_of[name] is group for group in groups):
            groups.append(group_of[name])
    return groups
