"""python -m tests.support.contract: writes openapi.json, the contract as it is reviewed."""

import json
from pathlib import Path

from interface.api.app import create_app
from interface.settings import Settings

FILE = Path(__file__).parents[2] / "openapi.json"


def document() -> str:
    """The OpenAPI document of this code, as it is kept."""
    return json.dumps(create_app(Settings()).openapi(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(document())
