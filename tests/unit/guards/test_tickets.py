"""Addresses of files that are valid for some minutes."""

import pytest

from porteye_core.guards.tickets import LIFETIME, Tickets, has_ticket

WHICH = {"port": "80,443", "process": "a b&ticket=x", "before": "7"}


class Clock:
    """A clock that tests wind on."""

    now = 1000.5

    def __call__(self) -> float:
        return self.now


def test_a_ticket_opens_its_file_until_it_expires() -> None:
    clock = Clock()
    tickets = Tickets(clock)
    query = tickets.query("history.csv", WHICH)
    assert has_ticket(query)
    assert tickets.is_valid("history.csv", query)
    clock.now += LIFETIME - 1
    assert tickets.is_valid("history.csv", query)
    clock.now += 1
    assert not tickets.is_valid("history.csv", query)


def test_a_query_that_is_encoded_in_another_way_is_the_same() -> None:
    tickets = Tickets()
    query = tickets.query("history.csv", WHICH)
    assert tickets.is_valid("history.csv", query.replace("%2C", ",").replace("+", "%20"))


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("port=80%2C443", "port=1-65535"),
        ("before=7", "before=8"),
        ("expires=", "expires=9"),
        ("&ticket=", "&ticket=0"),
        ("port=", "process=&port="),
    ],
)
def test_a_ticket_opens_nothing_else(text: str, other: str) -> None:
    tickets = Tickets()
    query = tickets.query("history.csv", WHICH)
    assert text in query
    assert not tickets.is_valid("history.csv", query.replace(text, other, 1))
    assert not tickets.is_valid("history.json", query)
    assert not tickets.is_valid("history.csv", f"{query}&port=1")
    assert not Tickets().is_valid("history.csv", query)


@pytest.mark.parametrize("query", ["", "port=80", "ticket=", "&ticket=", "expires=9&ticket=é"])
def test_what_is_no_ticket_opens_nothing(query: str) -> None:
    assert not Tickets().is_valid("history.csv", query)
