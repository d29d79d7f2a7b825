"""A browser without scripts of somebody who is not logged in to Airflow; it looks closely at all that it is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

import requests

# Elements and what of them a browser loads or goes to.
_LOADED = {"link": "href", "script": "src", "img": "src", "a": "href", "form": "action", "iframe": "src"}
_MOST_REDIRECTS = 10


@dataclass(frozen=True)
class Form:
    """A form as it stands on a page."""

    action: str
    fields: dict[str, str]
    words: str


class _Reader(HTMLParser):
    """Collects addresses, forms and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[tuple[str, str]] = []
        self.forms: list[Form] = []
        self.bad: list[str] = []
        self._form: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if named.get(_LOADED.get(tag, "")):
            self.loaded.append((tag, named[_LOADED[tag]]))
        if tag == "script" and ("src" not in named or not named.get("nonce")):
            self.bad.append("a script without address or nonce")
        if tag == "style" and not named.get("nonce"):
            self.bad.append("a style without nonce")
        self.bad += [f"attribute {name}" for name in named if name == "style" or name.startswith("on")]
        if tag == "form":
            self._form = Form(named.get("action", ""), {}, "")
        if self._form is not None and tag in ("input", "textarea", "button") and named.get("name"):
            self._form.fields.setdefault(named["name"], named.get("value", ""))

    def handle_data(self, data: str) -> None:
        if self._form is not None:
            self._form = Form(self._form.action, self._form.fields, self._form.words + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._form is not None:
            self.forms.append(self._form)
            self._form = None


class Passerby(requests.Session):
    """The browser.

    Args:
        public_url: Address below which everything must stay that our pages load, link to, or keep.
    """

    def __init__(self, public_url: str) -> None:
        super().__init__()
        self.trust_env = False
        self.public_url = public_url
        self.problems: list[str] = []
        self.addresses: set[str] = set()

    @property
    def prefix(self) -> str:
        return urlsplit(self.public_url).path

    @property
    def origin(self) -> str:
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    def open(self, path: str, **options) -> requests.Response:
        """Load a page, by its path below the public prefix or by its address, and follow redirects."""
        url = self.public_url + path if path.startswith("/") else path
        return self._follow(self.get(url, allow_redirects=False, timeout=60, **options))

    def submit(self, page: requests.Response, words: str = "", *, headers=None, **fields: str) -> requests.Response:
        """Send the form of a page that has certain words in it."""
        form = self.form(page, words)
        sent = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin", **(headers or {})}
        answer = self.post(
            urljoin(page.url, form.action),
            data={**form.fields, **fields},
            headers={name: value for name, value in sent.items() if value is not None},
            allow_redirects=False,
            timeout=60,
        )
        return self._follow(answer)

    def form(self, page: requests.Response, words: str = "") -> Form:
        found = [form for form in read(page).forms if words in form.words]
        assert found, (page.url, words, text_of(page))
        return found[0]

    def leave(self, page: requests.Response) -> str:
        """Return where a page leads that sends a browser away."""
        found = re.search(r'http-equiv="refresh" content="\d+;url=([^"]+)"', page.text)
        assert found, (page.url, text_of(page))
        return unescape(found[1])

    def _follow(self, answer: requests.Response) -> requests.Response:
        for _ in range(_MOST_REDIRECTS):
            self._look_at(answer)
            location = answer.headers.get("Location")
            if answer.status_code not in (301, 302, 303, 307, 308) or location is None:
                return answer
            answer = self.get(urljoin(answer.url, location), allow_redirects=False, timeout=60)
        raise AssertionError(f"It goes round in circles at {answer.url}")

    def _look_at(self, answer: requests.Response) -> None:
        """Note what would not work, or not be safe, where nothing but the public prefix is shown."""
        if not answer.url.startswith(self.public_url):
            return
        self.addresses.add(urlsplit(answer.url).path)
        where = f"{answer.request.method} {urlsplit(answer.url).path}: "
        location = answer.headers.get("Location")
        if location is not None and not urljoin(answer.url, location).startswith(self.public_url):
            self.problems.append(f"{where}leads to {location}")
        for cookie in _cookies_of(answer):
            # A slash at its end, or nothing more: `/publicity` is not ours.
            path = cookie["path"]
            if path != self.prefix and not path.startswith(f"{self.prefix}/"):
                self.problems.append(f"{where}keeps a cookie for {path}")
            if not cookie["httponly"] or cookie["samesite"].lower() != "lax" or cookie["domain"]:
                self.problems.append(f"{where}keeps a cookie that is not ours alone")
        names = set(_request_cookies(answer))
        if "_token" in names:
            self.problems.append(f"{where}was sent Airflow's cookie")
        if not answer.headers.get("Content-Type", "").startswith("text/html"):
            return
        self._look_at_page(answer, where)

    def _look_at_page(self, page: requests.Response, where: str) -> None:
        found = read(page)
        self.problems += [f"{where}{bad}" for bad in found.bad]
        for tag, url in found.loaded:
            whole = urljoin(page.url, url)
            is_ours = whole.startswith(f"{self.public_url}/") or url.startswith(("#", "data:"))
            # Links and logos may be elsewhere, but not where this server has other things.
            is_elsewhere = tag in ("a", "img") and urlsplit(whole).netloc != urlsplit(self.public_url).netloc
            if not is_ours and not is_elsewhere:
                self.problems.append(f"{where}<{tag}> leads to {url}")
        policy = page.headers.get("Content-Security-Policy", "")
        for wanted in ("default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"):
            if wanted not in policy:
                self.problems.append(f"{where}has no {wanted}")
        if "unsafe" in policy or "'self'" in policy.split("script-src", 1)[1].split(";")[0]:
            self.problems.append(f"{where}lets scripts in: {policy}")
        if page.headers.get("Referrer-Policy") != "no-referrer" or page.headers.get("Cache-Control") != "no-store":
            self.problems.append(f"{where}may be kept, or told to others")


def read(page: requests.Response) -> _Reader:
    """Return what stands on a page."""
    reader = _Reader()
    reader.feed(page.text)
    return reader


def text_of(page: requests.Response) -> str:
    """Return the words of a page."""
    body = re.sub(r"(?s)<(style|head).*?</\1>", " ", page.text)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def _cookies_of(answer: requests.Response):
    raw = answer.raw.headers.getlist("Set-Cookie")
    return [morsel for text in raw for morsel in SimpleCookie(text).values()]


def _request_cookies(answer: requests.Response) -> list[str]:
    sent = answer.request.headers.get("Cookie", "")
    return [part.split("=", 1)[0].strip() for part in sent.split(";")]
