"""What asking a model will cost and take, from what the first answers cost and took."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.check.endpoint import Reply

CHARACTERS_PER_TOKEN = 4.2  # English prose under common tokenisers; replaced by what the first answers say
ANSWER_TOKENS = 90  # a JSON object of ten codes and a short note; replaced likewise
MILLION = 1_000_000


@dataclass(frozen=True)
class Cost:
    """An estimate for some documents: tokens, money (0 where no price is given) and seconds (0 before any answer)."""

    n_items: int
    prompt_tokens: float
    answer_tokens: float
    price: float
    seconds: float
    is_measured: bool

    def describe(self) -> str:
        """Returns it as one line."""
        tokens = f"{self.prompt_tokens / 1e6:.2f} million tokens in, {self.answer_tokens / 1e6:.3f} million out"
        money = f", {self.price:.2f} at the price given" if self.price else ""
        time = f", about {max(1, round(self.seconds / 60))} minutes" if self.seconds else ""
        ground = "measured on the first answers" if self.is_measured else "a rough guess before the first answer"
        return f"{self.n_items} documents: {tokens}{money}{time} ({ground})"


def estimate_cost(
    sizes: Sequence[int],
    asked: Sequence[tuple[int, Reply]],
    price_in: float,
    price_out: float,
    worker_count: int,
) -> Cost:
    """Estimates what documents will take.

    Args:
        sizes: characters of each prompt still to be sent.
        asked: characters and reply of each question that was answered so far; malformed answers cost too.
        price_in, price_out: of a million tokens.
        worker_count: questions at once.
    """
    known = [(size, reply) for size, reply in asked if reply.prompt_tokens]
    per_character = (
        sum(reply.prompt_tokens for _, reply in known) / sum(size for size, _ in known)
        if known
        else 1 / CHARACTERS_PER_TOKEN
    )
    answer = sum(reply.answer_tokens for _, reply in known) / len(known) if known else ANSWER_TOKENS
    seconds = sum(reply.seconds for _, reply in asked) / len(asked) if asked else 0.0
    prompt_tokens, answer_tokens = sum(sizes) * per_character, len(sizes) * answer
    price = (prompt_tokens * price_in + answer_tokens * price_out) / MILLION
    return Cost(
        len(sizes), prompt_tokens, answer_tokens, price, seconds * len(sizes) / worker_count, is_measured=bool(known)
    )
