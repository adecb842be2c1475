"""An HTML page that is complete in itself: readable on a phone, light or dark as the reader's system is."""

import html
import re

from nnlite import plot

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --line: #d1d9e0; --box: #f6f8fa;
  --grey: #757d86; --blue: #0072b2; --orange: #d55e00; }
@media (prefers-color-scheme: dark) { :root { --paper: #11151b; --ink: #e2e6ea; --soft: #9aa4b0; --line: #343b45;
  --box: #1a2028; --grey: #8b95a1; --blue: #3d9ae0; --orange: #e07b30; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans",
  sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 1rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1rem 0; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 2.2rem 0 .8rem; padding-top: 1rem; border-top: 1px solid var(--line); }
.soft { color: var(--soft); font-size: .9rem; }
.scroll { overflow-x: auto; margin: 1rem 0; overflow-wrap: normal; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .35rem 1rem .35rem 0; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
pre { margin: 0; padding: .8rem; background: var(--box); font-size: .8rem; line-height: 1.45; }
pre, code { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.pictures { columns: 3 22rem; column-gap: 1.5rem; }
figure { margin: 0 0 1.6rem; break-inside: avoid; }
time { white-space: nowrap; }
svg { display: block; max-width: 100%; height: auto; stroke-linejoin: round; stroke-linecap: butt; }
.scroll svg { max-width: none; }
"""
WIDE = 5  # inches: a wider picture scrolls in its own box, so that its words stay readable on a phone
COLOURS = {"#ffffff": "paper", "#333333": "ink", "#e4e4e4": "line", "#999999": "grey", "#0072b2": "blue", "#d55e00": "orange"}


def page(title, sections):
    """The whole page.   sections: HTML, such as the other functions give."""
    body, rules = _classes(_own_ids(f"<body><main><h1>{html.escape(title)}</h1>{''.join(sections)}</main></body>"))
    head = (f'<head><meta charset="utf-8"><title>{html.escape(title)}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}{rules}</style></head>')
    return f'<!DOCTYPE html><html lang="en">{head}{body}</html>'


def pictures(*figures_and_alts):
    """Pictures side by side where there is room, from pairs (matplotlib Figure, what it shows in words)."""
    return f'<div class="pictures">{"".join(_picture(*pair) for pair in figures_and_alts)}</div>'


def table(head, rows):
    """A table, which scrolls in its own box where it is too wide."""
    line = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return _scroll("table", f"<table><thead><tr>{line}</tr></thead><tbody>{body}</tbody></table>")


def listing(text):
    """Text with its own lines, which scrolls like a table."""
    return _scroll("listing", f"<pre>{html.escape(text)}</pre>")


def _scroll(label, content):
    """A box that the keyboard can reach, since it may have to be scrolled."""
    return f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">{content}</div>'


def _picture(figure, alt):
    """An <svg> in the page's colours and font."""
    text = re.sub(r"(?s)<metadata>.*?</metadata>|<!--.*?-->|<style.*?</style>|\s*\n\s*", " ", plot.svg(figure))
    text = re.sub("> +<", "><", text)
    text = re.sub(r' transform="rotate\(-0 [^"]*"|font-family: [^;"]*;|(?<=\.\d\d)\d+(?=[^<>]*>)', "", text)
    text = re.sub("|".join(COLOURS), lambda found: f"var(--{COLOURS[found[0]]})", text)
    text = text.replace("<svg", f'<svg role="img" aria-label="{html.escape(alt)}"', 1)
    return f"<figure>{_scroll('picture', text) if figure.get_figwidth() > WIDE else text}</figure>"


def _own_ids(body):
    """matplotlib gives equal ids in all pictures. Here each picture gets its own, and those that nothing refers to go."""
    pieces = re.split(r"(?s)(<svg.*?</svg>)", body)
    for i in range(1, len(pieces), 2):
        used = set(re.findall(r'(?:href="|url\()#(\w+)', pieces[i]))
        name = re.compile(r'(?<= id=")[^"]+(?=")|(?<=href="#)\w+|(?<=url\(#)\w+')
        pieces[i] = name.sub(lambda found, used=used, i=i: f"p{i}-{found[0]}" if found[0] in used else "", pieces[i])
    return "".join(pieces).replace(' id=""', "")


def _classes(body):
    """Each style="…" becomes a class, so that the page has it once -> (the body, the classes' rules)."""
    styles = dict.fromkeys(re.findall(r' style="([^"]*)"', body))
    names = {style: f"s{i}" for i, style in enumerate(styles)}
    body = re.sub(r' style="([^"]*)"', lambda found: f' class="{names[found[1]]}"', body)
    return body, "".join(f".{name} {{ {html.unescape(style)} }}\n" for style, name in names.items())
