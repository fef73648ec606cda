"""arXiv as it answers: the Atom interface and OAI-PMH, over invented papers."""

import random
import re
import threading
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, quote, unquote, urlencode
from xml.sax.saxutils import escape

from tests.fakes.server import Asked, Reply

FEED = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" '
    'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">\n'
    "<id>https://arxiv.org/api/x</id>\n<title>arXiv Query</title>\n"
    "<opensearch:itemsPerPage>{size}</opensearch:itemsPerPage>\n"
    "<opensearch:totalResults>{total}</opensearch:totalResults>\n"
    "<opensearch:startIndex>{start}</opensearch:startIndex>\n{entries}</feed>\n"
)
OAI = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">\n'
    "<responseDate>{now}</responseDate>\n<request>http://oaipmh.arxiv.org/oai</request>\n{inner}</OAI-PMH>\n"
)


FEED_OF_DAY = (
    "<?xml version='1.0' encoding='UTF-8'?>\n<rss xmlns:arxiv=\"http://arxiv.org/schemas/atom\" "
    'xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0"><channel><title>{category} updates on arXiv.org</title>'
    "<pubDate>{day}</pubDate><skipDays><day>Sunday</day><day>Saturday</day></skipDays>{items}</channel></rss>"
)


@dataclass(frozen=True)
class Paper:
    """One invented paper. `state` is whole, damaged (bad XML), bad-id, deleted or no-title."""

    arxiv_id: str
    title: str
    abstract: str
    categories: tuple[str, ...]
    submitted: datetime
    updated: datetime
    n_versions: int
    comment: str
    datestamp: str
    state: str = "whole"

    @property
    def is_readable(self) -> bool:
        return self.state == "whole"


def invent_papers(n: int, rng: random.Random, first: datetime, days: int) -> list[Paper]:
    """Returns papers, a few of which no parser can take."""
    papers = []
    for number in range(n):
        submitted = first + timedelta(minutes=rng.randrange(days * 1440))
        n_versions = 1 if rng.random() < 0.7 else rng.randrange(2, 5)
        updated = min(submitted + timedelta(days=rng.randrange(20) * (n_versions > 1)), first + timedelta(days=days))
        is_old = rng.random() < 0.02
        name = f"cs/{number:07d}" if is_old else f"{submitted:%y%m}.{number:05d}"
        draw = rng.random()
        state = "damaged" if draw < 0.004 else "bad-id" if draw < 0.006 else "no-title" if draw < 0.008 else "whole"
        withdrawn = rng.random() < 0.01
        papers.append(
            Paper(
                arxiv_id=name if state != "bad-id" else f"../../etc/{number}",
                title=""
                if state == "no-title"
                else "0"
                if rng.random() < 0.001
                else f"Invented title {number} of $x < {number}$ & more",
                abstract=f"  Invented abstract {number} on AI safety,\n  in two lines with \\alpha and <tags>.",
                categories=tuple(rng.sample(["cs.AI", "cs.LG", "cs.CL", "stat.ML"], rng.randrange(1, 4))),
                submitted=submitted,
                updated=updated,
                n_versions=n_versions,
                comment="This paper has been withdrawn by the authors" if withdrawn else f"{number} pages",
                datestamp=f"{updated:%Y-%m-%d}",
                state=state,
            )
        )
    return papers


