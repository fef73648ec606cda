"""What a handful of reads can and cannot say of a group."""

HOLDS_SHARE = 0.7  # a group holds if at least this share of what was read belongs to it
LEVEL = 0.95


def lower_bound(right: int, read: int, level: float = LEVEL) -> float:
    """Returns the one-sided exact lower bound of a share (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv  # noqa: PLC0415  SciPy takes a third of a second to load, and few stages ask

    return 0.0 if right == 0 else float(betaincinv(right, read - right + 1, 1 - level))


def exact_interval(right: int, read: int, level: float = LEVEL) -> tuple[float, float]:
    """Returns the two-sided exact interval of a share (Clopper and Pearson 1934)."""
    from scipy.special import betainccinv, betaincinv  # noqa: PLC0415  as above

    tail = (1 - level) / 2
    low = betaincinv(right, read - right + 1, tail) if right else 0.0
    high = betainccinv(right + 1, read - right, tail) if right < read else 1.0
    return float(low), float(high)


def certify(right: int, read: int) -> str:
    """Says in words whether a group holds on its randomly drawn members, and how much as many reads certify."""
    verdict = "holds" if right >= HOLDS_SHARE * read else "does not hold"
    return (
        f"Of the {read} drawn at random, {right} belong: the group {verdict} ({HOLDS_SHARE:.0%} needed). "
        f"So many reads certify that at least {lower_bound(right, read):.0%} of it belong; "
        f"{read} of {read} would certify {lower_bound(read, read):.0%}."
    )
