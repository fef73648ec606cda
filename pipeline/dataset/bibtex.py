"""The entry of a release for a bibliography in LaTeX."""

import re

from pipeline.release.citation import list_creators
from pipeline.settings import Dataset
from pipeline.text.escape import escape_tex


def render_bibtex(dataset: Dataset, version: str) -> str:
    """Returns the entry for a bibliography in LaTeX."""
    key = "-".join(re.findall(r"[a-z0-9]+", dataset.title.lower())) or "census"
    fields = [("title", f"{escape_tex(dataset.title)} {version}")]
    fields += [("author", " and ".join(f"{{{escape_tex(name)}}}" for name in list_creators(dataset)))]
    year = re.match(r"(\d{4})(?!\d)", version)
    fields += [("year", year[1])] if year else []
    fields += [("version", version)]
    address = dataset.url.replace("{", "%7B").replace("}", "%7D")
    fields += [("howpublished", f"\\url{{{address}}}")] if address else []
    inner = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields)
    return f"@misc{{{key},\n{inner}\n}}"
