"""The commands of the README work when pasted."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from interface.api.codes import OF_REQUESTS, WARNINGS
from tests.support.codes import all_rejections
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


def test_every_code_is_explained() -> None:
    text = (README.parent / "docs" / "api.md").read_text()
    assert [one.code for one in all_rejections() if f"`{one.code}`" not in text] == []
    assert [code for code in (*OF_REQUESTS, *WARNINGS) if f"`{code}`" not in text] == []
