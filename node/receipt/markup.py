"""The few pieces of HTML that a receipt is made of. Whatever a text says, it stays text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

#: Nothing is fetched and nothing runs, whatever stands in an event.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def document(language: str, title: str, style: str, body: Iterable[str]) -> str:
    """Return a page that needs nothing beside itself."""
    lines = (
        "<!DOCTYPE html>",
        f'<html lang="{escape(language)}">',
        "<head>",
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="robots" content="noindex">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{style}</style>",
        "</head>",
        "<body>",
        *body,
        "</body>",
        "</html>",
    )
    return "\n".join(lines) + "\n"


def tag(name: str, text: str, kind: str = "") -> str:
    """Return an element that holds a text."""
    mark = f' class="{escape(kind)}"' if kind else ""
    return f"<{name}{mark}>{escape(text)}</{name}>"


def block(name: str, parts: Iterable[str], kind: str = "") -> str:
    """Return an element that holds other elements."""
    mark = f' class="{escape(kind)}"' if kind else ""
    return "\n".join((f"<{name}{mark}>", *parts, f"</{name}>"))


def section(title: str, *parts: str) -> str:
    """Return a part of the page under its title."""
    return block("section", (tag("h2", title), *parts))


def pairs(said: Iterable[tuple[str, str]], kind: str = "") -> str:
    """Return names and what stands for each; a pair with nothing to say is left out."""
    cells = (part for name, text in said if text for part in (tag("dt", name), tag("dd", text)))
    return block("dl", cells, kind)


def table(columns: Sequence[tuple[str, int]], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of texts; its columns have titles and widths in percent.

    What stands after a line break in a cell is set below it in small letters.
    """
    widths = "".join(f'<col style="width: {width}%">' for _, width in columns)
    titles = "".join(f'<th scope="col">{escape(title)}</th>' for title, _ in columns)
    lines = ("".join(map(_cell, row)) for row in rows)
    head = f"<colgroup>{widths}</colgroup>", f"<thead><tr>{titles}</tr></thead>"
    body = block("tbody", (f"<tr>{line}</tr>" for line in lines))
    return block("table", (*head, body))


def _cell(text: str) -> str:
    first, _, below = text.partition("\n")
    return f"<td>{escape(first)}{tag('small', below) if below else ''}</td>"
