"""Put a program on a leash: it gets a signal when the process that started it dies.

Run as a script in front of the program, `python leash.py PARENT SIGNAL UID PROGRAM …`, because
the alternative, code between fork and exec, may deadlock in a process that has threads. Only the
standard library: it runs isolated, before any environment is set up.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _die_with_parent(parent: int, number: int) -> None:
    if not sys.platform.startswith("linux"):
        return  # elsewhere the next run finds the orphan by its recorded pid and start time
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:  # it died before we asked: no signal would ever come
        os._exit(128 + number)


def main(arguments: list[str]) -> None:
    """Take the account, fasten the leash, become the program."""
    parent, number, uid, *command = arguments
    if int(uid):
        os.setgroups([])
        os.setgid(int(uid))
        os.setuid(int(uid))
    # After the change of account, which would undo it.
    _die_with_parent(int(parent), int(number))
    # Python ignores SIGPIPE, and exec hands that down; a server expects the default.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 - becoming the program is the purpose


if __name__ == "__main__":
    main(sys.argv[1:])
