"""The style sheet of the built-in pages: one text per theme, so that its hash can be its permit.

Two palettes, chosen by the visitor's system or fixed by ``theme.color_scheme``; a test computes
the contrast of both. Lengths are logical (``inline``, ``block``), so that ``dir="rtl"`` needs
nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from wsgi_auth.theme import Theme, readable_on

#: ``line`` only decorates; ``edge`` bounds what can be used, so it has 3 to 1 on ``card``.
LIGHT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "page": "#f3f5f8",
        "card": "#ffffff",
        "line": "#e1e5ec",
        "edge": "#7f8899",
        "ink": "#171b24",
        "soft": "#555e6e",
        "tint": "#eef2f9",
        "alert": "#fdf0ef",
        "alert-ink": "#9c1c1c",
        "brand": "#2b59c3",
    }
)
DARK: Final[Mapping[str, str]] = MappingProxyType(
    {
        "page": "#0e1116",
        "card": "#171b22",
        "line": "#2a303b",
        "edge": "#737d8f",
        "ink": "#eceff4",
        "soft": "#a4adbb",
        "tint": "#222935",
        "alert": "#361c20",
        "alert-ink": "#ffb4ab",
        "brand": "#8fb4ff",
    }
)

_RULES: Final = """
*, ::before, ::after { box-sizing: border-box }
:focus-visible { outline: 3px solid var(--ink); outline-offset: 2px }
body { margin: 0; min-height: 100vh; min-height: 100dvh; display: grid; grid-template-columns:
  minmax(0, 26rem); place-content: center; padding: 1.5rem 1rem; background: var(--page);
  color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto,
  "Noto Sans", Ubuntu, Cantarell, "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere;
  -webkit-text-size-adjust: 100% }
main { background: var(--card); border: 1px solid var(--line); border-radius: 1rem;
  padding: 2.25rem; box-shadow: 0 1px 2px rgb(16 24 40/.05), 0 12px 32px -12px rgb(16 24 40/.14) }
.app { margin: 0 0 1.25rem; color: var(--soft); font-weight: 600; display: flex;
  flex-wrap: wrap; align-items: center; gap: .75rem }
.app img { display: block; max-inline-size: 100%; max-block-size: 3rem }
h1 { margin: 0 0 1.5rem; font-size: 1.625rem; line-height: 1.25; text-wrap: balance }
:lang(ja) { word-break: auto-phrase }
[dir=ltr] h1 { letter-spacing: -.015em }
h2 { margin: 2rem 0 .5rem; font-size: 1.0625rem; line-height: 1.35 }
p { margin: 0 0 1.25rem; text-wrap: pretty }
.soft, small { color: var(--soft); font-size: .875rem }
.note { border-radius: .625rem; padding: .75rem 1rem; background: var(--tint) }
.alert { background: var(--alert); color: var(--alert-ink) }
form { margin: 0; display: grid; gap: .75rem }
form > .note { margin: 0 }
form + form { margin-block-start: .75rem }
label { display: grid; gap: .375rem; font-size: .9375rem; font-weight: 600 }
input { inline-size: 100%; min-block-size: 2.875rem; padding: .5rem .875rem; font: inherit;
  font-weight: 400; font-size: 1rem; color: var(--ink); background: var(--card);
  border: 1px solid var(--edge); border-radius: .625rem }
.box { display: flex; align-items: center; gap: .625rem; font-weight: 400 }
.box input { inline-size: 1.125rem; min-block-size: 1.125rem; accent-color: var(--brand) }
input::placeholder { color: var(--soft); opacity: 1 }
input:focus-visible { outline-width: 2px; outline-offset: -1px }
label + label { margin-block-start: .25rem }
[aria-invalid] { border-color: var(--alert-ink) }
button, .button { display: block; inline-size: 100%; min-block-size: 2.875rem; margin: 0;
  padding: .625rem 1rem; font: inherit; font-weight: 600; text-align: center;
  text-decoration: none; color: var(--ink); background: var(--card);
  border: 1px solid var(--edge); border-radius: .625rem; cursor: pointer }
button:hover, .button:hover { background: var(--tint) }
button:disabled, [aria-disabled] { opacity: .55; cursor: default }
.main, .main:hover { color: var(--brand-ink); background: var(--brand); border-color: transparent }
label + .main, label + .last { margin-block-start: .5rem }
.main:hover { background-image: linear-gradient(var(--shade), var(--shade)) }
.way-in { display: grid; grid-template-columns: 1.5rem 1fr 1.5rem; column-gap: .625rem;
  align-items: center; line-height: 1.3; text-wrap: balance }
.last { position: relative }
.last small { position: absolute; inset-block-start: -.875rem; inset-inline-end: .75rem;
  padding: 0 .625rem; border: 1px solid var(--edge); border-radius: 1rem; font-size: .75rem;
  color: var(--ink); background: var(--card); pointer-events: none }
