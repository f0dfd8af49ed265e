"""Model runners: language models, embeddings, rerankers and speech on this machine, or a served endpoint.

Each module imports its engine when a model is opened, not before.
"""
