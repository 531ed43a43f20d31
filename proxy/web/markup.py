"""Markup: a page of HTML in which text is only ever text. It runs no script and fetches nothing."""

import base64
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Final

from starlette.responses import Response

STYLE: Final = """
:root{color-scheme:light dark;--line:#d4d4d8;--soft:#66666e;--good:#176639;--bad:#a31515;--wait:#805000;--band:#f4f4f6}
@media(prefers-color-scheme:dark){:root{--line:#44444c;--soft:#a4a4ae;--good:#6fd08c;--bad:#ff8f85;--wait:#f0b95b;
--band:#222228}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem;line-height:1.25;margin:1rem 0 .25rem}
h2{font-size:1.1rem;margin:2rem 0 .5rem}
nav a,.files a{display:inline-block;padding:.5rem 1rem .5rem 0}
p{max-width:46rem;margin:.5rem 0}
ul{padding-left:1.2rem;margin:.5rem 0}
code{font-size:.9em;overflow-wrap:anywhere}
small,.soft{color:var(--soft)}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft);font-size:.875rem}
.figure{text-align:right}.figure,.whole{white-space:nowrap}
.good{color:var(--good);font-weight:600}.bad{color:var(--bad);font-weight:600}.wait{color:var(--wait);font-weight:600}
.note{background:var(--band);padding:.75rem 1rem;border-radius:.4rem}
@media(max-width:56rem){
thead{position:absolute;clip-path:inset(50%);height:1px;overflow:hidden}
table,tbody,tr,td{display:block}
tr{border-bottom:2px solid var(--line);padding:.5rem 0}
td{border:0;padding:.15rem 0;display:flex;justify-content:space-between;gap:1rem;overflow-wrap:anywhere}
td::before{content:attr(data-name);color:var(--soft);flex:none}
td>span{text-align:right}
td:empty{display:none}
.pair tr{display:flex;justify-content:space-between;gap:1rem}.pair td::before{content:none}
.figure{white-space:normal}
}
"""
_STYLE_HASH: Final = base64.b64encode(sha256(STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
}


@dataclass(frozen=True, slots=True)
class Html:
    """Markup as it goes out."""

    text: str


Child = Html | str
"""Text is escaped."""


def tag(name: str, *children: Child, **attributes: str) -> Html:
    """An element. An attribute's `class_` is `class`, its `data_name` is `data-name`; an empty one is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items() if value
    )
    return Html(f"<{name}{written}>{joined(*children).text}</{name}>")


def joined(*children: Child) -> Html:
    return Html("".join(each.text if isinstance(each, Html) else escape(each) for each in children))


def prose(text: str) -> Html:
    """Text whose words between backticks are code."""
    parts = text.split("`")
    return joined(*(tag("code", part) if place % 2 else part for place, part in enumerate(parts)))


def link(href: str, *children: Child) -> Html:
    return tag("a", *children, href=href)


@dataclass(frozen=True, slots=True)
class Cell:
    """Of a table."""

    said: Child
    figure: bool = False


def table(names: tuple[str, ...], rows: list[list[Cell]]) -> Html:
    """Rows under their names; where it is narrow, one below the other, each value beside its name."""
    figures = [cell.figure for cell in rows[0]] if rows else [False] * len(names)
    head = (
        tag("th", name, scope="col", class_="figure" if figure else "")
        for name, figure in zip(names, figures, strict=True)
    )
    body = (
        tag(
            "tr",
            *(
                tag(
                    "td",
                    tag("span", cell.said) if cell.said else "",
                    class_="figure" if cell.figure else "",
                    data_name=name,
                )
                for name, cell in zip(names, row, strict=True)
            ),
        )
        for row in rows
    )
    return tag("table", tag("thead", tag("tr", *head)), tag("tbody", *body), class_="pair" if len(names) == 2 else "")


def page(title: str, *content: Child) -> Html:
    head = joined(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", f"{title} · outlay"),
        Html(f"<style>{STYLE}</style>"),
    )
    whole = tag("html", tag("head", head), tag("body", tag("main", tag("h1", title), *content)), lang="en")
    return joined(Html("<!doctype html>"), whole)


def html_answer(found: Html, status: int = 200) -> Response:
    return Response(found.text.encode(), status, HEADERS, media_type="text/html")
