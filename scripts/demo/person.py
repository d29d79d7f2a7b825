"""What a person does in a browser to give consent, done by HTTP: open the link, press the buttons."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from typing_extensions import override

from scripts.demo.console import DemoError

# A cookie of Airflow's pages, which its login page sets.
LOGIN_COOKIE = "_token"
MAX_REDIRECTS = 5


@dataclass
class Form:
    """A form of a page: where it goes, and its hidden fields."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """A page, as far as a person needs it: its title, links and forms."""

    def __init__(self, url: str, text: str) -> None:
        super().__init__()
        self.url, self.title = url, ""
        self.links: list[str] = []
        self.forms: list[Form] = []
        self._is_title = False
        self.feed(text)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._is_title = tag == "title"
        if tag == "a" and "href" in given:
            self.links.append(urljoin(self.url, given["href"]))
        elif tag == "form":
            self.forms.append(Form(urljoin(self.url, given.get("action", ""))))
        elif tag == "input" and given.get("type") == "hidden" and self.forms:
            self.forms[-1].fields[given["name"]] = given.get("value", "")

    @override
    def handle_data(self, data: str) -> None:
        if self._is_title and not self.title:
            self.title = data.strip()

    def find_form(self, path: str) -> Form:
        """Return the form that goes to a path.

        Raises:
            DemoError: There is none.
        """
        found = [form for form in self.forms if urlsplit(form.action).path.endswith(path)]
        if not found:
            raise DemoError(f"Page '{self.title}' has no form for {path}.")
        return found[0]


class Browser:
    """Follows links and sends forms, with the cookies of a browser."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.max_redirects = MAX_REDIRECTS

    def log_in(self, token: str) -> None:
        """Take the cookie that Airflow's login page would set."""
        self._session.cookies.set(LOGIN_COOKIE, token, domain="127.0.0.1")

    def open(self, url: str) -> Page:
        """Follow a link."""
        return self._read(requests.Request("GET", url))

    def send(self, form: Form, **more: str) -> Page:
        """Send a form."""
        parts = urlsplit(form.action)
        origin = f"{parts.scheme}://{parts.netloc}"
        return self._read(
            requests.Request("POST", form.action, data={**form.fields, **more}, headers={"Origin": origin})
        )

    def _read(self, request: requests.Request) -> Page:
        try:
            answer = self._session.send(self._session.prepare_request(request), timeout=60)
        except requests.RequestException as error:
            # The message itself may hold a code.
            raise DemoError(f"{urlsplit(request.url).path} did not answer: {type(error).__name__}.") from None
        path = urlsplit(answer.url).path
        if not answer.ok:
            raise DemoError(f"{path} answered {answer.status_code} instead of a page.")
        return Page(answer.url, answer.text)


def give_consent(airflow_url: str, token: str, conn_id: str, *, person: str, end_user: str | None = None) -> str:
    """Open the link of a connection, go to its service, allow the access, and return what Airflow's page says.

    Args:
        airflow_url: Where Airflow is.
        token: Login of somebody who may change the connection.
        conn_id: The connection.
        person: Who allows it, at the service.
        end_user: For which end user; None for the connection itself.
    Raises:
        DemoError: A page is not what it should be.
    """
    browser = Browser()
    browser.log_in(token)
    query = {"conn_id": conn_id, **({"end_user": end_user} if end_user is not None else {})}
    link = f"{airflow_url}/integry/authorize?{urlencode(query)}"
    leaving = browser.send(browser.open(link).find_form("/authorize"))
    away = [url for url in leaving.links if not url.startswith(airflow_url)]
    if not away:
        raise DemoError(f"Page '{leaving.title}' leads to no service.")
    asked = browser.open(away[0])
    return browser.send(asked.find_form("/oauth/authorize"), decision="allow", person=person).title
