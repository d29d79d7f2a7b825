"""localstripe: pages as Stripe's."""

from aiohttp import web
from common import listen, read_records
from localstripe.resources import Customer
from localstripe.server import app

if __name__ == "__main__":
    for record in read_records():
        Customer(name=record["name"], description=record["note"], metadata={"id": str(record["id"])})
    web.run_app(app, sock=listen(), print=None)
