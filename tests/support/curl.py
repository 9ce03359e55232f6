"""Minimal curl with the options of the README, for machines without curl.

python -m tests.support.curl -s URL [-H HEADER]… [-d DATA]
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

import httpx2


def path_with_curl(folder: Path) -> str:
    """A PATH with curl. Writes a curl into `folder` if the machine has none."""
    if shutil.which("curl") is None:
        script = folder / "curl"
        root = Path(__file__).parents[2]
        script.write_text(
            f'#!/bin/sh\nPYTHONPATH="{root}" exec "{sys.executable}" -m {__name__} "$@"\n'
        )
        script.chmod(0o755)
    return f"{os.environ['PATH']}{os.pathsep}{folder}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("url")
    given = parser.parse_args()
    headers = dict(header.split(": ", 1) for header in given.headers)
    method = "GET" if given.data is None else "POST"
    answer = httpx2.request(method, given.url, headers=headers, content=given.data)
    sys.stdout.buffer.write(answer.content)


if __name__ == "__main__":
    main()
