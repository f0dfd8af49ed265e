"""Phases, the legality of each, and the standard pipeline."""
