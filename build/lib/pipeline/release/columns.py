"""The part of a release's card that says what each column of a table means."""

from pipeline.schemas import Table


def describe_table(table: Table) -> str:
    """Returns the part of the card that says what each column of a table means."""
    rows = "".join(
        f"| `{column.name}` | {column.type} | {'yes' if column.is_nullable else ''} | {column.meaning} |\n"
        for column in table.columns
    )
    head = "| column | type | may be empty | meaning |\n|---|---|---|---|\n"
    keys = ", ".join(f"`{key}`" for key in table.key)
    return f"\n### {table.name}: {table.meaning}\n\nUnique by {keys}.\n\n{head}{rows}"
