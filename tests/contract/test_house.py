"""The house limits: what a person can read stays readable, and nothing of one machine gets in."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ["events", "ledger", "projections", "consumers", "node", "bench"]
MODULES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
WRITTEN_BY_US = [*MODULES, *TESTS, *(p for name in PACKAGES for p in (ROOT / name).rglob("*.sql"))]

LINE = 100
FUNCTION = 40
MODULE = 300
VAGUE = {"utils", "util", "helpers", "helper", "manager", "base", "common", "misc"}
LEFT_OUT = {".git", ".venv", "venv", "__pycache__", "build", "dist", ".hypothesis"}

# Spelled in parts, or this file would be the first to break its own rule.
REGISTRIES = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("maven", "org"),
        ("maven", "apache", "org"),
        ("npmjs", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
    ]
]
MACHINE_PATH = re.compile(r"(?<![\w.$}/])/(?:home|root|work|Users|mnt)/\w")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def definitions(tree: ast.AST) -> Iterator[Definition]:
    return (node for node in ast.walk(tree) if isinstance(node, Definition))


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the tree, except what tools made."""
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        tools = {part for part in inside if part in LEFT_OUT or part.endswith("_cache")}
        if not tools and path.is_file():
            try:
                yield path, path.read_text()
            except UnicodeDecodeError:
                continue


def broken(paths: list[Path], rule: Callable[[Path], object]) -> dict[str, object]:
    """Return what breaks a rule, by the file in which it stands."""
    return {name(path): found for path in paths if (found := rule(path))}


def test_lines_are_short():
    def long(path):
        lines = path.read_text().splitlines()
        return [number for number, line in enumerate(lines, 1) if len(line) > LINE]

    assert {} == broken(WRITTEN_BY_US, long)


def test_a_module_can_be_read_in_one_sitting():
    def too_long(path):
        lines = len(path.read_text().splitlines())
        return lines if lines > MODULE else None

    assert {} == broken(MODULES, too_long)


def test_a_function_fits_on_a_screen():
    def long(path):
        return [
            f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
            for node in definitions(ast.parse(path.read_text()))
            if not isinstance(node, ast.ClassDef) and node.end_lineno - node.lineno + 1 > FUNCTION
        ]

    assert {} == broken(MODULES, long)


def test_what_is_public_says_what_it_is():
    def silent(path):
        tree = ast.parse(path.read_text())
        public = [tree, *(node for node in tree.body if isinstance(node, Definition))]
        return [
            getattr(node, "name", "the module")
            for node in public
            if not getattr(node, "name", "").startswith("_") and not ast.get_docstring(node)
        ]

    assert {} == broken(MODULES, silent)


def test_no_name_is_a_drawer_for_everything():
    def vague(path):
        return VAGUE & {*path.relative_to(ROOT).parent.parts, path.stem}

    assert {} == broken([*MODULES, *TESTS], vague)


def test_no_file_names_a_registry_or_a_place_on_somebodys_machine():
    """Addresses come from each user's own settings; paths from the folder the clone is in."""
    found = [
        f"{name(path)}:{number}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line) or any(host in line for host in REGISTRIES)
    ]
    assert [] == found


def test_every_package_is_typed_and_introduces_itself():
    for package in PACKAGES[:-1]:
        assert (ROOT / package / "py.typed").exists()
        assert ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text()))
