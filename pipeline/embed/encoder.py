"""Encoders: a text becomes a unit vector, on the fastest engine at hand that stays faithful to the reference.

The reference is sentence-transformers on torch in float32. How close and how fast each engine is on this project's
documents stands in reports/bench/embed.md, which `make bench-embed` writes.
"""

import importlib.util
import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pipeline.embed.weights import find_weights, hash_settings
from pipeline.errors import ConfigError, DataError
from pipeline.settings import Embed

log = logging.getLogger(__name__)
PRECISIONS: dict[str, tuple[str, ...]] = {
    "torch": ("float32", "bfloat16"),
    "openvino": ("float32", "bfloat16", "int8"),
    "onnx": ("float32",),
}
EXTRAS: dict[str, tuple[str, tuple[str, ...]]] = {  # by backend: the extra, and its packages
    "openvino": ("fast", ("openvino",)),
    "onnx": ("onnx", ("onnxruntime", "onnx")),
}
CHARACTERS_PER_TOKEN = 12  # a generous bound: text beyond max_tokens times this cannot reach the encoder


@dataclass(frozen=True)
class Encoder:
    """Turns n texts into float16 (n, dimension_count) unit rows, in the order of the texts.

    Attributes:
        backend: engine and precision, such as `openvino-bfloat16`: part of every vector's provenance.
        settings_sha256: hash of the tokenizer, layers and pooling.
        encode: the function itself; for the same texts in the same order it returns the same rows.
    """

    backend: str
    settings_sha256: str
    encode: Callable[[Sequence[str]], np.ndarray]

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Encodes the texts."""
        return self.encode(texts)


def load_encoder(settings: Embed, cache: Path | None = None, thread_count: int | None = None) -> Encoder:
    """Returns the encoder that the configuration asks for, or the fastest at hand.

    Args:
        settings: the `[embed]` table.
        cache: folder for the converted model; without one it is converted at each load (about 4 s).
        thread_count: processor threads to use; all that this process may use by default.

    Raises:
        DataError: the weights are not there, or are not the ones named by their hash.
        ConfigError: the backend asked for is not installed.
    """
    folder = find_weights(settings)
    os.environ["HF_HUB_OFFLINE"] = "1"  # the weights are here: no library may ask a hub for more
    chosen = choose_backend(settings)
    limit = settings.max_tokens * CHARACTERS_PER_TOKEN
    if chosen.backend == "openvino":
        from pipeline.embed.openvino_backend import load_openvino  # noqa: PLC0415  an optional extra

        run = load_openvino(folder, chosen, cache, thread_count)
    elif chosen.backend == "onnx":
        from pipeline.embed.onnx_backend import load_onnx  # noqa: PLC0415  an optional extra

        run = load_onnx(folder, chosen, cache, thread_count)
    else:
        from pipeline.embed.torch_backend import load_torch  # noqa: PLC0415  takes seconds to import

        run = load_torch(folder, chosen, thread_count)

    def encode(texts: Sequence[str]) -> np.ndarray:
        if not texts:
            return np.empty((0, settings.dimension_count), dtype=np.float16)
        vectors = run([text[:limit] for text in texts])
        if vectors.shape[1] != settings.dimension_count:
            raise DataError(
                f"the encoder has {vectors.shape[1]} dimensions, not {settings.dimension_count}",
                where=str(folder),
                do="correct [embed] dimension_count",
            )
        return vectors.astype(np.float16)

    return Encoder(name_backend(chosen), hash_settings(folder), encode)


def choose_backend(settings: Embed) -> Embed:
    """Returns the settings with every `auto` replaced by what this machine has.

    Raises:
        ConfigError: what was asked for is not installed, or the backend cannot run in the precision asked for.
    """
    device = settings.device
    if device == "auto":
        device = "cuda" if settings.backend in ("auto", "torch") and _has_cuda() else "cpu"
    backend, precision = settings.backend, settings.precision
    if backend == "auto" and precision == "int8":
        backend, device = "openvino", "cpu"
    elif backend == "auto":
        backend = "openvino" if device == "cpu" and _is_installed("openvino") else "torch"
        if device == "cpu" and backend == "torch":
            log.info("embed: openvino is not installed, so torch encodes; pip install '.[fast]' makes it faster")
    if precision == "auto":
        precision = "bfloat16" if backend == "openvino" and _has_bfloat16() else "float32"
    if precision not in PRECISIONS[backend]:
        raise ConfigError(
            f"[embed.precision] {backend} does not run in {precision}",
            do=f"write one of {', '.join(PRECISIONS[backend])}",
        )
    _check_installed(backend, precision)
    return replace(settings, backend=backend, precision=precision, device=device)


def _check_installed(backend: str, precision: str) -> None:
    extra, packages = EXTRAS.get(backend, ("", ()))
    if precision == "int8":
        extra, packages = "int8", ("openvino", "nncf")
    missing = [name for name in packages if not _is_installed(name)]
    if missing:
        raise ConfigError(
            f"[embed] {backend} in {precision} needs {' and '.join(missing)}, which is not installed",
            do=f'pip install \'.[{extra}]\', or write backend = "auto" and precision = "auto"',
        )


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def name_backend(chosen: Embed) -> str:
    """Returns the name that stands in the provenance of the vectors."""
    return f"{chosen.backend}{'-cuda' if chosen.device == 'cuda' else ''}-{chosen.precision}"


def _has_cuda() -> bool:
    if not Path("/proc/driver/nvidia").exists() and not shutil.which("nvidia-smi"):
        return False  # spares the import of torch
    import torch  # noqa: PLC0415

    return bool(torch.cuda.is_available())


def _has_bfloat16() -> bool:
    import openvino  # noqa: PLC0415

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
