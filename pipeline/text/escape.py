"""Texts of a configuration, a codebook or a reader inside other notations: each sign means itself there."""

import json
import re

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|$~&])")
_TEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def escape_markdown(text: str) -> str:
    """Returns a text on one line in which nothing is Markdown, HTML or a formula; a bare address stays one."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def escape_tex(text: str) -> str:
    """Returns a text on one line in which nothing is a command of TeX."""
    return "".join(_TEX.get(sign, sign) for sign in " ".join(text.split()))


def quote_yaml(text: str) -> str:
    """Returns a text as a quoted scalar of YAML, which every string of JSON is."""
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
