"""The tutorial, as somebody types it: every command is run, and says what the page says."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import LEDGER, PATIENCE, Up, environment

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
#: Stands between the outputs of two commands.
MARK = "@@ next command"


def blocks() -> list[list[str]]:
    """The console blocks of the page; the first one starts the nodes."""
    found = re.findall(r"^```console\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)
    return [block.splitlines() for block in found][1:]


def alike(line: str) -> str:
    """A line without what differs from run to run; how soon logs are signed does, too."""
    if "provisional" in line:
        return ""
    line = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", line)
    line = re.sub(r"\b[0-9a-f]{16,}\b", "<hash>", line)
    line = re.sub(r"\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?", "<time>", line)
    line = re.sub(r"(shared|national)/\d+@\d+", "<place>", line)
    line = re.sub(r"\d+ of them under \d+ signed roots", "<signed>", line)
    return " ".join(line.replace("─", "").split())


@pytest.fixture(scope="module")
def home(tmp_path_factory, kafka, postgres):
    folder = tmp_path_factory.mktemp("tutorial")
    env = environment(LEDGER_KAFKA=kafka, LEDGER_PG=postgres)
    up = Up.start("--countries", "KZ,KG", "--dir", folder, "--prefix", "tutorial", env=env)
    yield folder
    up.stop()


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_every_command_says_what_the_page_says(home):
    commands = [line[2:] for block in blocks() for line in block if line.startswith("$ ")]
    assert len(commands) > 15
    script = "\n".join(f"echo '{MARK}'\n{command}" for command in commands)
    env = environment(LEDGER_DIR=str(home), PATH=f"{LEDGER.parent}:/usr/bin:/bin")
    done = subprocess.run(
        ["bash"],
        input=f"exec 2>&1\n{script}\n",
        env=env,
        cwd=TUTORIAL.parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=4 * PATIENCE,
    )
    said = [alike(line) for line in done.stdout.splitlines() if alike(line)]
    lines = (line for block in blocks() for line in block)
    page = [MARK if line.startswith("$ ") else alike(line) for line in lines]
    assert [line for line in page if line] == said
