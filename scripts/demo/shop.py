"""What a person does in Acme's shop, done by HTTP: order something."""

from __future__ import annotations

import time

import requests

from scripts.demo.console import DemoError, say
from scripts.demo.saas.accounts import Accounts
from scripts.demo.sandbox import Sandbox
from scripts.demo.services import Services

# As example_dags/new_orders.py and its connector have it.
REGION, LOOK = "emea", "emea by 100"
LOOK_S = 90


def order_something(box: Sandbox, services: Services, accounts: Accounts) -> None:
    """Order something, once the triggerer has looked at what is there: what comes later is new.

    Raises:
        DemoError: The triggerer does not look, or the shop takes no order.
    """
    deadline = time.monotonic() + LOOK_S
    while not requests.get(f"{box.acme_url}/looks", timeout=5).json().get(LOOK):
        services.check_alive()
        if time.monotonic() > deadline:
            raise DemoError("The triggerer does not look for new orders.", services.airflow_log)
        time.sleep(0.3)
    order = {"region": REGION, "contact_id": 7, "amount_cents": 4_200}
    headers = {"X-Api-Key": accounts.api_key}
    answer = requests.post(f"{box.acme_url}/shop/orders", json=order, headers=headers, timeout=5)
    if not answer.ok:
        raise DemoError(f"The shop answered {answer.status_code} to an order.")
    say(f"  acme_shop: order {answer.json()['order']['id']} is placed now, as a customer would")
