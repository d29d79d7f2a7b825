"""Answers to requests that are not done: what is wrong, in words for the person in front of the page."""

from __future__ import annotations


class PageError(Exception):
    """A request that is answered with a page that says why not.

    Args:
        status: HTTP status.
        title: What happened, in a few words.
        detail: What it means and what to do; no secret.
    """

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail


def not_found() -> PageError:
    """Return the one answer for what is not there and what somebody may not see."""
    return PageError(
        404,
        "There is no such authorization",
        "The connection does not exist, is not of one of this provider's types, or you may not see it.",
    )


def read_only(conn_id: str) -> PageError:
    """Return the answer for somebody who may read a connection and not change it."""
    return PageError(
        403,
        "You may not change this connection",
        f"To authorize connection '{conn_id}' or to revoke that, you need the permission to edit it."
        " Ask an administrator of Airflow.",
    )
