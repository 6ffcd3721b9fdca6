"""The theme keeps its promises: contrast in both themes, and a style that holds what a picture needs."""

from __future__ import annotations

import importlib
import pkgutil
import re

import pytest

from funes_lab import widgets
from funes_lab.widgets import markup, theme
from funes_lab.widgets.live import Live

MEANINGS = ("accent", "accepted", "own", "state", "interpretation", "conflict", "changed")
TYPES = tuple(f"c{n}" for n in range(1, 9))
#: What JupyterLab 4 gives for the two neutrals that are taken from it, its ink already laid over its ground.
JUPYTERLAB = {"surface": ("#ffffff", "#111111"), "ink": ("#212121", "#ffffff")}

TEXT = [
    *((ink, ground) for ink in ("ink", "muted", *MEANINGS) for ground in ("surface", "raised")),
    *((meaning, f"{meaning}-tint") for meaning in MEANINGS),
    *(("ink", f"{meaning}-tint") for meaning in MEANINGS),
    ("on-accent", "accent"),
]
MARKS = [(mark, "surface") for mark in ("edge", *MEANINGS, *TYPES)]


def _colours() -> dict[str, tuple[str, str]]:
    pair = re.compile(r"--fl-([\w-]+):[^;]*?light-dark\((#\w{6}), (#\w{6})\)")
    return {name: (light, dark) for name, light, dark in pair.findall(theme.parts()["tokens"])}


def _luminance(colour: str) -> float:
    channels = (int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _assert_contrast(pair: tuple[str, str], host: dict[str, tuple[str, str]], least: float) -> None:
    colours = {**_colours(), **host}
    for mode, which in (("light", 0), ("dark", 1)):
        reached = contrast(colours[pair[0]][which], colours[pair[1]][which])
        assert reached >= least, f"{pair[0]} on {pair[1]}, {mode}: {reached:.2f}"


@pytest.mark.parametrize("host", [{}, JUPYTERLAB], ids=["alone", "jupyterlab"])
@pytest.mark.parametrize("pair", TEXT, ids=" on ".join)
def test_text_can_be_read_in_both_themes(pair: tuple[str, str], host: dict[str, tuple[str, str]]) -> None:
    _assert_contrast(pair, host, 4.5)


@pytest.mark.parametrize("host", [{}, JUPYTERLAB], ids=["alone", "jupyterlab"])
@pytest.mark.parametrize("pair", MARKS, ids=" on ".join)
def test_marks_can_be_seen_in_both_themes(pair: tuple[str, str], host: dict[str, tuple[str, str]]) -> None:
    _assert_contrast(pair, host, 3)


def test_black_on_white_is_what_the_contrast_is_measured_by() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_every_rule_is_about_the_pictures_only() -> None:
    sheet = theme.style("", "").removeprefix("<style>").removesuffix("</style>")
    flat = re.sub(r"@[^{]+\{", "", sheet)
    for selectors in re.findall(r"([^{}]+)\{", flat):
        for selector in re.sub(r"\([^)]*\)", "", selectors).split(","):
            assert ".fl" in selector, selector


def test_a_style_declares_what_it_uses_and_nothing_else() -> None:
    sheet = theme.style('fill="var(--fl-c3)"', ".fl .x { color: var(--fl-added) }", without=["pictures"])
    declared = set(re.findall(r"(--fl-[\w-]+):", sheet))
    used = set(re.findall(r"var\((--fl-[\w-]+)", sheet))
    assert used | {"--fl-c3"} == declared
    assert {"--fl-added", "--fl-accepted"} <= declared
    assert "--fl-c4" not in sheet


def test_a_style_is_small_and_needs_no_network() -> None:
    sheet = theme.style("", without=[theme.CONTROLS, theme.PICTURES])
    assert len(sheet) < 5_500
    assert "url(" not in sheet
    assert "@import" not in sheet
    assert "/*" not in sheet
    assert "{}" not in sheet


def test_a_part_that_is_not_wanted_is_left_out() -> None:
    assert ".fl-btn" in theme.style("")
    assert ".fl-btn" not in theme.style("", without=[theme.CONTROLS])


def test_minified_css_keeps_the_space_that_means_descendant() -> None:
    assert theme.minified(".fl :is(th, td) > b { font: 1px/2 a, b; }\n\n/* x */") == ".fl :is(th,td)>b{font:1px/2 a,b}"


def test_no_rule_of_the_static_reprs_reaches_a_widget_beside_them() -> None:
    own = theme.minified(markup._LAYOUT)
    for selectors in re.findall(r"([^{}]+)\{", re.sub(r"@container[^{]+\{", "", own)):
        for selector in re.sub(r"\([^)]*\)", "", selectors).split(","):
            assert ".fl-repr" in selector, selector


def widgets_of_one_page() -> list[type[Live]]:
    for module in pkgutil.walk_packages(widgets.__path__, "funes_lab.widgets."):
        importlib.import_module(module.name)
    return [cls for cls in Live.__subclasses__() if cls.__module__.startswith("funes_lab.")]


@pytest.mark.parametrize("cls", widgets_of_one_page(), ids=lambda cls: cls.__qualname__)
def test_the_rules_of_a_widget_reach_no_other_one_in_the_page(cls):
    own = str(cls._css).removeprefix(theme.sheet())
    selectors = re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/|@[^{]*\{", "", own, flags=re.DOTALL))
    alone = [one.strip() for listed in selectors for one in re.split(r",(?![^(]*\))", listed)]
    assert alone
    assert not [selector for selector in alone if re.match(r"(\.fl)+ ", selector)]
