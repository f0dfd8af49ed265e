"""The ground floor: diagnostics, source spans, units, lazy tables and whole-or-nothing files."""
