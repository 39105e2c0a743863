"""Baselines that must not stand among our own libraries: each in an environment of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.harness import say
from events.errors import ServiceUnavailable


def interpreter(folder: Path, packages: Sequence[str], name: str) -> Path:
    """Return the interpreter of a new environment with exactly these packages in it.

    ServiceUnavailable, if pip cannot install them; `name` is what they are.
    """
    say(f"making an environment with {name} and what it needs (pip)")
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps"]
    for command in ([sys.executable, "-m", "venv", str(folder)], [*pip, *packages]):
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            raise ServiceUnavailable(
                f"this benchmark needs {name}, which pip could not install;"
                " run it where pip reaches a package index"
            )
    return python


@contextmanager
def timed_elsewhere(python: Path, program: Path, *words: str) -> Iterator[Callable[[str], float]]:
    """Give a function that says a line to a program and returns the seconds that it answers.

    The program says "ready" first. ServiceUnavailable when it ends instead of answering.
    """
    command = [str(python), "-I", "-W", "ignore", str(program), *words]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin
        assert process.stdout
        to, back = process.stdin, process.stdout

        def answer() -> str:
            line = back.readline()
            if not line:
                raise ServiceUnavailable(f"{program.stem} ended; it says why on stderr")
            return line

        def seconds(said: str) -> float:
            to.write(f"{said}\n")
            return float(answer())

        assert answer() == "ready\n"
        yield seconds
