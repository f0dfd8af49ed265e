"""Arithmetic over named figures, kept symbolic: ``2 * parameters * input_tokens * batch``.

A formula prints as text that ``parse`` reads back, evaluates on floats or NumPy arrays, and knows its symbols.
"""