.way-in:focus-visible + small { outline: 2px solid var(--card) }
.icon { display: block; inline-size: 1.5rem; block-size: 1.5rem; object-fit: contain; fill: none;
  stroke: currentcolor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round }
.mark { stroke: none }
.mark rect { stroke: var(--line); stroke-width: 1 }
.main .mark rect { stroke: var(--brand-ink) }
.mark text { font-weight: 700; text-anchor: middle }
.person { display: grid; grid-template-columns: auto 1fr; column-gap: .875rem;
  align-items: center; text-align: start; line-height: 1.3 }
.person i { grid-row: span 2; inline-size: 2.25rem; line-height: 2.25rem; border-radius: 50%;
  background: var(--tint); font-style: normal; text-align: center }
.person span:last-child { grid-row: span 2 }
.person:hover i { background: var(--card) }
.person small { font-weight: 400 }
.rows { list-style: none; margin: 0 0 1rem; padding: 0 }
.rows li { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; padding: .75rem 0;
  border-block-end: 1px solid var(--line) }
.rows p { flex: 1 1 9rem; margin: 0; font-weight: 600; line-height: 1.35 }
.rows p:has(+ details) { flex-basis: 100% }
.rows small { display: block; margin-block-start: .125rem; font-weight: 400 }
.rows strong { display: table; margin-block: .25rem; padding: 0 .5rem; border-radius: 1rem;
  background: var(--tint); font-size: .8125rem }
.rows ~ .way { margin-block-start: 2rem }
.rows form, .rows button { inline-size: auto; min-block-size: 2.25rem }
.rows button, summary { padding: .25rem .875rem; font-size: .875rem }
summary { line-height: 1.625rem; font-weight: 600; text-align: center; border-radius: .625rem;
  border: 1px solid var(--edge); cursor: pointer; list-style: none; inline-size: max-content }
summary:hover { background: var(--tint) }
details[open] { flex: 1 0 100% }
details form { margin-block-start: .75rem }
.off { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap }
.soft + .soft { margin-block-start: -1rem }
.or { display: flex; align-items: center; gap: .875rem; margin: 1.25rem 0;
  color: var(--soft); font-size: .875rem }
.or::before, .or::after { content: ""; flex: 1; border-block-start: 1px solid var(--line) }
.way { display: grid; gap: .75rem; margin-block-start: 1.75rem }
form + .way { margin-block-start: .75rem }
main > svg { display: block; inline-size: 3rem; block-size: 3rem; padding: .75rem; margin-block-end:
  1.25rem; border-radius: 50%; background: var(--tint); fill: none; stroke: var(--ink);
  stroke-width: 2; stroke-linecap: round; stroke-linejoin: round }
main > svg + h1 { margin-block-end: .75rem }
h1 + .soft { margin-block-start: -1rem }
.code { margin: 1.75rem 0 0 }
@media (max-width: 26rem) { main { padding: 1.5rem 1.25rem } .way-in { grid-template-columns:
  1.5rem 1fr; text-align: start } }
@media (max-height: 32rem) { body { place-content: start center } }
@media (prefers-reduced-motion: no-preference) { button, .button, input { transition:
  background-color .12s, border-color .12s } }
@media (forced-colors: active) { main, .main, .note { border: 1px solid } }
"""


def palette(colors: Mapping[str, str], theme: Theme) -> dict[str, str]:
    """The custom properties of one scheme, the theme's brand and a readable text on it put in."""
    brand = theme.brand_color or colors["brand"]
    text = theme.button_text or readable_on(brand)
    shade = "rgb(255 255 255/.2)" if readable_on(text) == "#ffffff" else "rgb(0 0 0/.12)"
    return {**colors, "brand": brand, "brand-ink": text, "shade": shade}


def stylesheet(theme: Theme) -> str:
    """The whole style sheet for a theme, without needless space."""
    light, dark = palette(LIGHT, theme), palette(DARK, theme)
    match theme.color_scheme:
        case "light":
            schemes = _root("light", light)
        case "dark":
            schemes = _root("dark", dark)
        case "auto":
            night = _root("light dark", dark)
            schemes = f"{_root('light dark', light)}@media (prefers-color-scheme:dark){{{night}}}"
    return _squeeze(schemes + _RULES)


def _root(scheme: str, colors: Mapping[str, str]) -> str:
    properties = ";".join(f"--{name}:{value}" for name, value in colors.items())
    return f":root{{color-scheme:{scheme};{properties}}}"


def _squeeze(css: str) -> str:
    css = re.sub(r"\s+", " ", css)
    return re.sub(r"\s*([{};,])\s*", r"\1", css).strip()
