"""HTML and markdown to text: the author's words in reading order, without what the page adds to them.

What is kept: headings, paragraphs, list items (with their mark), table cells, quotations, code, spoilers, the
contents of collapsible sections, captions, the text of footnotes (after the body). What is dropped: footnote marks,
styles, scripts, images, embedded media, navigation, and lines such as "Crossposted from my blog". Mathematics is
rendered from its LaTeX source, which MathJax and KaTeX keep beside the glyphs.
"""

import re
from functools import cache

import lxml.html
from lxml import etree
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.footnote import footnote_plugin

from pipeline.text.latex import text_from_math

_DROPPED_TAGS = frozenset(
    "script style noscript template svg iframe object embed video audio canvas form button input select textarea nav "
    "img picture source oembed head title".split()
)
_PAGE_TAGS = frozenset(["header", "footer", "aside"])  # dropped on whole pages; in a post they may be the author's
_DROPPED_CLASSES = frozenset(
    "footnote-reference footnote-ref footnote-backref footnote-back-link footnote-backlink mjx-assistive-mml "
    "katex-html MathJax_Preview MJX_Assistive_MathML media embedly-card elicit-binary-prediction metaculus-preview "
    "manifold-preview owid-preview thoughtSaverFrameWrapper strawpoll-embed arbital-preview toc table-of-contents "
    "ltx_page_navbar ltx_page_footer ltx_bibliography sr-only visually-hidden".split()
)
_PARAGRAPH_TAGS = frozenset(
    "p div section article main h1 h2 h3 h4 h5 h6 blockquote pre ul ol dl table figure figcaption details summary hr "
    "header footer aside address center fieldset d-article body html".split()
)
_LINE_TAGS = frozenset("li tr dt dd caption".split())
_NOTE_ROLES = frozenset(["doc-noteref", "doc-backlink"])
_CROSSPOST = re.compile(
    r"^[\W_]*(?:(?:this|the)\s+(?:post|article|piece|essay)?\s*(?:is|was|has been)?\s*)?(?:also\s+)?(?:a\s+)?"
    r"(?:cross|x)[\s-]?post(?:ed)?\s+(?:from|on|at|to|with)\b.{0,180}$",
    re.IGNORECASE,
)
_JARGON = re.compile(r"\s*May contain more technical jargon than usual\.?", re.IGNORECASE)
_MARKDOWN_BLOCK = re.compile(r"^[ \t]*(?::::+[ \t]*\w*|\+\+\+[ \t]*(?P<title>.*?)|%%%.*)[ \t]*$", re.MULTILINE)
_MARKDOWN_SPOILER = re.compile(r"^([ \t]*)>!", re.MULTILINE)
_ZERO = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_GAP = "\x1e"  # a paragraph break in the making; _ZERO has removed it from every input
_TAB = "\x1f"  # a cell break in the making
_CODE_BREAK = "\x1d"  # a line break inside code
_LINE = "\x1b"  # a line end in the making
_MARK = "\x1c"  # stands after the mark of a list item


def text_from_html(html: str) -> str:
    """Returns the readable text of a fragment or of a whole page; of anything else, what can be read of it."""
    root = _parse(_ZERO.sub(" ", html))
    if root is None:
        return ""
    is_page = root.tag == "html"
    body = _main_part(root) if is_page else root
    menus = {node for node in body.iter("ul", "ol") if _is_menu(node)} if is_page else set()
    return drop_crosspost_lines(_tidy(_walk(body, _DROPPED_TAGS | (_PAGE_TAGS if is_page else frozenset()), menus)))


def text_from_markdown(markdown: str) -> str:
    """Returns the readable text of forum markdown: footnotes, dollar mathematics, spoilers and sections included."""
    markdown = _ZERO.sub(" ", markdown)
    markdown = _MARKDOWN_BLOCK.sub(lambda match: f"\n{match['title'] or ''}\n", markdown)
    return text_from_html("<div>" + _markdown().render(_MARKDOWN_SPOILER.sub(r"\1> ", markdown)) + "</div>")


