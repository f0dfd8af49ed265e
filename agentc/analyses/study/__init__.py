"""Questions about a placement that are answered by placing again, under other prices, limits, loads or stocks.

    answer       a question (task graph, fleet, objective) and the plan that answers it
    edits        ``h100.price=1.2`` -> the question with that change
    difference   two plans side by side

Nothing here needs IR beyond the task graph that the question was read from.
"""
