"""Records of the made-up service: always the same ones, so that results can be compared."""

from __future__ import annotations

import itertools
from typing import Any

Record = dict[str, Any]

_FIRST = ("Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Tony", "Radia", "Ken")
_LAST = ("Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Allen", "Hoare", "Perlman", "Thompson")
_COMPANIES = ("Initech", "Globex", "Umbrella", "Hooli", "Soylent")
REGIONS = ("emea", "americas", "apac")


def build_contacts(count: int = 250) -> list[Record]:
    """Build the contacts of the CRM."""
    people = itertools.product(_LAST, _FIRST)
    names = list(itertools.islice(itertools.cycle(people), count))
    return [
        {
            "id": number,
            "name": f"{first} {last}",
            "email": f"{first}.{last}.{number}@{_COMPANIES[number % 5].lower()}.example".lower(),
            "company": _COMPANIES[number % 5],
        }
        for number, (last, first) in enumerate(names, start=1)
    ]


def build_orders(count: int = 120) -> list[Record]:
    """Build the orders of the shop; amounts are in cents."""
    return [
        {
            "id": f"A-{number:04}",
            "region": REGIONS[number % 3],
            "contact_id": number % 250 + 1,
            "amount_cents": 1_000 + number * 137 % 9_000,
            "currency": "EUR",
        }
        for number in range(count)
    ]


def build_invoices(count: int = 30) -> list[Record]:
    """Build the invoices; every third one is open."""
    return [
        {
            "number": f"2031-{number:03}",
            "state": "open" if number % 3 == 0 else "paid",
            "total_cents": 5_000 + number * 411 % 20_000,
        }
        for number in range(count)
    ]


def build_photos(count: int = 12) -> list[Record]:
    """Build the photos."""
    return [{"id": number, "title": f"Team day {number}, Zürich", "width": 4032} for number in range(1, count + 1)]


def build_stock(count: int = 8) -> list[Record]:
    """Build what is in the warehouse."""
    return [{"article": f"WIDGET-{number}", "pieces": number * 7 % 40} for number in range(1, count + 1)]


def build_events(count: int = 5) -> list[Record]:
    """Build what is in everybody's calendar."""
    return [
        {"id": number, "title": f"Review {number}", "day": f"2031-03-{number + 9:02}"} for number in range(1, count + 1)
    ]
