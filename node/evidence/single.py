"""The verifier as one file: the modules of `node.evidence.verifier`, one behind the other."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

from node.evidence.verifier.released import RELEASED_SCHEMAS

#: In the order in which they need each other.
MODULES = (
    *("printable", "released", "ed25519", "merkle", "notes", "quorum", "avro", "aes_gcm"),
    *("opening", "container", "facts", "checks", "contents", "keys", "command"),
)
_OURS = "node.evidence.verifier"
#: A file alone cannot read the list of schemas: this module becomes the list.
_LISTED = "released"
_HEAD = '''\
#!/usr/bin/env python3
"""Checks the evidence bundle it came with: python verify.py [FILE.zip | FOLDER] [--keys FILE].

With --open it prints what the keys of single events in the bundle open, if there are any.

Needs Python 3.11 or newer and nothing else. Exit code 0: everything holds; 3: something does not.
Written by joining small modules; each begins with a line of ---- and says where its rules are from.
"""
'''
_TAIL = """
if __name__ == "__main__":
    sys.exit(run_verifier())
"""


@cache
def verifier_source() -> str:
    """Return verify.py."""
    imports: set[str] = set()
    bodies = [_body(name, imports) for name in MODULES]
    future = "from __future__ import annotations\n"
    head = "\n".join([_HEAD, future, *sorted(imports, key=_order)])
    return head + "\n" + "\n".join(bodies) + _TAIL


def _order(line: str) -> tuple[bool, str]:
    return line.startswith("from "), line


def _body(name: str, imports: set[str]) -> str:
    """Return a module without its imports, which are added to `imports`; ours need none."""
    text = (files(_OURS) / f"{name}.py").read_text(encoding="utf-8")
    if name == _LISTED:
        text = _with_the_list(text)
    tree = ast.parse(text)
    lines: list[str | None] = list(text.splitlines())
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            _drop(lines, node)
            imports.update(_wanted(node))
    head = tree.body[0]
    _drop(lines, head)
    words = (ast.get_docstring(tree) or "").splitlines()
    banner = [f"# {'-' * 96}", *(f"# {line}".rstrip() for line in words)]
    kept = "\n".join(line for line in lines if line is not None)
    return "\n".join(["", *banner, "", kept.strip("\n"), ""])


def _with_the_list(text: str) -> str:
    """Return the module of released schemas with the list in place of what reads it."""
    words = ast.get_docstring(ast.parse(text))
    listed = "".join(f'        "{one}",\n' for one in sorted(RELEASED_SCHEMAS))
    return f'"""{words}"""\n\nRELEASED_SCHEMAS = frozenset(\n    {{\n{listed}    }}\n)\n'


def _drop(lines: list[str | None], node: ast.stmt) -> None:
    for at in range(node.lineno - 1, node.end_lineno or node.lineno):
        lines[at] = None


def _wanted(node: ast.Import | ast.ImportFrom) -> Iterable[str]:
    if isinstance(node, ast.Import):
        return [f"import {one.name}" for one in node.names]
    if node.module == "__future__" or (node.module or "").startswith(_OURS):
        return []
    return [f"from {node.module} import {one.name}" for one in node.names]
