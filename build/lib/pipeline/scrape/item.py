"""What every source yields: one item as the source gives it, or a reject with its reason."""

from dataclasses import dataclass

from pipeline.text.formats import TextFormat


@dataclass(frozen=True)
class Item:
    """One item of a source, uncleaned. Dates are ISO 8601, or YYYY-MM, or YYYY, or empty.

    Attributes:
        place: where in the source it was read; unique within the source.
        versions: the date of each version, oldest first; for arXiv v1 is the first submission.
        modified_date: the last change that the source knows of.
        licence: the address or name of the licence that the source states.
        external_url: what a link post points to, or the declared original of a copy.
        crosspost_id: the same post on the other forum, as a doc_id.
        is_crosspost_original: whether this side of the pair is the original.
        is_withdrawn: whether its authors took it back; it is counted among the rejects.
        announced_date: the day on which the service announced it, where that is not the day of publication.
        affiliations, orcids: one text for each of `authors`, empty where the source says nothing; or no text at all.
        organisation: who published it, where the source is an organisation's own.
    """

    place: str
    doc_id: str
    source: str
    frame: str
    title: str
    text: str
    url: str = ""
    authors: tuple[str, ...] = ()
    published_date: str = ""
    tags: tuple[str, ...] = ()
    karma: float | None = None
    karma_read_date: str = ""
    text_format: TextFormat = "plain"
    is_opening: bool = False
    versions: tuple[str, ...] = ()
    modified_date: str = ""
    licence: str = ""
    doi: str = ""
    comment: str = ""
    external_url: str = ""
    crosspost_id: str = ""
    is_crosspost_original: bool = False
    is_withdrawn: bool = False
    announced_date: str = ""
    affiliations: tuple[str, ...] = ()
    orcids: tuple[str, ...] = ()
    organisation: str = ""


@dataclass(frozen=True)
class Reject:
    """An item that could not be used. `place` is unique within the source."""

    place: str
    reason: str
    excerpt: str = ""
