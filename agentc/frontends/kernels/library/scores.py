"""Scores of documents against a query, and softmax."""

# ruff: noqa: F821
# pyright: reportUndefinedVariable=false, reportInvalidTypeForm=false, reportInvalidTypeArguments=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportGeneralTypeIssues=false, reportReturnType=false

import numpy as np

from agentc.frontends.kernels.annotations import f32, kernel


@kernel
def dot_scores(query: f32["d"], docs: f32["n", "d"]) -> f32["n"]:
    """Inner products."""
    return docs @ query


@kernel
def cosine_scores(query: f32["d"], docs: f32["n", "d"]) -> f32["n"]:
    """Cosine of the angle between each document and the query; 0 for a zero vector."""
    lengths = np.sqrt(np.sum(docs * docs, axis=1) * np.sum(query * query))
    return docs @ query / np.maximum(lengths, 1e-12)


@kernel
def euclidean_scores(query: f32["d"], docs: f32["n", "d"]) -> f32["n"]:
    """Distance of each document from the query."""
    return np.linalg.norm(docs - query, axis=1)


@kernel
def softmax(x: f32["n"]) -> f32["n"]:
    """Exponentials that sum to 1; the maximum is taken off first, so that none overflows."""
    powers = np.exp(x - np.max(x))
    return powers / np.sum(powers)


@kernel
def softmax_rows(x: f32["n", "d"]) -> f32["n", "d"]:
    """Softmax of each row."""
    powers = np.exp(x - np.max(x, axis=1, keepdims=True))
    return powers / np.sum(powers, axis=1, keepdims=True)


@kernel
def log_softmax_rows(x: f32["n", "d"]) -> f32["n", "d"]:
    """Logarithm of the softmax of each row."""
    shifted = x - np.max(x, axis=1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))


@kernel
def cosine_softmax(query: f32["d"], docs: f32["n", "d"], temperature: f32) -> f32["n"]:
    """How much each document matters to the query: softmax over documents of their cosine scores."""
    return softmax(cosine_scores(query, docs) / temperature)


@kernel
def cosine_gate(query: f32["d"], docs: f32["n", "d"]) -> f32["n", "d"]:
    """Each document scaled by its cosine to the query, then softmax over its features."""
    return softmax_rows(docs * cosine_scores(query, docs)[:, None])
