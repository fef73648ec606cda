"""LaTeX to readable text: formulas as a person would type them, without references, figures and preamble."""

import re
from functools import cache

from pylatexenc.latex2text import EnvironmentTextSpec, LatexNodes2Text, MacroTextSpec, get_default_latex_context_db
from pylatexenc.latexwalker import LatexWalkerError

MAX_MATH = 2_000  # characters; a longer formula is a table or a fault
_COMMENT = re.compile(r"(?<!\\)%.*?(?:\n|$)")
_BODY = re.compile(r"\\begin\s*\{document\}(.*?)(?:\\end\s*\{document\}|\Z)", re.DOTALL)
_BACK_MATTER = re.compile(r"\\(?:appendix\b|bibliography\s*\{|printbibliography\b|begin\s*\{thebibliography\})")
_DROPPED_ENVIRONMENTS = re.compile(
    r"\\begin\s*\{(figure|table|tikzpicture|algorithm|wrapfigure|thebibliography|comment|CCSXML|keywords)(\*?)\}.*?"
    r"\\end\s*\{\1\2\}",
    re.DOTALL,
)
_DEFINITION = re.compile(
    r"\\(?:(?:re)?newcommand\*?|providecommand\*?|DeclareMathOperator\*?|def)\s*\{?\\([A-Za-z]+)\}?\s*"
    r"\{((?:[^{}]|\{[^{}]*\})*)\}"
)
_HEADING = re.compile(r"\\(?:part|chapter|(?:sub)*section|(?:sub)?paragraph)\*?\s*(?:\[[^\]]*\])?\s*\{")
_REFERENCE = re.compile(
    r"[~ ]?\\(?:[cC]ite\w*|nocite|(?:[eE]q|[cC]|auto|page|name)?ref\*?|label|index|vspace\*?|hspace\*?|includegraphics"
    r"|bibliographystyle|thanks)\s*(?:\[[^\]]*\])*\s*\{[^{}]*\}"
)
_TITLE_COMMANDS = re.compile(r"\\(?:maketitle|tableofcontents|clearpage|newpage|titlepage)(?![A-Za-z])")
_OPERATOR = re.compile(r"\\operatorname\*?\s*\{([^{}]*)\}")
_FOOTNOTE = re.compile(r"\s*\\footnote(?:text)?\s*(?:\[[^\]]*\])?\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_SINGLE_QUOTES = re.compile(r"(?<![`\w])`([^`'\n]{1,80})'")
_RELATIONS = re.compile(
    r"[ \t]*([\u2190-\u2194\u21d0-\u21d4\u2208\u2209\u223c\u2245\u2248\u2260-\u226b\u2282-\u2287\u00d7])[ \t]*"
)
_BIG_OPERATORS = re.compile(r"(?<=[\w)])(?=[\u220f\u2211\u222b])")
_EMPTY_BRACKETS = re.compile(r"[ ~]*(?:\(\s*[,;]?\s*\)|\[\s*\])")
_SPACED_SIGNS = re.compile(r"[ \t]+([,.;:!?])(?=\s|$)")
_RESIDUE = re.compile(r"\\(?:[A-Za-z]+\*?|.)|[{}$]")
_MACRO_TEXTS = {
    "url": "%s",
    "texttt": "%s",
    "textsc": "%s",
    "item": "\n- ",
    "textbf": "%s",
    "emph": "%s",
    "xspace": "",
    "noindent": "",
    "centering": "",
    "|": "\u2016",
    "mathbb": "%s",
    "mathcal": "%s",
    "mathbf": "%s",
    "boldsymbol": "%s",
    "mathrm": "%s",
    "mathsf": "%s",
    "mathfrak": "%s",
    "text": "%s",
    "tfrac": "%s/%s",
    "dfrac": "%s/%s",
}


def text_from_latex(source: str) -> str:
    """Returns the readable text of an article's source, or of a fragment such as an abstract.

    Simple definitions (no arguments) are expanded; figures, tables, citations, labels, and everything from the
    bibliography or the appendix on are left out. Text that is not LaTeX at all comes back as it is.
    """
    source = re.sub(r"\r\n?", "\n", source)
    if "\\begin{document}" in source.replace(" ", ""):
        source = _COMMENT.sub("", source)
    definitions = {name: body for name, body in _DEFINITION.findall(source) if "#" not in body}
    body = _BODY.search(source)
    text = body.group(1) if body else source
    text = _DROPPED_ENVIRONMENTS.sub("\n\n", _DEFINITION.sub("", text))
    back = _BACK_MATTER.search(text)
    text = text[: back.start()] if back else text
    for name, meaning in sorted(definitions.items()):
        text = re.sub(rf"\\{name}(?![A-Za-z])\s?(?:\{{\}})?", meaning.replace("\\", r"\\"), text)
    text = _HEADING.sub(lambda match: f"\n\n{match.group(0)}", text)
    text = _spread_headings(_REFERENCE.sub("", text))
    text = _TITLE_COMMANDS.sub("", _FOOTNOTE.sub(r" (\1)", _SINGLE_QUOTES.sub("\u2018\\1\u2019", text)))
    paragraphs = [_convert(part) for part in re.split(r"\n[ \t]*\n", text)]
    joined = "\n\n".join(" ".join(part.split(" ")) for part in paragraphs if part.strip())
    return _SPACED_SIGNS.sub(r"\1", _EMPTY_BRACKETS.sub("", joined)).strip()


def text_from_math(source: str) -> str:
    """Returns a formula on one line, as a person would type it: `\\frac{a}{b}` is a/b."""
    if len(source) > MAX_MATH:
        return ""
    return " ".join(_nodes_to_text(f"${source.strip()}$").split())


def _spread_headings(text: str) -> str:
    """Puts each heading into a paragraph of its own, without its command."""
    out, last = [], 0
    for match in _HEADING.finditer(text):
        end = text.find("}", match.end())
        if match.start() < last or end < 0:
            continue
        out += [text[last : match.start()], "\n\n", text[match.end() : end], "\n\n"]
        last = end + 1
    return "".join(out) + text[last:]


def _convert(paragraph: str) -> str:
    """One paragraph: lines are joined except at list items."""
    if not re.search(r"[\\$~{}]|``|''|--", paragraph):
        return " ".join(paragraph.split())
    text = _nodes_to_text(paragraph)
    return "\n".join(" ".join(part.split()) for part in re.split(r"\n(?=- )", text) if part.strip())


def _nodes_to_text(source: str) -> str:
    try:
        text = _converter().latex_to_text(_OPERATOR.sub(r"\1", source))
        return _BIG_OPERATORS.sub(" ", _RELATIONS.sub(r" \1 ", text))
    except (LatexWalkerError, ValueError, IndexError, KeyError, TypeError, AttributeError, RecursionError):
        return _RESIDUE.sub(" ", source)  # whatever is wrong with the source, its words are still readable


@cache
def _converter() -> LatexNodes2Text:
    context = get_default_latex_context_db()
    context.add_context_category(
        "census",
        prepend=True,
        macros=[MacroTextSpec(name, simplify_repl=text) for name, text in _MACRO_TEXTS.items()],
        environments=[
            EnvironmentTextSpec(name, simplify_repl="\n%s\n") for name in ("itemize", "enumerate", "abstract", "quote")
        ],
    )
    return LatexNodes2Text(latex_context=context, math_mode="text", strict_latex_spaces=False, keep_comments=False)
