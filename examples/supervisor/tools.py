"""The shop's order system, in memory."""

ORDERS = {
    "A-100": {"item": "desk lamp", "usd": 49.0, "days_since_delivery": 6},
    "A-101": {"item": "standing desk", "usd": 420.0, "days_since_delivery": 45},
    "A-102": {"item": "monitor arm", "usd": 89.0, "days_since_delivery": 12},
}


def find_order(order: str) -> dict:
    """What is known of an order, `known: False` if there is no such order."""
    number = order.strip().upper()
    return {"order": number, "known": number in ORDERS, **ORDERS.get(number, {})}


def open_refund(order: str) -> dict:
    """Opens a refund within 30 days of delivery."""
    found = find_order(order)
    return {"order": found["order"], "opened": found["known"] and found["days_since_delivery"] <= 30}
