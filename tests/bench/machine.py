"""What a machine can do at most, and what it is called: to set measured speeds beside."""

import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.embed.openvino_backend import PRECISION_NAMES

SIZE = 2048  # side of the matrices whose product gives the peak of a number type
TRIES = 5


def processor_name() -> str:
    """Returns the name of the processor, as Linux gives it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def measure_peak(precision: str) -> float:
    """Returns the best GFLOP/s (int8: GOP/s), by the clock on all processors, of a large product in a number type.

    The better of torch and OpenVINO counts: torch's float32 product leaves half of some processors unused.
    """
    best = min(_best_seconds(run) for run in (_torch_product(precision), _openvino_product(precision)))
    return float(2 * SIZE**3 / best / 1e9)


def _best_seconds(run: Any) -> float:
    run()
    seconds = []
    for _ in range(TRIES):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _torch_product(precision: str) -> Any:
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    if precision == "int8":
        left, right = (torch.randint(-128, 127, (SIZE, SIZE), dtype=torch.int8) for _ in range(2))
        return lambda: torch._int_mm(left, right)
    left, right = (torch.randn(SIZE, SIZE).to(getattr(torch, precision)) for _ in range(2))
    return lambda: left @ right


def _openvino_product(precision: str) -> Any:
    """Returns the product with a constant matrix; in int8 its rows are rounded on the way in, as in an encoder."""
    import openvino
    from openvino import opset13

    rows = opset13.parameter([SIZE, SIZE], np.float32)
    weights = opset13.constant(np.random.default_rng(0).normal(size=(SIZE, SIZE)).astype(np.float32))
    factors = (rows, weights)
    if precision == "int8":
        low, high = (opset13.constant(np.float32(bound)) for bound in (-4, 4))
        factors = tuple(
            opset13.fake_quantize(factor, low, high, low, high, levels)
            for factor, levels in ((rows, 256), (weights, 255))
        )
    model = openvino.Model([opset13.matmul(*factors, False, False)], [rows], "product")
    options = {"INFERENCE_PRECISION_HINT": PRECISION_NAMES[precision], "NUM_STREAMS": 1}
    compiled = openvino.Core().compile_model(model, "CPU", options)
    values = np.random.default_rng(1).normal(size=(SIZE, SIZE)).astype(np.float32)
    return lambda: compiled(values)
