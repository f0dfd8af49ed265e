"""Finding documents: the nearest by cosine, diverse ones, by terms, and questions that were answered before."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false, reportMissingParameterType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, i64, kernel, top_k

FLOOR = 1e-6


def cosine(query, docs):
    """Cosine of the angle between the query and each document."""
    lengths = np.sqrt(np.sum(docs * docs, axis=1) * np.sum(query * query))
    return docs @ query / np.maximum(lengths, FLOOR)


@kernel
def cosine_top_k(query: f32["d"], docs: f32["n", "d"], k: int = 10) -> tuple[f32[10], i64[10]]:
    """The ten nearest documents and their scores, best first; -1 where there are fewer."""
    scores, places = top_k(cosine(query, docs), k)
    return scores, places


@kernel
def cosine_top_places(query: f32["d"], docs: f32["n", "d"], k: int = 10) -> i64[10]:
    """The places of the ten nearest documents, best first; -1 where there are fewer."""
    _, places = top_k(cosine(query, docs), k)
    return places


@kernel
def cosine_softmax_top_k(
    query: f32["d"], docs: f32["n", "d"], temperature: f32, k: int = 10
) -> tuple[f32[10], i64[10]]:
    """The ten nearest documents with the softmax of all scores at a temperature: what a router picks from."""
    scores = cosine(query, docs) / temperature
    powers = np.exp(scores - np.max(scores))
    chances, places = top_k(powers / np.sum(powers), k)
    return chances, places


@kernel
def maximal_marginal_relevance(query: f32["d"], docs: f32["n", "d"], balance: f32, k: int = 5) -> i64[5]:
    """Five documents near the query and unlike each other (Carbonell and Goldstein, 1998), in order of choice: each has
    the greatest `balance * relevance - (1 - balance) * similarity to the nearest chosen`, with a `balance` from 0 to 1.
    -1 where none is left.
    """
    unit = docs / np.maximum(np.sqrt(np.sum(docs * docs, axis=1)), FLOOR)[:, None]
    gain = unit @ query * (balance / np.maximum(np.sqrt(np.sum(query * query)), FLOOR))
    rows, trips, price = np.arange(docs.shape[0]), np.arange(k), 1.0 - balance
    scores = gain + price  # as if the nearest chosen were opposite
    place = np.argmax(scores)
    chosen = trips * 0 + place
    for trip in range(1, k):
        scores = np.where(rows == place, -np.inf, np.minimum(scores, gain - price * (unit @ unit[place])))
        place = np.argmax(scores)
        chosen = np.where(trips == trip, place, chosen)
    return np.where(trips < docs.shape[0], chosen, -1)


@kernel
def bm25(
    frequencies: f32["n", "q"], lengths: f32["n"], weights: f32["q"], k1: float = 1.2, b: float = 0.75
) -> f32["n"]:
    """Okapi BM25 (Robertson and Zaragoza, 2009): how often each term of the query stands in each document, the
    documents' lengths, and the inverse document frequency of each term.
    """
    relative = lengths / np.maximum(np.mean(lengths), FLOOR)
    damping = k1 * (1.0 - b + b * relative)
    return np.sum(weights * frequencies * (k1 + 1.0) / (frequencies + damping[:, None]), axis=1)


@kernel
def cached_place(query: f32["d"], keys: f32["n", "d"], threshold: f32) -> i64[1]:
    """The place of the nearest question of a cache; -1 where none reaches the threshold."""
    score, place = top_k(cosine(query, keys), 1)
    return np.where(score >= threshold, place, -1)


@kernel
def similarity_cache(query: f32["d"], keys: f32["n", "d"], threshold: f32) -> tuple[i64[1], f32[1]]:
    """The nearest question of a cache and its cosine; -1 where none reaches the threshold."""
    score, place = top_k(cosine(query, keys), 1)
    return np.where(score >= threshold, place, -1), score
