"""int8: weights and activations in eight bits. Faster and less faithful: see reports/bench/precision.md before use.

The second product of each feed-forward block stays in bfloat16: a few of what it is given are so large that eight bits
leave little for the rest, and it loses more than all other products together (reports/bench/scale.md).

The ranges of the activations are measured once, on titles that ship with the program, so that the model does not
depend on the texts that happen to be encoded first.
"""

import contextlib
import importlib.metadata
import io
from importlib.resources import files
from typing import Any

from pipeline.embed.batches import make_batches
from pipeline.embed.conversion import INPUT_NAMES, without_telemetry
from pipeline.store import sha256_of_text

BATCH_SIZE = 8
SENSITIVE = r".*layer\.\d+\.output\.dense/.*MatMul"  # the products that stay in bfloat16


def read_calibration() -> list[str]:
    """Returns the texts that the ranges are measured on: titles of the census, alone and strung together.

    Half are as long as an abstract, a third is one title: ranges taken from long texts alone fit short ones badly.
    """
    text = files("pipeline.embed").joinpath("calibration.txt").read_text(encoding="utf-8")
    return text.splitlines()


def name_quantization(max_tokens: int) -> str:
    """Returns a name for everything that the quantized model depends on besides the model it is made from."""
    digest = sha256_of_text("\n".join([SENSITIVE, *read_calibration()]))[:8]
    return f"int8-nncf-{importlib.metadata.version('nncf')}-{digest}-{max_tokens}"


def quantize_model(model: Any, tokenizer: Any) -> Any:
    """Returns an OpenVINO model with its matrix products in int8, but for the sensitive ones.

    Args:
        model: the converted encoder.
        tokenizer: cuts at the reading length.
    """
    with without_telemetry():
        import nncf  # noqa: PLC0415  an optional extra

        batches = list(make_batches(tokenizer.encode_batch, read_calibration(), BATCH_SIZE))
        inputs = [dict(zip(INPUT_NAMES, (batch.token_ids, batch.mask), strict=True)) for batch in batches]
        nncf.set_log_level("ERROR")
        with contextlib.redirect_stdout(io.StringIO()):  # its bars
            return nncf.quantize(
                model,
                nncf.Dataset(inputs),
                model_type=nncf.ModelType.TRANSFORMER,
                subset_size=len(inputs),
                ignored_scope=nncf.IgnoredScope(patterns=[SENSITIVE], validate=False),
            )
