"""localstripe: pages as Stripe's, the newest first."""

from aiohttp import web
from common import listen, read_records
from localstripe.resources import Customer
from localstripe.server import app

if __name__ == "__main__":
    for number, record in enumerate(read_records()):
        made = Customer(name=record["name"], description=record["note"], metadata={"id": str(record["id"])})
        # Made within one second, they would have no order.
        made.created = 1_700_000_000 + number
    web.run_app(app, sock=listen(), print=None)
