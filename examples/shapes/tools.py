"""What the agents of the shapes may call."""


def search(query: str) -> str:
    """Look something up."""
    return f"Nothing is known of {query!r} here."


def calculate(expression: str) -> str:
    """Work out a sum of numbers, such as 2 + 3 + 4."""
    terms = [term.strip() for term in expression.split("+")]
    return str(sum(float(term) for term in terms if term.replace(".", "", 1).isdigit()))
