"""The documentation: reference from docstrings, the examples as they are, the command line from its parser."""

import inspect
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ["COLUMNS"] = "100"  # of the help of the command line
sys.path.insert(0, str(ROOT))

import alignment_census  # noqa: E402
from alignment_census.command import make_parser  # noqa: E402

project = "alignment-census"
author = "the alignment-census authors"
release = alignment_census.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_custom_sections = [("Source", "notes_style"), ("Raises", "notes_style")]
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
html_theme = "alabaster"
html_theme_options = {"description": "The census as data, and the package that reads it", "fixed_sidebar": True}
exclude_patterns = ["_build"]
nitpicky = False

# The order of the reference: what a person does first comes first.
CHAPTERS = {
    "Loading": ("load_census", "list_censuses", "verify_census", "Census", "CensusError"),
    "What was read and estimated": ("share", "agendas", "codes", "weights", "predictions", "people"),
    "Shares of one's own": ("load_definitions", "estimate_share", "Estimate", "measure_agreement"),
    "Finding documents": ("find_documents", "nearest", "search", "places", "canonical_id"),
    "Versions": ("compare_censuses",),
    "Texts and vectors": ("extract_text", "find_neighbours", "cluster_vectors"),
}


def write_pages(_app: object) -> None:
    """Writes the pages that follow from the code: reference, examples, command line."""
    home = Path(__file__).parent / "generated"
    home.mkdir(exist_ok=True)
    listed = [name for names in CHAPTERS.values() for name in names]
    missing = set(alignment_census.__all__) - {*listed, "__version__"}
    if missing or len(listed) != len(set(listed)):
        raise ValueError(f"docs/conf.py: no chapter, or two, for {sorted(missing)}")
    lines = ["Reference", "=========", ""]
    for chapter, names in CHAPTERS.items():
        lines += [chapter, "-" * len(chapter), ""]
        for name in names:
            found = getattr(alignment_census, name)
            kind = "function" if inspect.isfunction(found) else "class"
            lines += [
                f".. auto{kind}:: alignment_census.{name}",
                "   :members:" * (kind == "class"),
                "",
            ]
    (home / "reference.rst").write_text("\n".join(lines), encoding="utf-8")
    lines = ["Examples", "========", "", "Each is a script of ``examples/`` that the tests run.", ""]
    for path in sorted((ROOT / "examples").glob("*.py")):
        title = path.stem.replace("_", " ").capitalize()
        lines += [
            title,
            "-" * len(title),
            "",
            f".. literalinclude:: ../../examples/{path.name}",
            "   :language: python",
            "",
        ]
    (home / "examples.rst").write_text("\n".join(lines), encoding="utf-8")
    lines = ["Command line", "============", "", ".. code-block:: text", ""]
    lines += [f"   {line}".rstrip() for line in make_parser().format_help().splitlines()]
    (home / "command.rst").write_text("\n".join(lines) + "\n", encoding="utf-8")


def setup(app: object) -> None:
    """Hooks the pages into the build."""
    app.connect("builder-inited", write_pages)  # type: ignore[attr-defined]