def drop_crosspost_lines(text: str) -> str:
    """Removes the lines near the beginning and the end that only say where else the text stands."""
    paragraphs = _JARGON.sub("", text).split("\n\n")
    edges = {*range(3), len(paragraphs) - 1, len(paragraphs) - 2}
    return "\n\n".join(
        part for place, part in enumerate(paragraphs) if not (place in edges and _CROSSPOST.match(part.strip()))
    ).strip()


@cache
def _markdown() -> MarkdownIt:
    return (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .use(footnote_plugin)
        .use(dollarmath_plugin, allow_space=False, double_inline=True)
    )


def _parse(html: str) -> etree._Element | None:
    is_page = re.match(r"\s*(?:<!--.*?-->\s*)*<(?:!doctype|html)\b", html, re.IGNORECASE | re.DOTALL) is not None
    try:
        if is_page:
            return lxml.html.document_fromstring(html)
        return lxml.html.fragment_fromstring(html, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError, TypeError):
        return None


def _main_part(page: etree._Element) -> etree._Element:
    """The element of a page that holds the text: the largest article, main or d-article with half of the words."""
    body = page.find("body")
    whole = page if body is None else body
    total = len("".join(whole.itertext()))
    for path in (".//d-article", ".//*[@itemprop='articleBody']", ".//article", ".//main", ".//*[@role='main']"):
        parts = [(len("".join(part.itertext())), -place, part) for place, part in enumerate(whole.iterfind(path))]
        if parts and max(parts, key=lambda item: item[:2])[0] * 5 >= total:
            return max(parts, key=lambda item: item[:2])[2]
    return whole


def _is_menu(node: etree._Element) -> bool:
    """A list of a page in which nearly everything is a short link."""
    items = [len(" ".join("".join(item.itertext()).split())) for item in node.iter("li")]
    linked = sum(len(" ".join("".join(link.itertext()).split())) for link in node.iter("a"))
    return len(items) > 1 and linked >= 0.85 * sum(items) and sum(items) <= 30 * len(items)


def _walk(root: etree._Element, dropped_tags: frozenset[str], menus: set[etree._Element]) -> str:
    """Collects the text with marks for paragraphs and cells; a loop, so that no depth can exhaust the stack."""
    out: list[str] = []
    numbers: list[int | None] = []
    skipped: etree._Element | None = None
    for event, node in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event in ("comment", "pi"):
            if skipped is None:
                out.append(_flow(node.tail))
            continue
        if event == "start" and skipped is None:
            math = _math_of(node)
            if math is not None:
                out.append(math)
            if math is not None or (node is not root and (node in menus or _is_dropped(node, dropped_tags))):
                skipped = node
            else:
                out.append(_opening(node, numbers))
                out.append(_code(node.text) if _in_code(node) else _flow(node.text))
        elif event == "end":
            if skipped is None:
                out.append(_closing(node, numbers))
            if skipped is node:
                skipped = None
            if skipped is None and node is not root:
                out.append(_code(node.tail) if _in_code(node.getparent()) else _flow(node.tail))
    return "".join(out)


def _opening(node: etree._Element, numbers: list[int | None]) -> str:
    tag = node.tag
    if tag in ("ul", "ol"):
        start = node.get("start", "1")
        is_numbered = tag == "ol" and not _classes(node) & {"footnotes", "footnotes-list", "footnote-list"}
        numbers.append((int(start) if start.isdecimal() and len(start) < 9 else 1) if is_numbered else None)
        is_nested = len(numbers) > 1
        return _LINE if is_nested else _GAP
    if tag == "li":
        if _classes(node) & {"footnote-item"} or node.get("role") == "doc-endnote":
            return _GAP
        mark = "- "
        if numbers and numbers[-1] is not None:
            mark = f"{numbers[-1]}. "
            numbers[-1] += 1
        return f"{_LINE}{mark}{_MARK}"
    if tag == "br":
        return "\n"
    if tag == "sup":
        inside = "".join(node.itertext()).strip()
        return "^" if re.fullmatch(r"[-+\u2212]?[\w.]{1,4}", inside) and inside not in ("st", "nd", "rd", "th") else ""
    return _GAP if tag in _PARAGRAPH_TAGS else _LINE if tag in _LINE_TAGS else ""


