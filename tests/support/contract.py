"""Writes openapi.json, the reviewed contract: python -m tests.support.contract."""

import json
from pathlib import Path

from interface.api.app import create_app
from interface.settings import Settings

FILE = Path(__file__).parents[2] / "openapi.json"


def document() -> str:
    """The OpenAPI document of this code, in the format of openapi.json."""
    return json.dumps(create_app(Settings()).openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(document())
