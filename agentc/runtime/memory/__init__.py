"""Memories on SQLite: documents by similarity, values by key, episodes in order. One file a memory."""
