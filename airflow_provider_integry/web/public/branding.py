"""The look of a host application on our pages: its name, its logo, and a colour that can be read everywhere.

Whoever fills in the workspace chooses one colour, and may choose white or a pale yellow. What is drawn with
it comes from it and is told apart from what it lies on: 4.5 to 1 for text, 3 to 1 for edges.

Source: WCAG 2.2, success criteria 1.4.3 and 1.4.11, and its definition of relative luminance.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_TEXT_CONTRAST, _EDGE_CONTRAST = 4.5, 3.0
_STEPS = 50
# Of the backgrounds of our pages, by day and by night, the one that is harder to stand out from; see connect.css.
_DAY, _NIGHT = "#f5f6f8", "#16181d"
_PLAIN = "#1f4e79"


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one page, each `#rrggbb`.

    Attributes:
        solid: Buttons: the colour as it was chosen.
        on_solid: Text on them.
        edge_day, edge_night: Lines around them.
        text_day, text_night: Links and what has the focus.
    """

    solid: str
    on_solid: str
    edge_day: str
    edge_night: str
    text_day: str
    text_night: str

    def as_css(self) -> str:
        """Return the colours as declarations for a style element; they hold nothing that anybody typed."""
        day = f"--solid:{self.solid};--on-solid:{self.on_solid};--edge:{self.edge_day};--accent:{self.text_day}"
        night = f"--edge:{self.edge_night};--accent:{self.text_night}"
        return f":root{{{day}}}@media (prefers-color-scheme:dark){{:root{{{night}}}}}"


@dataclass(frozen=True, slots=True)
class Brand:
    """How a host application appears.

    Attributes:
        name: What people call it; empty for pages that belong to none.
        logo: https URL of its logo, or empty.
        colour: Its colour, `#rrggbb`; anything else counts as none.
    """

    name: str = ""
    logo: str = ""
    colour: str = ""

    @property
    def palette(self) -> Palette:
        """Colours to draw with."""
        return build_palette(self.colour)


def build_palette(colour: str) -> Palette:
    """Return colours that can be read, from one that somebody chose."""
    solid = colour.lower() if _COLOUR.fullmatch(colour) else _PLAIN
    return Palette(
        solid=solid,
        on_solid=max(("#ffffff", "#000000"), key=lambda ink: contrast(ink, solid)),
        edge_day=_set_apart(solid, _DAY, _EDGE_CONTRAST),
        edge_night=_set_apart(solid, _NIGHT, _EDGE_CONTRAST),
        text_day=_set_apart(solid, _DAY, _TEXT_CONTRAST),
        text_night=_set_apart(solid, _NIGHT, _TEXT_CONTRAST),
    )


def contrast(one: str, other: str) -> float:
    """Return how far two colours are apart: 1 for the same, 21 for black and white."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def origin_for_images(url: str) -> str | None:
    """Return scheme, host and port that a page has to allow for an image; None for a URL that is not shown."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if parts.scheme != "https" or "@" in parts.netloc or not re.fullmatch(r"[a-z0-9_.-]+", host):
        return None
    return f"https://{host}" + (f":{port}" if port else "")


def _set_apart(colour: str, ground: str, least: float) -> str:
    """Return the colour, mixed with as little black or white as makes it stand out from what it lies on."""
    ink = max(("#000000", "#ffffff"), key=lambda one: contrast(one, ground))
    mixed = (_mix(colour, ink, step / _STEPS) for step in range(_STEPS + 1))
    return next((one for one in mixed if contrast(one, ground) >= least), ink)


def _mix(one: str, other: str, share: float) -> str:
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(value / 255) for value in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
