"""A language model as a reader: asked document by document at an OpenAI-compatible endpoint, resumable."""

import itertools
import json
import logging
import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import Any

from pipeline import store
from pipeline.check import answers, prompts
from pipeline.check.cost import Cost, estimate_cost
from pipeline.check.endpoint import Endpoint, Reply, ask
from pipeline.check.imports import find_answer_problem, read_answer
from pipeline.check.session import Session, context_of
from pipeline.check.tasks import Item
from pipeline.coding.cells import clean_cells
from pipeline.coding.journal import utc_now
from pipeline.coding.record_view import DONE
from pipeline.coding.records import save_rows
from pipeline.errors import FetchError, SheetError

log = logging.getLogger(__name__)
PILOT_COUNT = 20  # documents asked before the cost is told: in random order, so that they stand for the rest
MALFORMED_ATTEMPTS = 3  # of one document in one run; after that it is a reject, and a later run asks again
GIVE_UP_AFTER = 5  # documents in a row that the endpoint did not answer at all


@dataclass(frozen=True)
class Plan:
    """How a model is asked.

    Attributes:
        model: as the endpoint calls it.
        parameters: of every question; recorded with every answer.
        wording: of the brief.
        price_in, price_out: of a million tokens, for the estimate.
        max_price: the run stops before it would cost more; 0 for no limit.
    """

    model: str
    parameters: Mapping[str, Any]
    worker_count: int = 4
    wording: int = 1
    price_in: float = 0.0
    price_out: float = 0.0
    max_price: float = 0.0


@dataclass
class Outcome:
    """What a run did, by document."""

    coded: int = 0
    recovered: int = 0
    rejects: dict[str, str] | None = None
    unanswered: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    estimate: Cost | None = None


@dataclass(frozen=True)
class _Asked:
    item: Item
    prompt: str
    reply: Reply | None
    cells: Mapping[str, str]
    problem: str
    failure: FetchError | None = None


def read_items(session: Session, items: Sequence[Item], endpoint: Endpoint, plan: Plan) -> Outcome:
    """Has a model code documents; each answer is on disk before the next step.

    Args:
        session: of the coder, of kind language model.
        items: what to read, in random order.
        endpoint: where.
        plan: how.

    Raises:
        SheetError: the estimate is above `max_price`.
        FetchError: the endpoint refuses, or does not answer any more.
    """
    bare = sum(not item.text for item in items)
    if bare:
        log.info("read-model: %d documents have no text on this machine and are left out; run make hydrate", bare)
    items = [item for item in items if item.text]
    digest = answers.keep_instructions(session, prompts.instructions_of(session, plan.wording))
    outcome = Outcome(rejects={})
    items = _recover(session, items, plan, digest, outcome)
    sizes = [_size(session, item, plan) for item in items]
    outcome.estimate = first_estimate(session, items, plan)
    log.info("read-model: %s", outcome.estimate.describe())
    _refuse_price(outcome.estimate, plan)
    asked: list[tuple[int, Reply]] = []
    pilot = min(PILOT_COUNT, len(items))
    _run(session, items[:pilot], endpoint, plan, digest, outcome, asked)
    if len(items) > pilot:
        rest = estimate_cost(sizes[pilot:], asked, plan.price_in, plan.price_out, plan.worker_count)
        outcome.estimate = replace(
            rest,
            n_items=len(items),
            prompt_tokens=rest.prompt_tokens + outcome.prompt_tokens,
            answer_tokens=rest.answer_tokens + outcome.answer_tokens,
        )
        log.info("read-model: the rest: %s", rest.describe())
        _refuse_price(rest, plan)
        _run(session, items[pilot:], endpoint, plan, digest, outcome, asked)
    return outcome


def first_estimate(session: Session, items: Sequence[Item], plan: Plan) -> Cost:
    """Returns what reading will cost before anything was asked: tokens counted from characters."""
    sizes = [_size(session, item, plan) for item in items if item.text]
    return estimate_cost(sizes, [], plan.price_in, plan.price_out, plan.worker_count)


def _size(session: Session, item: Item, plan: Plan) -> int:
    return sum(len(message["content"]) for message in prompts.messages_for(session, item, plan.wording))


def _refuse_price(cost: Cost, plan: Plan) -> None:
    if plan.max_price and cost.price > plan.max_price:
        raise SheetError(
            f"would cost about {cost.price:.2f}", where="MAX_PRICE", do="raise it, or read fewer documents: COUNT="
        )


def _recover(session: Session, items: Sequence[Item], plan: Plan, digest: str, outcome: Outcome) -> list[Item]:
    """Takes answers that a kill kept from the sheet; returns the documents that are still to be asked for."""
    kept = answers.read_accepted(session, plan.model, digest)
    names = {item.key: f"{item.key} {item.shown_sha256}" for item in items}
    known = {key: kept[name] for key, name in names.items() if name in kept}
    if known:
        save_rows(
            session.record,
            {
                item.key: ({**known[item.key], "state": DONE}, context_of(session, item, by="model", model=plan.model))
                for item in items
                if item.key in known
            },
        )
        outcome.recovered = len(known)
    return [item for item in items if item.key not in known]


