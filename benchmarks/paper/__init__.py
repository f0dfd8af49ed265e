"""arXiv 2507.19635 again: its tables, its figures of cost, and a verdict on each of its claims, all computed."""
