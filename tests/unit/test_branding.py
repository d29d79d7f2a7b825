"""Whatever colour somebody chooses, what is drawn with it can be read."""

from __future__ import annotations

import itertools

import pytest

from airflow_provider_integry.web.public.branding import Brand, build_palette, contrast, origin_for_images

STEPS = ("00", "33", "66", "80", "99", "cc", "ff")
COLOURS = ["#" + "".join(parts) for parts in itertools.product(STEPS, repeat=3)]
DAY, NIGHT = ("#ffffff", "#f5f6f8"), ("#16181d", "#0e0f12")


def test_contrast_is_that_of_the_guidelines():
    # Values of WCAG's own examples: black on white, and the grey that just passes on white.
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colour", COLOURS)
def test_every_colour_leads_to_pages_that_can_be_read(colour):
    found = build_palette(colour)

    assert found.solid == colour
    assert contrast(found.on_solid, found.solid) >= 4.5
    assert min(contrast(found.text_day, ground) for ground in DAY) >= 4.5
    assert min(contrast(found.text_night, ground) for ground in NIGHT) >= 4.5
    assert min(contrast(found.edge_day, ground) for ground in DAY) >= 3
    assert min(contrast(found.edge_night, ground) for ground in NIGHT) >= 3


def test_a_colour_that_is_good_as_it_is_stays_as_it_is():
    assert build_palette("#0B5FFF").text_day == "#0b5fff"


@pytest.mark.parametrize("colour", ["", "red", "#fff", "#12345g", "#123456;}body{display:none", "#123456\n"])
def test_what_is_no_colour_never_gets_into_a_style(colour):
    assert build_palette(colour) == build_palette("")
    assert "display" not in Brand(colour=colour).palette.as_css()


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://cdn.example.com/a/logo.png?v=1", "https://cdn.example.com"),
        ("https://CDN.example.com:8443/logo.png", "https://cdn.example.com:8443"),
        ("http://cdn.example.com/logo.png", None),
        ("https://user@cdn.example.com/logo.png", None),
        ("https://cdn.example.com; script-src *", None),
        ("https://cdn.example.com,evil.example/logo.png", None),
        ("https://[::1]/logo.png", None),
        ("https://x:99999999/logo.png", None),
        ("data:image/png;base64,AAAA", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_images_are_allowed_by_their_plain_origin_or_not_shown(url, origin):
    assert origin_for_images(url) == origin
