"""From a template to a page that anybody may see: branding, a policy with a nonce, and nothing of Airflow's."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from airflow_provider_integry import __version__
from airflow_provider_integry.web.pages import words
from airflow_provider_integry.web.public.branding import Brand, origin_for_images
from airflow_provider_integry.web.public.browser import KEY_COOKIE, csrf_of, keep, key_of, make_key, public_prefix
from airflow_provider_integry.web.refusals import PageError

_FOLDER = Path(__file__).parent.parent / "templates" / "public"


class PublicError(PageError):
    """A request to a public page that is not done.

    Args:
        status, title, detail: As for every page.
        brand: Whose page it was, where that is known.
        back: Path below the public prefix that leads on, and what the link to it says.
        wait_s: Seconds after which it may be tried again; None where that makes no difference.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        brand: Brand | None = None,
        back: tuple[str, str] | None = None,
        wait_s: int | None = None,
    ) -> None:
        super().__init__(status, title, detail)
        self.brand = brand
        self.back = back
        self.wait_s = wait_s


def render(
    request: Request,
    template: str,
    status: int = 200,
    *,
    brand: Brand | None = None,
    images: Iterable[str] = (),
    csrf: str = "",
    **values: Any,
) -> HTMLResponse:
    """Return a page without forms.

    Args:
        request: For the page.
        template: File in `templates/public`.
        status: HTTP status.
        brand: Whose page it is.
        images: URLs of further images on it, beside the logo of the brand.
        csrf: What its forms carry.
        values: What the template shows.
    """
    brand = brand or Brand()
    nonce = secrets.token_urlsafe(16)
    shared = {
        "prefix": public_prefix(request),
        "version": __version__,
        "nonce": nonce,
        "brand": brand,
        # Six digits each, computed: nothing in it can end the element.
        "palette": Markup(brand.palette.as_css()),  # noqa: S704 - see above
        "csrf": csrf,
    }
    text = _environment().get_template(template).render(**shared | values)
    policy = build_policy(nonce, (brand.logo, *images))
    return HTMLResponse(text, status, {"Content-Security-Policy": policy})


async def render_form(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page with forms; a browser that has no key yet gets one."""
    key = key_of(request)
    fresh = key or make_key()
    page = render(request, template, status, csrf=await csrf_of(fresh), **values)
    if key is None:
        keep(request, page, KEY_COOKIE, fresh.reveal())
    return page


def render_leaving(request: Request, url: str, brand: Brand | None = None) -> HTMLResponse:
    """Return the page that leads a browser to another site.

    Not a redirect: browsers hold those that follow a form against `form-action`, all the way.
    """
    return render(request, "leaving.html", brand=brand, url=url, host=urlsplit(url).hostname or "")


def render_refusal(request: Request, error: PageError) -> HTMLResponse:
    """Return the page for a request that is not done."""
    brand, back = (error.brand, error.back) if isinstance(error, PublicError) else (None, None)
    values: dict[str, Any] = {"title": error.title, "detail": error.detail, "back": back}
    page = render(request, "refusal.html", error.status, brand=brand, **values)
    if isinstance(error, PublicError) and error.wait_s is not None:
        page.headers["Retry-After"] = str(error.wait_s)
    return page


def build_policy(nonce: str, images: Iterable[str]) -> str:
    """Return what a public page may load: its own style and script, and the logos that are on it."""
    origins = sorted({origin for url in images if url and (origin := origin_for_images(url))})
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'nonce-{nonce}'",
            f"style-src 'nonce-{nonce}'",
            " ".join(("img-src 'self' data:", *origins)),
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(sentence=words.sentence, segment=partial(quote, safe=""))
    found.tests["shown"] = lambda url: bool(url) and origin_for_images(url) is not None
    return found
