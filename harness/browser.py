"""A Chromium that programs drive, for tests and benchmarks."""

import shutil
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Playwright

HOW_TO_GET_ONE: Final = (
    "no Chromium: install Debian's package chromium, or run `.venv/bin/playwright install chromium`"
)

_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")

_ARGUMENTS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


class NoChromium(Exception):
    """There is no Chromium on this machine."""


def launch(playwright: Playwright) -> Browser:
    """Starts the system's Chromium, or else playwright's own. Raises NoChromium."""
    return playwright.chromium.launch(
        executable_path=_program(playwright), chromium_sandbox=False, args=[*_ARGUMENTS]
    )


def _program(playwright: Playwright) -> str:
    own = playwright.chromium.executable_path
    found = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if found is None and Path(own).exists():
        found = own
    if found is None:
        raise NoChromium(HOW_TO_GET_ONE)
    return found