class Arxiv:
    """The two interfaces over one list of papers; `today` bounds what OAI takes as a date."""

    def __init__(
        self, papers: list[Paper], rng: random.Random, clock, *, oai_page: int = 100, n_modified: int = 0
    ) -> None:
        self.papers, self.rng, self.clock, self.oai_page = list(papers), rng, clock, oai_page
        self.n_modified, self.modified = n_modified, []
        self.deleted: list[Paper] = []
        self.forgotten: set[str] = set()  # ids that the next question by id leaves out without a word
        self._lock = threading.Lock()
        self._served: list[int] = []

    def answer(self, asked: Asked) -> Reply:
        if "user-agent" not in asked.headers:
            return Reply(b"<html><head><title>403 Forbidden</title></head></html>", status=403, kind="text/html")
        if asked.path == "/http/api/query":
            return Reply(b"", status=301, headers={"Location": "/api/query?" + urlencode(asked.params)})
        with self._lock:
            if asked.path == "/api/query":
                return self._atom(asked)
            if asked.path == "/oai":
                return self._oai(asked)
            if asked.path.startswith("/rss/"):
                return self._announced(asked.path.rpartition("/")[2])
        return Reply(b"not here", status=404, kind="text/plain")

    def _atom(self, asked: Asked) -> Reply:
        if "accept" not in asked.headers or "atom" not in asked.headers["accept"]:
            return Reply(b"", status=406, kind="text/plain")
        start, size = int(asked.params.get("start", 0)), int(asked.params.get("max_results", 10))
        if start >= 10_000 or size == 0:
            return Reply(b"Internal Server Error", status=500, kind="text/plain")
        if "id_list" in asked.params:
            return self._by_id(asked.params["id_list"].split(","), size)
        query = asked.params["search_query"]
        window = re.search(r"submittedDate:\[(\d{12}) TO (\d{12})\]", query)
        if not window:
            return _atom_error("incorrect date format")
        wanted = set(re.findall(r"cat:([\w.-]+)", query))
        found = [
            paper
            for paper in self.papers
            if window[1] <= f"{paper.submitted:%Y%m%d%H%M}" <= window[2]
            and (not wanted or wanted & set(paper.categories))
        ]
        key = (
            (lambda paper: (paper.updated, paper.arxiv_id))
            if asked.params.get("sortBy") == "lastUpdatedDate"
            else (lambda paper: (paper.submitted, paper.arxiv_id))
        )
        found.sort(key=key, reverse=asked.params.get("sortOrder", "descending") == "descending")
        page = found[start : start + size]
        mood = self.rng.random()
        if page and mood < 0.03:
            page = []  # heals when asked again
        elif len(page) > 3 and mood < 0.08:
            page = page[: len(page) // 2]  # a short page
        entries = "".join(_entry(paper) for paper in page)
        return Reply(
            FEED.format(size=size, total=len(found), start=start, entries=entries).encode(), kind="application/atom+xml"
        )

    def _announced(self, category: str) -> Reply:
        """The daily feed of a class: what was submitted the day before yesterday is new, the rest of it replaced."""
        day = datetime.fromtimestamp(self.clock.now(), UTC) - timedelta(days=2)
        here = [paper for paper in self.papers if category in paper.categories and paper.is_readable]
        items = "".join(
            _announcement(paper, category, day)
            for paper in here
            if f"{day:%Y-%m-%d}" in (f"{paper.submitted:%Y-%m-%d}", paper.datestamp)
        )
        return Reply(FEED_OF_DAY.format(category=category, day=format_datetime(day), items=items).encode())

    def _by_id(self, names: list[str], size: int) -> Reply:
        """Papers by id; one that does not exist is left out in silence."""
        found = [paper for paper in self.papers if paper.arxiv_id in set(names) - self.forgotten][:size]
        self.forgotten -= set(names)
        entries = "".join(_entry(paper) for paper in found)
        total = len(found)
        return Reply(
            FEED.format(size=size, total=total, start=0, entries=entries).encode(), kind="application/atom+xml"
        )

    def _oai(self, asked: Asked) -> Reply:
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        if asked.params.get("verb") == "GetRecord":
            return self._record_by_id(asked.params.get("identifier", "").removeprefix("oai:arXiv.org:"), now)
        if "resumptionToken" in asked.params:
            if set(asked.params) != {"verb", "resumptionToken"}:
                return self._oai_error("badArgument", "illegal argument")
            values = {key: found[-1] for key, found in parse_qs(unquote(asked.params["resumptionToken"])).items()}
            if not {"set", "from", "until", "skip"} <= set(values) or self.rng.random() < 0.01:
                return self._oai_error("badResumptionToken", "Token decoding failed")
        else:
            values = {**asked.params, "skip": "0"}
            if values.get("metadataPrefix") != "arXivRaw":
                return self._oai_error("cannotDisseminateFormat", "no such format")
        if not re.fullmatch(r"\w+:\w+:\w+", values.get("set", "")):
            return self._oai_error("badArgument", "Set does not exist")
        if values["from"] < "2005-09-16" or values["until"] > f"{now + timedelta(days=1):%Y-%m-%d}":
            return self._oai_error("badArgument", "date out of range")
        category = values["set"].split(":", 1)[1].replace(":", ".")
        found = sorted(
            (
                paper
                for paper in self.papers
                if category in paper.categories and values["from"] <= paper.datestamp <= values["until"]
            ),
            key=lambda paper: (paper.datestamp, paper.arxiv_id),
        )
        skip = int(values["skip"])
        page = found[skip : skip + self.oai_page]
        if not page and not skip:
            return self._oai_error("noRecordsMatch", "empty list")
        inner = "".join(_record(paper) for paper in page)
        is_last = skip + self.oai_page >= len(found)
        if not is_last:
            # As resume.py does it: `from` moves to the last day seen and `skip` counts within that day.
            last = page[-1].datestamp
            start = min(number for number, paper in enumerate(found) if paper.datestamp == last)
            token = {"verb": "ListRecords", "metadataPrefix": "arXivRaw", "set": values["set"], "from": last}
            token |= {"until": values["until"], "skip": str(skip + self.oai_page - start)}
            expiry = f"{now + timedelta(days=1):%Y-%m-%dT00:00:00Z}"
            inner += f"<resumptionToken expirationDate='{expiry}'>{quote(urlencode(token))}</resumptionToken>\n"
            self._modify(page, now)
        elif skip:
            inner += "<resumptionToken/>\n"
        return Reply(
            OAI.format(now=f"{now:%Y-%m-%dT%H:%M:%SZ}", inner=f"<ListRecords>\n{inner}</ListRecords>\n").encode()
        )

    def _record_by_id(self, name: str, now: datetime) -> Reply:
        """One paper; one that is forgotten is denied once."""
        found = [paper for paper in self.papers if paper.arxiv_id == name and name not in self.forgotten]
        self.forgotten.discard(name)
        if not found:
            return self._oai_error("idDoesNotExist", "nothing matches the identifier")
        inner = f"<GetRecord>\n{_record(found[0])}</GetRecord>\n"
        return Reply(OAI.format(now=f"{now:%Y-%m-%dT%H:%M:%SZ}", inner=inner).encode())

    def _modify(self, page: list[Paper], now: datetime) -> None:
        """Moves a paper just served to today: the others of its day move up, behind the client's back."""
        whole = [paper for paper in page if paper.is_readable and paper.datestamp < f"{now:%Y-%m-%d}"]
        if len(self.modified) < self.n_modified and whole:
            chosen = self.rng.choice(whole)
            changed = replace(chosen, datestamp=f"{now:%Y-%m-%d}", comment=chosen.comment + ", revised")
            self.papers[self.papers.index(chosen)] = changed
            self.modified.append(changed.arxiv_id)

    def _oai_error(self, code: str, reason: str) -> Reply:
        now = datetime.fromtimestamp(self.clock.now(), UTC)
        return Reply(
            OAI.format(
                now=f"{now:%Y-%m-%dT%H:%M:%SZ}", inner=f"<error code='{code}'>Reason: {reason}</error>\n"
            ).encode()
        )


def _entry(paper: Paper) -> str:
    title = "bad & <broken" if paper.state == "damaged" else escape(paper.title)
    categories = "".join(
        f'<category term="{name}" scheme="http://arxiv.org/schemas/atom"/>' for name in paper.categories
    )
    return (
        f"<entry>\n<id>http://arxiv.org/abs/{paper.arxiv_id}v{paper.n_versions}</id>\n<title>{title}</title>\n"
        f"<updated>{paper.updated:%Y-%m-%dT%H:%M:%SZ}</updated>\n<summary>{escape(paper.abstract)}</summary>\n{categories}\n"
        f"<published>{paper.submitted:%Y-%m-%dT%H:%M:%SZ}</published>\n<arxiv:comment>{paper.comment}</arxiv:comment>\n"
        f'<arxiv:primary_category term="{paper.categories[0]}"/>\n'
        "<author>\n<name>Ada Invented</name>\n</author>\n</entry>\n"
    )


def _announcement(paper: Paper, category: str, day: datetime) -> str:
    is_new = f"{paper.submitted:%Y-%m-%d}" == f"{day:%Y-%m-%d}"
    kind = ("new" if paper.categories[0] == category else "cross") if is_new else "replace"
    names = "".join(f"<category>{name}</category>" for name in paper.categories)
    return (
        f"<item><title>{escape(paper.title)}</title><link>https://arxiv.org/abs/{paper.arxiv_id}</link>"
        f"<description>arXiv:{paper.arxiv_id}v{paper.n_versions} Announce Type: {kind} \n"
        f"Abstract: {escape(' '.join(paper.abstract.split()))}</description>"
        f'<guid isPermaLink="false">oai:arXiv.org:{paper.arxiv_id}v{paper.n_versions}</guid>{names}'
        f"<pubDate>{format_datetime(day)}</pubDate><arxiv:announce_type>{kind}</arxiv:announce_type>"
        "<dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>"
        "<dc:creator>Ada Invented (Inst), Ben Invented</dc:creator></item>"
    )


def _record(paper: Paper) -> str:
    if paper.state == "deleted":
        return (
            f'<record><header status="deleted"><identifier>oai:arXiv.org:{paper.arxiv_id}</identifier>'
            f"<datestamp>{paper.datestamp}</datestamp></header></record>\n"
        )
    title = "bad & <broken" if paper.state == "damaged" else escape(paper.title)
    span = (paper.updated - paper.submitted) / max(1, paper.n_versions - 1)
    versions = [
        f'<version version="v{n + 1}"><date>{format_datetime(paper.submitted + span * n, usegmt=True)}</date>'
        "<size>9kb</size></version>"
        for n in range(paper.n_versions)
    ]
    return (
        f"<record>\n<header><identifier>oai:arXiv.org:{paper.arxiv_id}</identifier><datestamp>{paper.datestamp}</datestamp>"
        f'<setSpec>cs:cs:AI</setSpec></header>\n<metadata><arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/">'
        f"<id>{paper.arxiv_id}</id><submitter>Ada</submitter>{''.join(reversed(versions))}<title>{title}</title>"
        "<authors>Ada Invented, Ben Invented and C. Invented (Inst, Town)</authors>"
        f"<categories>{' '.join(paper.categories)}</categories>"
        f"<comments>{paper.comment}</comments><license>http://creativecommons.org/licenses/by/4.0/</license>"
        f"<abstract>{escape(paper.abstract)}</abstract></arXivRaw></metadata>\n</record>\n"
    )


def _atom_error(reason: str) -> Reply:
    entry = f"<entry><id>https://arxiv.org/api/errors#x</id><title>Error</title><summary>{reason}</summary></entry>"
    return Reply(FEED.format(size=1, total=1, start=0, entries=entry).encode(), status=400, kind="application/atom+xml")


def day_before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()
