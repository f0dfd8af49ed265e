"""Prefill and decode in other steps than one whole prompt and one token: chunks, and drafts that are verified."""

from dataclasses import replace

from agentc.plan.demand.algebra import add, repeated, substitute, times
from agentc.plan.demand.decoder import BATCH, INPUT, OUTPUT, decode, decode_parts, new_tokens, prefill
from agentc.plan.demand.precision import activation_precision
from agentc.plan.demand.shape import kv_bytes
from agentc.plan.formula import maximum
from agentc.plan.models import Draft, ModelShape
from agentc.plan.work import Drafted, Work


def chunked_prefill(shape: ModelShape, precision: str, chunk_tokens: int, kv_precision: str | None = None) -> Work:
    """A prefill in chunks (Sarathi-Serve, arXiv 2403.02310, section 4.1); one repeat is the mean chunk.

    With n new tokens, c cached ones and K = n / chunk (at least 1) chunks, the mean chunk has m = n / K tokens behind
    c + m (K - 1) / 2. Over all chunks that is the FLOP of one pass, the head apart; but weights are read K times, and
    the cache of what came before as K c + m K (K - 1) / 2 tokens. Where a window cuts attention, that of the mean
    chunk stands for the mean over the chunks.

    Raises:
        ValueError: ``chunk_tokens`` is below 1, or the precision is unknown.
    """
    if chunk_tokens < 1:
        raise ValueError(f"a chunk of {chunk_tokens} tokens does no work")
    n = new_tokens()
    chunks = maximum(n / chunk_tokens, 1)
    tokens = n / chunks
    before = (INPUT - n) + tokens * (chunks - 1) / 2
    work = substitute(
        prefill(shape, precision, kv_precision), {"input_tokens": before + tokens, "cached_tokens": before}
    )
    cache = BATCH * kv_bytes(shape, kv_precision or activation_precision(precision), INPUT)
    return replace(work, kv_bytes=cache, network_bytes=cache / chunks, repeats=chunks)


def expected_tokens(drafted: int, acceptance: float) -> float:
    """Tokens that one round of speculative decoding gives: (1 - a^(k+1)) / (1 - a), k + 1 at a = 1.

    Expectation over independent acceptances (Leviathan et al., arXiv 2211.17192, equation 1).

    Raises:
        ValueError: ``drafted`` is below 0 or ``acceptance`` outside [0, 1].
    """
    if drafted < 0 or not 0 <= acceptance <= 1:
        raise ValueError(f"{drafted} drafted tokens, each accepted with probability {acceptance:g}, is no such thing")
    return sum(acceptance**i for i in range(drafted + 1))


def speculate(
    shape: ModelShape,
    draft: ModelShape,
    precision: str,
    drafted: int,
    acceptance: float,
    kv_precision: str | None = None,
    draft_precision: str = "",
) -> Work:
    """Decode where ``draft`` proposes ``drafted`` tokens and ``shape`` verifies them in one step (arXiv 2211.17192).

    One repeat is a round: k decodes of the draft, then a step of the model over k + 1 positions of each request,
    which reads weights (of the experts, those that (k + 1) B tokens touch) and cache once. A round gives
    ``expected_tokens``, so ``output_tokens`` take that many fewer rounds. Both models and both caches are resident.

    Raises:
        ValueError: As ``expected_tokens``, or the precision is unknown.
    """
    rounds = Draft(draft, drafted, acceptance, draft_precision)
    return joined(speculation(shape, rounds, precision, kv_precision))


def speculation(shape: ModelShape, draft: Draft, precision: str, kv_precision: str | None = None) -> Drafted:
    """A decode with a draft, in its two parts: both repeat once a round.

    Raises:
        ValueError: As ``expected_tokens``, or the precision is unknown.
    """
    rounds = OUTPUT / expected_tokens(draft.tokens, draft.acceptance)
    small = decode(draft.model, draft.precision or precision, kv_precision)
    check = add(decode_parts(shape, precision, kv_precision, draft.tokens + 1).values())
    gained = expected_tokens(draft.tokens, draft.acceptance)
    step, check = repeated(small, rounds), repeated(check, rounds)
    return Drafted(draft.model, draft.tokens, step, check, draft.precision or precision, gained)


def drafted_prefill(shape: ModelShape, draft: Draft, precision: str, kv_precision: str | None = None) -> Drafted:
    """A prefill whose prompt the draft reads too, so that it has a cache of its own.

    Raises:
        ValueError: The precision is unknown.
    """
    small = prefill(draft.model, draft.precision or precision, kv_precision)
    return Drafted(draft.model, 1, small, prefill(shape, precision, kv_precision), draft.precision or precision)


def joined(parts: Drafted) -> Work:
    """Both parts as one step."""
    return add((times(parts.step, parts.times), parts.check))
