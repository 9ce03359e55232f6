"""The README does what it says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from interface.cli.main import app
from interface.settings import Settings
from tests.domain.test_rejections import all_rejections
from tests.support.curl import path_with_curl
from tests.support.server import running

README = Path(__file__).parent.parent / "README.md"


def curl_commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    return [block for block in blocks if block.startswith("curl")]


def python_block() -> str:
    (block,) = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    assert isinstance(block, str)
    return block


def test_first_sync_works_when_pasted(database_url: str, tmp_path: Path) -> None:
    with running(database_url, auth=True) as server:
        key = server.admin_key
        assert key is not None

        def paste(command: str) -> dict[str, Any]:
            text = command.replace("http://127.0.0.1:8000", server.url)
            shown = subprocess.run(
                ["sh", "-c", text],
                env=os.environ | {"STOCKLEDGER_KEY": key, "PATH": path_with_curl(tmp_path)},
                capture_output=True,
                check=True,
            ).stdout
            answer: dict[str, Any] = json.loads(shown)
            return answer

        register, sync, stock = curl_commands()
        item = paste(register)
        first, second = paste(sync), paste(sync)
        levels = paste(stock)
        shown = subprocess.run(
            [sys.executable, "-c", python_block().replace("http://127.0.0.1:8000", server.url)],
            env=os.environ | {"STOCKLEDGER_KEY": key},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert first["synced"][0]["itemId"] == item["itemId"]
    assert [s["status"] for s in first["synced"] + second["synced"]] == ["recorded", "duplicate"]
    assert [f["code"] for f in first["failed"]] == ["INSUFFICIENT_STOCK"]
    assert levels["items"][0]["onHand"] == 24
    assert shown == "1 recorded, [22] on hand\n[] []\n"


def test_every_setting_has_its_line() -> None:
    """In the README, or in the page that it names."""
    pages = README.read_text() + (README.parent / "docs" / "security.md").read_text()
    settings = {f"STOCKLEDGER_{name.upper()}" for name in Settings.model_fields}
    documented = set(
        re.findall(r"^\|.*?`(STOCKLEDGER_\w+)`(?:, `(STOCKLEDGER_\w+)`)?", pages, re.MULTILINE)
    )
    assert settings - {name for names in documented for name in names} == set()


def test_every_command_has_its_word() -> None:
    commands = [command.callback for command in app.registered_commands]
    names = {command.__name__ for command in commands if command is not None}
    groups = {group.name for group in app.registered_groups}
    missing = [name for name in names | groups if f"`stockledger {name}" not in README.read_text()]
    assert missing == []


def test_every_code_of_a_rejection_is_explained() -> None:
    text = README.read_text()
    assert [one.code for one in all_rejections() if f"`{one.code}`" not in text] == []