def _closing(node: etree._Element, numbers: list[int | None]) -> str:
    if node.tag in ("ul", "ol") and numbers:
        numbers.pop()
        return _LINE if numbers else _GAP
    if node.tag in ("td", "th"):
        return _TAB
    return _GAP if node.tag in _PARAGRAPH_TAGS else _LINE if node.tag in _LINE_TAGS else ""


def _classes(node: etree._Element) -> set[str]:
    return set(node.get("class", "").split())


def _is_dropped(node: etree._Element, dropped_tags: frozenset[str]) -> bool:
    if not isinstance(node.tag, str) or node.tag in dropped_tags:
        return True
    return bool(
        _classes(node) & _DROPPED_CLASSES
        or node.get("role") in _NOTE_ROLES
        or (
            node.tag == "sup"
            and re.fullmatch(r"\s*\[?\d{1,3}\]?\s*", "".join(node.itertext()))
            and _has_note_link(node)
        )
    )


def _has_note_link(node: etree._Element) -> bool:
    return any(re.search(r"#\S*(?:fn|foot|note|ftnt)", link.get("href", "")) for link in node.iter("a"))


def _math_of(node: etree._Element) -> str | None:
    """The readable form of a mathematical element, or None if it is not one."""
    if not isinstance(node.tag, str):
        return None
    classes = _classes(node)
    source = None
    if "mjx-math" in classes or (node.tag == "mjx-container" and node.get("aria-label")):
        source = node.get("aria-label")
    elif node.tag == "math" or "katex" in classes or node.tag in ("mjx-container",):
        found = node.find(".//annotation[@encoding='application/x-tex']")
        source = node.get("alttext") or (found.text if found is not None else None)
        if source is None and node.tag == "math":
            return "".join("".join(node.itertext()).split())
    elif "math" in classes and node.tag in ("span", "div", "eq", "eqn", "section"):
        source = "".join(node.itertext())
        source = re.sub(r"^\s*(?:\\[(\[]|\$\$?)|(?:\\[)\]]|\$\$?)\s*$", "", source)
    if source is None:
        return None
    is_block = bool(classes & {"block", "display"}) or node.tag in ("div", "section", "eqn")
    return f"{_GAP}{text_from_math(source)}{_GAP}" if is_block else text_from_math(source)


def _in_code(node: etree._Element | None) -> bool:
    while node is not None:
        if node.tag == "pre":
            return True
        node = node.getparent() if node.tag in ("code", "span", "b", "i", "em", "strong") else None
    return False


def _flow(text: str | None) -> str:
    return re.sub(r"\s+", " ", text) if text else ""


def _code(text: str | None) -> str:
    return text.replace("\n", _CODE_BREAK) if text else ""


def _tidy(text: str) -> str:
    """Turns the marks into blank lines, line ends and cell bars."""
    text = re.sub(f"[ \\n{_LINE}]*{_GAP}[ \\n{_LINE}{_GAP}]*", _GAP, text)
    text = re.sub(f"[ {_LINE}]*{_LINE}[ {_LINE}]*", _LINE, text)
    text = re.sub(f"{_MARK}[ \\n{_GAP}{_LINE}]*", "", text)  # a list mark stays with the text of its item
    text = re.sub(f"{_GAP}?{_TAB}[ {_TAB}]*(?=[\\n{_GAP}{_LINE}]|$)", "", text)
    text = re.sub(f"{_GAP}?[ ]*{_TAB}{_GAP}?[ ]*", " | ", text)
    text = re.sub(f" *[\\n{_LINE}] *", "\n", text).replace(_GAP, "\n\n").replace(_CODE_BREAK, "\n")
    lines = [line for line in text.split("\n") if line.strip() not in ("-", "|")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
