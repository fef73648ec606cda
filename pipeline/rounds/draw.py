"""`make draw`: a new round, frozen as a folder of its own, whole or not at all."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipeline import store
from pipeline.coding.codebook import load_codebook
from pipeline.coding.current import read_survey
from pipeline.coding.design import MEMBERS
from pipeline.coding.numbers import draw_smallest
from pipeline.coding.rounds import ABOUT, list_rounds
from pipeline.coding.sampling import draw_mixture, hash_frame
from pipeline.config import Config
from pipeline.errors import SheetError
from pipeline.generations import draft_folder, hold_lock
from pipeline.hints import name_study
from pipeline.rounds.allocate import Target, allocate, expect_half_widths, predict_shares
from pipeline.rounds.targets import choose_frames, list_targets, read_sizes
from pipeline.schemas import DOCUMENTS, FRAME_MEMBERS, PREDICTIONS, ROUND_MEMBERS

log = logging.getLogger(__name__)


def run(
    config: Config,
    name: str = "",
    total: int = 0,
    frames: str = "",
    by: str = "",
    seed: int = 0,
    sizes: str = "",
    weight: str = "word_count",
) -> None:
    """Draws a round and writes `rounds/<name>/`.

    Args:
        config: paths, frames, seed, and the definitions that sizes are set for.
        name: of the round.
        total: documents to read.
        frames: names with commas between; by default all that were drawn before or may be quoted.
        by: neyman, proportional, equal or mixture; by default neyman where there are predictions.
        seed: of the permanent random numbers; by default that of the configuration.
        sizes: what to draw of each stratum, spelt out; in place of `total` and `by`.
        weight: of a mixture, a column of `documents`.

    Raises:
        SheetError: the round exists, nothing can be drawn, or the numbers do not fit.
    """
    handcheck = config.path(config.paths.handcheck)
    folder = handcheck / "rounds" / _check_name(name)
    if total < 0 or (not total and not sizes):
        raise SheetError("how many documents?", where="N", do="make draw ROUND=name N=number")
    (handcheck / "rounds").mkdir(parents=True, exist_ok=True)
    with hold_lock(handcheck / ".draw.lock"):
        if folder.exists() and any(folder.iterdir()):
            raise SheetError(
                "the round is drawn already, and a draw is never changed",
                where=str(folder),
                do="draw a new one under another name",
            )
        seed = seed or config.seed
        members = store.read_table(FRAME_MEMBERS, config.processed("frame_members"))
        members = members[members["gone"].isna()]
        found = read_survey(config, load_codebook(handcheck / "codebook" / "codebook.toml"))
        quotable = {key for key, frame in config.frames.items() if frame.is_quotable}
        chosen = choose_frames(frames, found, members, quotable)
        earlier = list_rounds(handcheck, "all")
        if by == "mixture":
            inside = members[members["frame"].isin(chosen)]
            lines = _write_mixture(config, folder, inside, total, seed, weight, earlier)
            print(name_study(lines, config.file))
            return
        targets = list_targets(found, members, chosen, name)
        if not targets:
            raise SheetError(
                "there is nothing to draw from", where="FRAMES", do="run make scrape corpus, or name others"
            )
        predictions = _read_predictions(config)
        rule = by or ("neyman" if predictions is not None else "proportional")
        queries = [f"definition {each}" for each in config.report.headline_definitions]
        shares = predict_shares(targets, predictions, queries)
        path = config.path(sizes) if sizes else None
        if sizes:
            table = pd.read_csv(path, dtype=str) if path is not None and path.is_file() else None
            more, rule = read_sizes(sizes, targets, table), "sizes that were given"
        else:
            more = allocate(targets, total, rule, shares)
        widths = expect_half_widths(targets, more, shares, config.estimate.level)
        drawn = _write(config, folder, targets, more, seed, rule, earlier)
    lines = _describe(name, targets, more, widths, config.report.headline_definitions, predictions is not None)
    print(name_study(lines, config.file))
    log.info("draw: %d documents of %d strata -> %s", drawn, sum(count > 0 for count in more.values()), folder)


def _write(
    config: Config,
    folder: Path,
    targets: Sequence[Target],
    more: Mapping[str, int],
    seed: int,
    rule: str,
    earlier: Sequence[str],
) -> int:
    """Writes the folder of the round. Returns how many documents it drew."""
    taken = [target for target in targets if more.get(target.name, 0) > 0]
    stratum_of = pd.Series({doc_id: target.name for target in taken for doc_id in target.members}, dtype=object)
    before = {doc_id: target.name for target in taken for doc_id in target.drawn}
    sample = draw_smallest(stratum_of, {target.name: more[target.name] for target in taken}, seed, before)
    documents = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "text_sha256"))
    texts = documents.set_index("doc_id")["text_sha256"]
    sample = sample.assign(text_sha256=sample["doc_id"].map(texts).fillna(""))
    design = pd.DataFrame(
        [
            {
                "stratum": target.name,
                "n_population": len(target.members),
                "n_sample": more[target.name],
                "n_before": len(target.drawn),
                "frame": target.frame,
                "window": target.window,
                "part": target.part,
                "members_sha256": hash_frame(target.members),
            }
            for target in taken
        ]
    ).sort_values("stratum", ignore_index=True)
    members = pd.DataFrame({"doc_id": stratum_of.index, "stratum": stratum_of.to_numpy()})
    members = members.merge(sample[["doc_id", "text_sha256"]], on="doc_id", how="left")
    members["text_sha256"] = members["text_sha256"].replace("", None)
    with draft_folder(folder) as draft:
        store.write_text(draft / "design.csv", design.to_csv(index=False, lineterminator="\n"))
        # All digits of a probability: it is checked against the design.
        store.write_text(draft / "sample.csv", sample.to_csv(index=False, lineterminator="\n"))
        store.write_table(ROUND_MEMBERS, members, draft / MEMBERS)
        design_text = f"the documents with the smallest permanent random numbers of each stratum; sizes: {rule}"
        store.write_text(draft / ABOUT, _about(config, folder.name, seed, design_text, "permanent", earlier))
    return len(sample)


def _write_mixture(
    config: Config, folder: Path, members: pd.DataFrame, total: int, seed: int, weight: str, earlier: Sequence[str]
) -> str:
    """Draws with replacement, half evenly and half by a weight, for weighted shares (see `estimate.mixture`)."""
    if weight not in ("karma", "word_count"):
        raise SheetError(f"{weight!r} is no weight", where="WEIGHT", do="use karma or word_count")
    documents = store.read_table(DOCUMENTS, config.processed("documents"), ("doc_id", "text_sha256", weight))
    documents = documents[documents["doc_id"].isin(members["doc_id"])].set_index("doc_id")
    rows = draw_mixture(documents[weight].fillna(0).clip(lower=0), total, seed)
    rows = rows.assign(text_sha256=rows["doc_id"].map(documents["text_sha256"]))
    names = sorted(set(members["frame"]))
    known = members[members["doc_id"].isin(documents.index)]
    design = known.groupby("frame", as_index=False).agg(n_population=("doc_id", "nunique")).assign(weight=weight)
    with draft_folder(folder) as draft:
        store.write_text(draft / "design.csv", design.to_csv(index=False, lineterminator="\n"))
        store.write_text(draft / "mixture.csv", rows.to_csv(index=False, lineterminator="\n"))
        once = rows.drop_duplicates("doc_id").sort_values("doc_id")
        store.write_text(draft / "sample.csv", once[["doc_id", "text_sha256"]].to_csv(index=False, lineterminator="\n"))
        text = f"drawn with replacement from {', '.join(names)}: half evenly, half in proportion to {weight}"
        store.write_text(draft / ABOUT, _about(config, folder.name, seed, text, "mixture", earlier))
    log.info("draw: %d draws of %d documents by %s -> %s", total, len(once), weight, folder)
    return f"{total} draws of {len(once)} documents.\nNext: make check CODER=yourname ROUND={folder.name}"


def _about(config: Config, name: str, seed: int, design: str, order: str, earlier: Sequence[str]) -> str:
    """Returns `round.toml`. JSON strings and lists are TOML too."""
    facts = {
        "title": f"Round {name}",
        "seed": seed,
        "codebook": f"see the sheets; census {config.version}",
        "design": design,
        "shown": "see the sheets",
        "order": order,
        "after": list(earlier),
    }
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items()]
    return (
        "# One round: a draw and nothing else. Frozen; who read what stands in the sheets.\n" + "\n".join(lines) + "\n"
    )


def _read_predictions(config: Config) -> pd.DataFrame | None:
    path = config.processed("predictions")
    return store.read_table(PREDICTIONS, path) if path.exists() else None


def _check_name(name: str) -> str:
    if (
        not name
        or not all(letter.isascii() and (letter.isalnum() or letter in "-_.") for letter in name)
        or name[0] in ".-"
    ):
        raise SheetError(
            f"{name!r} cannot name a round", where="ROUND", do="use letters, digits, hyphens and dots: ROUND=2027-02"
        )
    return name


def _describe(
    name: str,
    targets: Sequence[Target],
    more: Mapping[str, int],
    widths: Mapping[str, object],
    definitions: Sequence[str],
    has_predictions: bool,
) -> str:
    """Returns what was drawn of each stratum, and the half-widths to be expected once all of it is read."""
    lines = [f"{'stratum':44} {'members':>8} {'drawn':>6} {'now':>6}"]
    lines += [
        f"{target.name:44} {len(target.members):8,} {len(target.drawn):6,} {more[target.name]:6,}"
        for target in targets
        if more.get(target.name)
    ]
    basis = "by the predictions" if has_predictions else "at the widest, since nothing is predicted yet"
    for frame, found in widths.items():
        cells = ", ".join(f"{each} ±{100 * value:.1f}" for each, value in zip(definitions, found, strict=False))  # type: ignore[call-overload]
        lines.append(f"{frame}: expected half-width of a share of everything, {basis}: {cells or '-'} points")
    lines.append(f"Next: make check CODER=yourname ROUND={name}")
    return "\n".join(lines)
