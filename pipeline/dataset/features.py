"""The types of the tables as the card tells them to viewers, which then show a table without reading it first."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from pipeline.schemas import Table

NAMES: Mapping[pa.DataType, str] = {
    pa.string(): "string",
    pa.bool_(): "bool",
    pa.int16(): "int16",
    pa.int32(): "int32",
    pa.int64(): "int64",
    pa.float16(): "float16",
    pa.float32(): "float32",
    pa.float64(): "float64",
}


def list_features(tables: Sequence[Table], row_counts: Mapping[str, int]) -> str:
    """Returns the entries of `dataset_info` in the head of a card (YAML): columns with their types, and rows.

    Args:
        tables: of the release.
        row_counts: rows of each, by name; tables without rows are left out, as in the list of configurations.
    """
    lines = []
    for table in tables:
        if not row_counts[table.name]:
            continue
        lines += [f"- config_name: {table.name}", "  features:"]
        for field in table.arrow_schema:
            lines += [f"  - name: {field.name}", *(f"    {line}" for line in _describe(field.type))]
        lines += ["  splits:", "  - name: train", f"    num_examples: {row_counts[table.name]}"]
    return "\n".join(lines)


def _describe(kind: pa.DataType) -> list[str]:
    if pa.types.is_fixed_size_list(kind):
        return [f"list: {NAMES[kind.value_type]}", f"length: {kind.list_size}"]
    if pa.types.is_list(kind):
        return [f"list: {NAMES[kind.value_type]}"]
    return [f"dtype: {NAMES[kind]}"]
