"""Targets: a module in, files out. One target a folder; backends never rewrite the IR."""
