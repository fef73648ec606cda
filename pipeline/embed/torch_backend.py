"""The reference backend: sentence-transformers on torch, on the processor or a CUDA device."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.settings import Embed

CUDA_BATCH_SIZE = 256  # a device is idle with less; not measured, since no device was at hand


def load_torch(folder: Path, settings: Embed, thread_count: int | None) -> Callable[[Sequence[str]], np.ndarray]:
    """Returns a function from n texts to float32 (n, n_dims) unit rows."""
    import torch  # noqa: PLC0415  takes seconds to import

    if thread_count:
        torch.set_num_threads(thread_count)
    model = load_model(folder, settings.device, settings.max_tokens)
    if settings.precision == "bfloat16":
        model = model.to(torch.bfloat16)
    batch_size = CUDA_BATCH_SIZE if settings.device == "cuda" else settings.batch_size

    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = model.encode(
            list(texts),
            batch_size=batch_size,
            normalize_embeddings=True,
            convert_to_tensor=True,
            show_progress_bar=False,
        )
        found = vectors.float().cpu().numpy()
        # bfloat16 normalizes to three digits only: the length is put right in float32.
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    return encode


def load_model(folder: Path, device: str, max_tokens: int) -> Any:
    """Returns the sentence-transformers model of a folder, loaded without bars and chatter."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    from transformers.utils import logging as chatter  # noqa: PLC0415

    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)
    chatter.set_verbosity_error()
    chatter.disable_progress_bar()
    model = SentenceTransformer(str(folder), device=device, local_files_only=True)
    model.max_seq_length = max_tokens
    return model
