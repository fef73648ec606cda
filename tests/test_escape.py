"""Every text of a configuration, a codebook or a reader means itself in Markdown, SVG, TeX and YAML."""

import json
from pathlib import Path

import jinja2
import matplotlib as mpl
import pytest
from lxml import etree
from markdown_it import MarkdownIt
from matplotlib.figure import Figure

from pipeline.report.figures import _to_png, _to_svg
from pipeline.report.marks import STYLE
from pipeline.report.site import _escape_for_markdown
from pipeline.text.escape import escape_markdown, escape_tex, quote_yaml

NASTY = [
    "<script>alert(1)</script>",
    "[a](javascript:alert(1))",
    "<javascript:alert(1)>",
    '"><a href="https://example.org">x</a>',
    "![x](https://example.org/x.png)",
    "a | b",
    "$\\frac{1$",
    "`code` *b* _i_ ~s~ # h",
    "&lt;b&gt; &amp;",
    "two\nlines\n\n# heading",
    "100% & more_{x}^2 ~ \\input{x}",
    "a: b # c",
]


@pytest.mark.parametrize("text", NASTY)
def test_in_markdown_a_text_is_shown_as_it_is(text: str) -> None:
    environment = jinja2.Environment(finalize=_escape_for_markdown)
    source = environment.from_string("| a |\n|---|\n| {{ text }} |\n").render(text=text)
    html = MarkdownIt("commonmark").enable("table").render(source)
    root = etree.HTML(html)
    assert [cell.xpath("string()") for cell in root.iter("td")] == [" ".join(text.split())]
    assert not list(root.iter("a", "script", "img", "em", "strong", "code", "h1"))


@pytest.mark.parametrize("text", NASTY)
def test_in_a_figure_a_text_is_drawn_as_it_is(text: str) -> None:
    with mpl.rc_context(STYLE):
        figure = Figure()
        axes = figure.add_subplot()
        axes.set_title(text)
        axes.plot([0, 1], label=text)
        axes.legend()
    root = etree.fromstring(_to_svg(figure, text).encode())
    assert root.get("aria-label") == " ".join(text.split("\n")) or root.get("aria-label") == text
    assert not root.findall(".//{*}a") and not root.findall(".//{*}script")
    assert _to_png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("text", NASTY)
def test_in_tex_no_sign_is_a_command_and_yaml_gives_the_text_back(text: str) -> None:
    escaped = escape_tex(text)
    plain = escaped
    for name in ("textbackslash", "textasciitilde", "textasciicircum"):
        plain = plain.replace(f"\\{name}{{}}", "")
    for sign in "&%$#_{}":
        plain = plain.replace(f"\\{sign}", "")
    assert not set(plain) & set("\\~^&%$#_{}")
    assert json.loads(quote_yaml(text)) == " ".join(text.split())


def test_plain_words_stay_as_they_are(root: Path) -> None:
    for text in ("Alignment Forum", "arXiv query 2025", "12–18%", "it is complete; its shares may be quoted."):
        assert escape_markdown(text) == escape_tex(text).replace("\\", "") == text