def _run(
    session: Session,
    items: Sequence[Item],
    endpoint: Endpoint,
    plan: Plan,
    digest: str,
    outcome: Outcome,
    asked: list[tuple[int, Reply]],
) -> None:
    silent = 0
    with ThreadPoolExecutor(plan.worker_count) as pool:
        for done in _in_turn(pool, session, items, endpoint, plan):
            silent = silent + 1 if done.reply is None else 0
            _keep(session, done, plan, digest, outcome, endpoint)
            if done.reply:
                asked.append((len(done.prompt), done.reply))
            if silent >= GIVE_UP_AFTER:
                pool.shutdown(cancel_futures=True)
                raise done.failure or FetchError(done.problem, where=endpoint.url)


def _in_turn(
    pool: ThreadPoolExecutor, session: Session, items: Sequence[Item], endpoint: Endpoint, plan: Plan
) -> Iterator[_Asked]:
    """Yields questions as they are answered; no more are on their way than there are workers."""
    waiting = iter(items)
    running: set[Future[_Asked]] = {
        pool.submit(_ask_item, session, item, endpoint, plan) for item in itertools.islice(waiting, plan.worker_count)
    }
    while running:
        done = next(as_completed(running))
        running.discard(done)
        following = next(waiting, None)
        if following is not None:
            running.add(pool.submit(_ask_item, session, following, endpoint, plan))
        yield done.result()


def _ask_item(session: Session, item: Item, endpoint: Endpoint, plan: Plan) -> _Asked:
    """Asks until the answer is one of the schema, some times; never repairs one."""
    body = prompts.request_body(session, item, plan.model, plan.parameters, plan.wording)
    prompt = "\n\n".join(message["content"] for message in body["messages"])
    rng = random.Random(item.key)
    reply, problem, spent = None, "", [0, 0]
    for _ in range(MALFORMED_ATTEMPTS):
        try:
            reply = ask(endpoint, body, rng)
        except FetchError as error:
            return _Asked(item, prompt, None, {}, str(error), error)
        spent = [spent[0] + reply.prompt_tokens, spent[1] + reply.answer_tokens]
        reply = replace(reply, prompt_tokens=spent[0], answer_tokens=spent[1])
        cells, problem = _check(session, reply)
        if not problem:
            return _Asked(item, prompt, reply, cells, "")
    return _Asked(item, prompt, reply, {}, problem)


def _check(session: Session, reply: Reply) -> tuple[dict[str, str], str]:
    if reply.finish == "length":
        return {}, "the answer was cut off"
    try:
        cells = read_answer(reply.text)
    except (ValueError, RecursionError) as error:
        return {}, f"the answer is not of the schema ({str(error)[:120]})"
    problem = find_answer_problem(session, cells)
    return ({}, problem) if problem else (clean_cells(session.codebook, cells), "")


def _keep(session: Session, done: _Asked, plan: Plan, digest: str, outcome: Outcome, endpoint: Endpoint) -> None:
    if done.reply is None:
        outcome.unanswered += 1
        log.info("read-model: %s was not answered: %s", done.item.key, done.problem)
        return
    outcome.prompt_tokens += done.reply.prompt_tokens
    outcome.answer_tokens += done.reply.answer_tokens
    line = {
        "doc_id": done.item.key,
        "outcome": answers.REJECTED if done.problem else answers.ACCEPTED,
        "problem": done.problem,
        "cells": dict(done.cells),
        "answer": done.reply.text,
        "asked_model": plan.model,
        "model": done.reply.model or plan.model,
        "endpoint": endpoint.url,
        "parameters": {**plan.parameters, "left_out": list(endpoint.dropped)},
        "wording": plan.wording,
        "instructions": digest,
        "prompt_sha256": store.sha256_of_text(done.prompt),
        "shown_sha256": done.item.shown_sha256,
        "text_sha256": done.item.text_sha256,
        "codebook_version": session.codebook_version,
        "time": utc_now(),
        "seconds": done.reply.seconds,
        "attempts": done.reply.attempts,
        "prompt_tokens": done.reply.prompt_tokens,
        "answer_tokens": done.reply.answer_tokens,
        **done.reply.body,
    }
    answers.append_answer(session, json.loads(json.dumps(line)), done.prompt)
    if done.problem:
        if outcome.rejects is not None:
            outcome.rejects[done.item.key] = done.problem
        return
    context = context_of(session, done.item, by="model", model=done.reply.model or plan.model)
    save_rows(session.record, {done.item.key: ({**done.cells, "state": DONE}, context)})
    outcome.coded += 1
