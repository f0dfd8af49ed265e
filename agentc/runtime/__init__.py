"""Runs a build: each node of the placed agent on an engine of this machine."""
