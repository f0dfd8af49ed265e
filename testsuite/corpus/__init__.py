"""Agents of other tools, as people published them: what becomes of each.

`python -m testsuite.corpus FOLDER` prints a table; FOLDER holds a folder a format. One whose name ends in `_invalid`
holds files that must be refused.
"""
