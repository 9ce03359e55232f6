"""Process trees: start one, and kill all of its processes."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from harness.cluster import as_unprivileged

# Ambient capabilities survive the change of the user, and child processes inherit them.
_LET_READ = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")


def start_python_unprivileged(*arguments: str, **how: Any) -> subprocess.Popen[bytes]:
    """Starts Python as a user that may run PostgreSQL.

    The user can read this environment even in a folder that is closed to others.
    """
    command, user = [sys.executable, *arguments], dict[str, Any](as_unprivileged())
    if _can_run_python():
        return subprocess.Popen(command, **how, **user)
    ids = [f"--reuid={user['user']}", f"--regid={user['group']}", "--clear-groups"]
    return subprocess.Popen(["setpriv", *ids, *_LET_READ, *command], **how)


@cache
def _can_run_python() -> bool:
    user = dict[str, Any](as_unprivileged())
    with suppress(PermissionError):
        python = [sys.executable, "-c", "import psycopg"]
        return subprocess.run(python, **user, cwd="/", check=False).returncode == 0
    return False


def kill_all(word: str) -> bool:
    """Kills all processes with the word in their command line, and their descendants.

    True if there were any. Call it again then, because they may have started others.
    """
    found = set(_family_of(word))
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return bool(found)


def _family_of(word: str) -> Iterator[int]:
    parents = dict(_parents())
    named = {pid for pid in parents if word in _command_line(pid)}
    while named:
        yield from named
        named = {pid for pid, parent in parents.items() if parent in named}


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                # After the program's name, which may contain any character: state, parent, ...
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                yield int(folder.name), int(fields[1])


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    return ""
