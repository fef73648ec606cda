"""Conversion: what the fast engines share. A model is converted once, checked against the original, and kept whole."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.embed.batches import Batch, make_batches
from pipeline.embed.torch_backend import load_model
from pipeline.embed.weights import TOKENIZER_NAME
from pipeline.errors import DataError

PROBES = (
    "A short sentence.",
    "Reward models are trained on comparisons, and the policy learns whatever the reward model pays for. " * 8,
)
PROBE_COSINE = 0.9999
INPUT_NAMES = ("input_ids", "attention_mask")
SILENCERS = ("CI", "NNCF_CI")


@contextlib.contextmanager
def keep_converted(cache: Path | None, name: str, make: Callable[[Path], None]) -> Iterator[tuple[Path, bool]]:
    """Yields the folder of a converted model, made now unless the cache has it, and whether it will stay.

    Args:
        cache: folder of converted models; without one the model is made in a folder that goes with the block.
        name: says everything that the converted model depends on.
        make: writes the files of the model into a folder.
    """
    if cache is None:
        with tempfile.TemporaryDirectory() as draft:
            make(Path(draft))
            yield Path(draft), False
        return
    home = cache / name
    if not home.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        draft = tempfile.mkdtemp(prefix=f".{name}.", dir=cache)
        try:
            make(Path(draft))
            Path(draft).rename(home)  # whole or not at all: a kill leaves no half model
        except OSError:
            if not home.is_dir():  # else another process was first, with the same model
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    yield home, True


def wrap_whole(original: Any) -> tuple[Any, tuple[Any, Any]]:
    """Returns a sentence-transformers model, pooling and all, as one module of tensors, and an example of its input."""
    import torch  # noqa: PLC0415  takes seconds to import

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = original

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return self.layers({"input_ids": input_ids, "attention_mask": attention_mask})["sentence_embedding"]

    mask = torch.ones((2, 16), dtype=torch.int64)
    mask[1, 8:] = 0
    return Whole().eval(), (torch.ones_like(mask), mask)


def load_original(folder: Path, max_tokens: int) -> Any:
    """Returns the sentence-transformers model that is to be converted."""
    return load_model(folder, "cpu", max_tokens)


def load_tokenizer(folder: Path, max_tokens: int) -> Any:
    """Returns the tokenizer of a model; it cuts at the reading length and pads nothing."""
    from tokenizers import Tokenizer  # noqa: PLC0415

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_NAME))
    tokenizer.enable_truncation(max_tokens)
    tokenizer.no_padding()
    return tokenizer


def check_conversion(run: Callable[[Batch], np.ndarray], original: Any, folder: Path) -> None:
    """Compares a converted model with the original on two texts of different lengths.

    Args:
        run: the converted model, from a batch to float32 (n, n_dims) vectors.
        original: the sentence-transformers model.
        folder: where the original lies, for the message.

    Raises:
        DataError: the converted model does not give the vectors of the original.
    """
    tokenizer = load_tokenizer(folder, original.max_seq_length)
    for batch in make_batches(tokenizer.encode_batch, PROBES, len(PROBES)):
        found = run(batch)
        wanted = original.encode([PROBES[row] for row in batch.rows], show_progress_bar=False)
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(wanted, axis=1)
        cosine = float(((found * wanted).sum(axis=1) / lengths).min())
        if not cosine > PROBE_COSINE:
            raise DataError(
                f"the converted model gives other vectors (cosine {cosine:.4f})",
                where=str(folder),
                do='write backend = "torch" under [embed]',
            )


@contextlib.contextmanager
def without_telemetry() -> Iterator[None]:
    """Keeps the converters from reporting their use: nothing but `scrape` may ask the network for anything.

    OpenVINO and nncf report unless they believe to run unattended, which they take from these variables.
    """
    before = {name: os.environ.get(name) for name in SILENCERS}
    os.environ.update(dict.fromkeys(SILENCERS, "true"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
