"""What a new release says of itself: hashes, sizes, counts and provenance."""

from pathlib import Path
from typing import Any

from pipeline.config import Config
from pipeline.dataset.summary import Summary
from pipeline.release.manifest import _measure, list_files


def make_manifest(folder: Path, config: Config, summary: Summary) -> dict[str, Any]:
    """Returns the checksums, sizes and counts of a release, file by file."""
    files: dict[str, dict[str, object]] = {}
    for name in list_files(folder):
        path = folder / name
        files[name] = _measure(path)
        if path.stem in summary.row_counts and path.suffix == ".parquet":
            files[name]["row_count"] = summary.row_counts[path.stem]
    return {
        "version": config.version,
        "files": files,
        "document_count": summary.document_count,
        "frames": summary.frames,
        "encoder": {
            "name": config.embed.model,
            "weights_sha256": config.embed.weights_sha256,
            "max_tokens": config.embed.max_tokens,
        },
    }
