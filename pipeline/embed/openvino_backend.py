"""The fast backend for processors: the same model, converted by OpenVINO itself, in bfloat16 or float32."""

import logging
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config import Embed
from pipeline.embed.batches import make_batches, run_ahead
from pipeline.embed.weights import TOKENIZER_NAME
from pipeline.errors import DataError

log = logging.getLogger(__name__)
BATCH_SIZE = 8  # small batches waste little on padding and stay in the cache of one core
MODEL_NAME = "model.xml"
PRECISION_NAMES = {"float32": "f32", "bfloat16": "bf16"}
PROBES = (
    "A short sentence.",
    "Reward models are trained on comparisons, and the policy learns whatever the reward model pays for. " * 8,
)
PROBE_COSINE = 0.9999


def load_openvino(
    folder: Path, settings: Embed, cache: Path | None, thread_count: int | None
) -> Callable[[Sequence[str]], np.ndarray]:
    """Returns a function from n texts to float32 (n, n_dims) unit rows.

    One stream a core: cores work on batches of their own, which needs no waiting for each other.
    """
    import openvino  # noqa: PLC0415  an optional extra
    from tokenizers import Tokenizer  # noqa: PLC0415

    core = openvino.Core()
    cores = thread_count or len(os.sched_getaffinity(0))
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_NAME))
    tokenizer.enable_truncation(settings.max_tokens)
    tokenizer.no_padding()
    options = {
        "INFERENCE_PRECISION_HINT": PRECISION_NAMES[settings.precision],
        "INFERENCE_NUM_THREADS": cores,
        "NUM_STREAMS": cores,
        "ENABLE_CPU_PINNING": False,  # otherwise the workers of several processes all sit on the first core
    }
    model = core.compile_model(find_model(folder, settings, cache, core), "CPU", options)
    requests = openvino.AsyncInferQueue(model, cores)
    width = model.output(0).get_partial_shape()[1].get_length()

    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = np.empty((len(texts), width), dtype=np.float32)

        def keep(request: Any, rows: np.ndarray) -> None:
            vectors[rows] = request.get_output_tensor().data

        requests.set_callback(keep)
        for batch in run_ahead(make_batches(tokenizer.encode_batch, texts, BATCH_SIZE)):
            requests.start_async({"input_ids": batch.token_ids, "attention_mask": batch.mask}, batch.rows)
        requests.wait_all()
        # bfloat16 normalizes to three digits only: the length is put right in float32.
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return encode


def find_model(folder: Path, settings: Embed, cache: Path | None, core: Any) -> Any:
    """Returns the converted model: from the cache where it is there, else converted now (and cached).

    It is always read from a file: the model just converted has other bits in the last places than the one read back.
    """
    import openvino  # noqa: PLC0415

    if cache is None:
        with tempfile.TemporaryDirectory() as name:
            openvino.save_model(convert_model(folder, settings), Path(name) / MODEL_NAME, compress_to_fp16=False)
            return _read_whole(core, Path(name))
    home = cache / f"{settings.weights_sha256[:16]}-openvino-{openvino.__version__.split('-')[0]}"
    if not (home / MODEL_NAME).is_file():
        cache.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{home.name}.", dir=cache))
        try:
            openvino.save_model(convert_model(folder, settings), draft / MODEL_NAME, compress_to_fp16=False)
            if not home.exists():
                draft.rename(home)  # whole or not at all: a kill leaves no half model
        except OSError:
            if not (home / MODEL_NAME).is_file():  # else another process was first, with the same model
                raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return core.read_model(home / MODEL_NAME)


def _read_whole(core: Any, home: Path) -> Any:
    """Reads a model whose files are about to go: from memory, not mapped."""
    import openvino  # noqa: PLC0415

    weights = (home / MODEL_NAME).with_suffix(".bin").read_bytes()
    tensor = openvino.Tensor(np.frombuffer(weights, dtype=np.uint8))
    return core.read_model((home / MODEL_NAME).read_bytes(), tensor)


def convert_model(folder: Path, settings: Embed) -> Any:
    """Converts the whole sentence-transformers model, pooling and all, and checks it against the original.

    Raises:
        DataError: the converted model does not give the vectors of the original.
    """
    import openvino  # noqa: PLC0415
    import torch  # noqa: PLC0415

    from pipeline.embed.torch_backend import load_model  # noqa: PLC0415

    original = load_model(folder, "cpu", settings.max_tokens)

    class Whole(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = original

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return self.layers({"input_ids": input_ids, "attention_mask": attention_mask})["sentence_embedding"]

    mask = torch.ones((2, 16), dtype=torch.int64)
    mask[1, 8:] = 0
    shape, kind = openvino.PartialShape([-1, -1]), openvino.Type.i64
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer warns of inputs that cannot occur here
        model = openvino.convert_model(
            Whole(),
            example_input=(torch.ones_like(mask), mask),
            input=[("input_ids", shape, kind), ("attention_mask", shape, kind)],
        )
    _check_conversion(model, original, folder)
    return model


def _check_conversion(model: Any, original: Any, folder: Path) -> None:
    import openvino  # noqa: PLC0415
    from tokenizers import Tokenizer  # noqa: PLC0415

    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER_NAME))
    tokenizer.enable_truncation(original.max_seq_length)
    tokenizer.no_padding()
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for batch in make_batches(tokenizer.encode_batch, PROBES, len(PROBES)):
        found = compiled((batch.token_ids, batch.mask))[0]
        wanted = original.encode([PROBES[row] for row in batch.rows], show_progress_bar=False)
        cosine = float((found * wanted).sum(axis=1).min())
        if not cosine > PROBE_COSINE:
            raise DataError(
                f"the converted model gives other vectors (cosine {cosine:.4f})",
                where=str(folder),
                do='write backend = "torch" under [embed]',
            )
