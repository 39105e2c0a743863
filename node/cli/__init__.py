"""`ledger`: noun, then verb. Exit codes are a contract: docs/reference.md lists them."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

#: Ctrl-C, as a shell says it.
INTERRUPTED = 130


def main() -> None:
    """Run the program of this process's arguments, and exit with its code."""
    sys.exit(run(sys.argv[1:]))


def _unquoted(message: str, arguments: Sequence[str]) -> str:
    """Return what is wrong without what was typed: a name may stand where a verb belongs.

    Options are ours, and are named; what follows their `=` is not.
    """
    typed = {one.partition("=")[2] if one.startswith("-") else one for one in arguments}
    for text in sorted(typed - {""}, key=len, reverse=True):
        message = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", "…", message)
    return message


def run(arguments: Sequence[str]) -> int:
    """Run one command line; return its exit code."""
    import typer

    from events.errors import BadInput, LedgerError
    from node.cli import output
    from node.cli.app import UsageError, command
    from node.ownership import require_sole_owner

    as_json = "--json" in arguments
    try:
        require_sole_owner()
        ended = command().main(list(arguments), prog_name="ledger", standalone_mode=False)
    except LedgerError as error:
        output.error(error, as_json=as_json)
        return error.exit_code
    except UsageError as error:
        said = _unquoted(error.format_message(), arguments)
        output.error(BadInput(said, rule="usage"), as_json=as_json)
        return BadInput.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return ended if isinstance(ended, int) else 0
