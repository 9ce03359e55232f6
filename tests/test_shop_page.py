"""The commands of docs/shop.md work when pasted, one after the other."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.curl import path_with_curl
from tests.support.server import running

PAGE = (Path(__file__).parent.parent / "docs" / "shop.md").read_text()

BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)
SAVED = re.compile(r"Save\s+this\s+as\s+(\S+\.(?:csv|py))\b")
PROGRESS = "━"


def blocks() -> list[tuple[str, str]]:
    return [(found["kind"], found["text"]) for found in BLOCK.finditer(PAGE)]


def save_files(folder: Path) -> None:
    """Saves each csv and python block under the name that the text before it gives."""
    before = 0
    for found in BLOCK.finditer(PAGE):
        if found["kind"] in {"csv", "python"}:
            *_, name = SAVED.findall(PAGE[before : found.start()])
            (folder / name).write_text(found["text"])
        before = found.end()


def script() -> str:
    """All sh blocks as one script. Each writes what it shows to a file of its own."""
    commands = [text for kind, text in blocks() if kind == "sh"]
    return "\n".join(f"{{\n{text}}} >{n}.out 2>&1" for n, text in enumerate(commands))


def expected() -> list[str | None]:
    """What each sh block shows; None if the page does not say it."""
    shown: list[str | None] = []
    for kind, text in blocks():
        if kind == "sh":
            shown.append(None)
        elif kind == "text":
            shown[-1] = text
    return shown


def matches(text: str, wanted: str) -> bool:
    """Whether it is the wanted text, in which … stands for anything."""
    parts = [re.escape(part) for part in wanted.strip().split("…")]
    return re.fullmatch(".*?".join(parts), text.strip(), re.DOTALL) is not None


@pytest.mark.slow
def test_a_day_in_a_shop_works_when_pasted(database_url: str, tmp_path: Path) -> None:
    save_files(tmp_path)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    programs = Path(sys.executable).parent
    with running(database_url, auth=True) as server:
        text = script().replace("http://127.0.0.1:8000", server.url)
        done = subprocess.run(
            ["bash", "-eu", "-c", text],
            cwd=tmp_path,
            env=os.environ
            | {
                "PATH": f"{programs}:{path_with_curl(tmp_path)}",
                "STOCKLEDGER_DATABASE_URL": database_url,
            },
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    outputs = sorted(tmp_path.glob("*.out"), key=lambda path: int(path.stem))
    shown = [path.read_text() for path in outputs]
    assert done.returncode == 0, shown[-1] + done.stderr
    wanted = expected()
    assert len(shown) == len(wanted)
    for text, want in zip(shown, wanted, strict=True):
        lines = [line for line in text.splitlines() if PROGRESS not in line]
        assert want is None or matches("\n".join(lines), want), f"{text}\n--- but expected\n{want}"
    assert sum(want is not None for want in wanted) == len(wanted) - 1
