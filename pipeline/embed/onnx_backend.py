"""The backend for processors without OpenVINO: the same model, exported by torch, run by ONNX Runtime in float32."""

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.embed.batches import Batch, make_batches, run_ahead
from pipeline.embed.conversion import (
    INPUT_NAMES,
    check_conversion,
    keep_converted,
    load_original,
    load_tokenizer,
    wrap_whole,
)
from pipeline.settings import Embed

BATCH_SIZE = 8  # as for OpenVINO: little padding, and all of a batch in the cache of one core
MODEL_NAME = "model.onnx"
OPSET = 17  # the first that knows layer normalization as one operation


def load_onnx(
    folder: Path, settings: Embed, cache: Path | None, thread_count: int | None
) -> Callable[[Sequence[str]], np.ndarray]:
    """Returns a function from n texts to float32 (n, n_dims) unit rows.

    One thread a core, each with batches of its own.
    """
    import onnxruntime  # noqa: PLC0415  an optional extra

    cores = thread_count or len(os.sched_getaffinity(0))
    tokenizer = load_tokenizer(folder, settings.max_tokens)

    def make(home: Path) -> None:
        export_model(folder, settings, home / MODEL_NAME)

    name = f"{settings.weights_sha256[:16]}-onnx-{onnxruntime.__version__}"
    with keep_converted(cache, name, make) as (home, _):
        session = open_session(home / MODEL_NAME)

    def run(batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        return batch.rows, run_batch(session, batch)

    def encode(texts: Sequence[str]) -> np.ndarray:
        with ThreadPoolExecutor(cores) as pool:
            batches = run_ahead(make_batches(tokenizer.encode_batch, texts, BATCH_SIZE))
            parts = list(_map_some_ahead(pool, run, batches, 2 * cores))
        vectors = np.concatenate([vectors for _, vectors in parts])
        ordered = np.empty_like(vectors)
        ordered[np.concatenate([rows for rows, _ in parts])] = vectors
        return ordered / np.linalg.norm(ordered, axis=1, keepdims=True)

    return encode


def open_session(path: Path) -> Any:
    """Returns the ONNX Runtime session of a model, which works in the thread that calls it."""
    import onnxruntime  # noqa: PLC0415

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])


def run_batch(session: Any, batch: Batch) -> np.ndarray:
    """Returns float32 (n, n_dims): the vectors of one batch."""
    return session.run(None, dict(zip(INPUT_NAMES, (batch.token_ids, batch.mask), strict=True)))[0]


def export_model(folder: Path, settings: Embed, path: Path) -> None:
    """Writes the whole sentence-transformers model, pooling and all, as ONNX, and checks it against the original.

    Raises:
        DataError: the exported model does not give the vectors of the original.
    """
    import torch  # noqa: PLC0415

    original = load_original(folder, settings.max_tokens)
    whole, example = wrap_whole(original)
    axes = {0: "batch", 1: "length"}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of inputs that cannot occur here
        torch.onnx.export(
            whole,
            example,
            path,
            dynamo=False,  # the newer exporter needs one package more
            opset_version=OPSET,
            input_names=list(INPUT_NAMES),
            output_names=["vectors"],
            dynamic_axes={**dict.fromkeys(INPUT_NAMES, axes), "vectors": {0: "batch"}},
        )
    session = open_session(path)
    check_conversion(lambda batch: run_batch(session, batch), original, folder)


def _map_some_ahead(
    pool: ThreadPoolExecutor, run: Callable[[Batch], Any], batches: Iterator[Batch], ahead: int
) -> Iterator[Any]:
    """Yields the results in order, with at most `ahead` batches in work or waiting: memory stays flat."""
    waiting: deque[Future] = deque()
    for batch in batches:
        waiting.append(pool.submit(run, batch))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
