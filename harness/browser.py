"""A Chromium that programs drive, for tests and benchmarks."""

import os
import shutil
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Playwright

HOW_TO_GET_ONE: Final = (
    "no Chromium: install Debian's package chromium, or run `.venv/bin/playwright install chromium`"
)

_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")

_OWN_FOLDER: Final = "PLAYWRIGHT_BROWSERS_PATH"
_OWN_PROGRAM: Final = "chromium-*/chrome-linux*/chrome"

_ARGUMENTS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def find() -> str | None:
    """Returns the system's Chromium, or else playwright's own; None if there is none."""
    system = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if system is not None:
        return system
    folder = Path(os.environ.get(_OWN_FOLDER, Path.home() / ".cache" / "ms-playwright"))
    return next(map(str, sorted(folder.glob(_OWN_PROGRAM), reverse=True)), None)


def launch(playwright: Playwright) -> Browser:
    """Starts a Chromium. Raises FileNotFoundError: there is none."""
    program = find()
    if program is None:
        raise FileNotFoundError(HOW_TO_GET_ONE)
    return playwright.chromium.launch(
        executable_path=program, chromium_sandbox=False, args=[*_ARGUMENTS]
    )
