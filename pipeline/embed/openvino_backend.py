"""The fast backend for processors: the same model, converted by OpenVINO itself, in bfloat16, float32 or int8."""

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
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
    without_telemetry,
    wrap_whole,
)
from pipeline.settings import Embed

BATCH_SIZE = 8  # small batches waste little on padding and stay in the cache of one core
MODEL_NAME = "model.xml"
# What of an int8 model is not in int8 is computed in bfloat16.
PRECISION_NAMES = {"float32": "f32", "bfloat16": "bf16", "int8": "bf16"}


def load_openvino(
    folder: Path, settings: Embed, cache: Path | None, thread_count: int | None
) -> Callable[[Sequence[str]], np.ndarray]:
    """Returns a function from n texts to float32 (n, n_dims) unit rows.

    One stream a core: cores work on batches of their own, which needs no waiting for each other.
    """
    import openvino  # noqa: PLC0415  an optional extra

    core = openvino.Core()
    cores = thread_count or len(os.sched_getaffinity(0))
    tokenizer = load_tokenizer(folder, settings.max_tokens)
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

    def make(home: Path) -> None:
        if settings.precision == "int8":
            from pipeline.embed.quantization import quantize_model  # noqa: PLC0415  an optional extra

            whole = find_model(folder, replace(settings, precision="float32"), cache, core)
            model = quantize_model(whole, load_tokenizer(folder, settings.max_tokens))
        else:
            model = convert_model(folder, settings)
        openvino.save_model(model, home / MODEL_NAME, compress_to_fp16=False)

    name = f"{settings.weights_sha256[:16]}-openvino-{openvino.__version__.split('-')[0]}"
    if settings.precision == "int8":
        from pipeline.embed.quantization import name_quantization  # noqa: PLC0415

        name += f"-{name_quantization(settings.max_tokens)}"
    with keep_converted(cache, name, make) as (home, stays):
        return core.read_model(home / MODEL_NAME) if stays else _read_whole(core, home)


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

    original = load_original(folder, settings.max_tokens)
    whole, example = wrap_whole(original)
    shape, kind = openvino.PartialShape([-1, -1]), openvino.Type.i64
    with torch.no_grad(), warnings.catch_warnings(), without_telemetry():
        warnings.simplefilter("ignore")  # the tracer warns of inputs that cannot occur here
        model = openvino.convert_model(
            whole, example_input=example, input=[(name, shape, kind) for name in INPUT_NAMES]
        )
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(batch: Batch) -> np.ndarray:
        return compiled((batch.token_ids, batch.mask))[0]

    check_conversion(run, original, folder)
    return model
