"""Comments taken out of what the page is made of, so that they reach neither the page nor what reruns."""

import re

_WHOLE_LINE = {
    ".js": re.compile(r"^[ \t]*//[^\n]*\n", re.MULTILINE),
    ".css": re.compile(r"^[ \t]*/\*[^\n]*?\*/[ \t]*\n", re.MULTILINE),
    ".html": re.compile(r"^[ \t]*(?:\{#[^\n]*?#\}|<!--[^\n]*?-->)[ \t]*\n", re.MULTILINE),
    ".md": re.compile(r"^[ \t]*\{#[^\n]*?#\}[ \t]*\n", re.MULTILINE),
}


def strip_comments(text: str, suffix: str) -> str:
    """Returns a script, a style sheet or a template without the lines that are nothing but a comment.

    Args:
        text: of the file.
        suffix: of its name, such as `.js`; a text of another kind comes back as it is.
    """
    pattern = _WHOLE_LINE.get(suffix)
    return pattern.sub("", text) if pattern else text
