"""A process that has the program loaded and forks a child for every command it is asked to run.

Reads one JSON object per line (arguments, env, out, err); answers with the exit code.
"""

import json
import os
import sys
import traceback


def run(asked) -> None:
    """Become the command: its environment, its streams, its exit code."""
    os.environ.clear()
    os.environ.update(asked["env"])
    for number, name in ((0, os.devnull), (1, asked["out"]), (2, asked["err"])):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(name, flags, 0o600), number)
    from node.cli import main

    code = 1
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        if (fault := sys.exc_info()[1]) is not None:
            traceback.print_exception(fault)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def load() -> None:
    """Import what verbs import."""
    import node.cases
    import node.cli.case
    import node.past
    import node.reading  # noqa: F401 - imported to be there after the fork


def serve() -> None:
    """Answer until nobody asks any more."""
    load()
    for line in sys.stdin:
        asked = json.loads(line)
        sys.argv = ["ledger", *asked["arguments"]]
        child = os.fork()
        if child == 0:
            run(asked)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
