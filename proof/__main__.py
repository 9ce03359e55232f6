"""python -m proof FILE --key KEY: checks a file.

It needs Python and `cryptography`, and nothing else of the ledger. Exit code 0: proven. 1: not
proven. 2: something can't be read.
"""

import argparse
import sys
from pathlib import Path

from proof.checking import UnreadableFile, check, read_text, read_verifiers
from proof.errors import ProofError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m proof", description=__doc__)
    parser.add_argument("file", type=Path, help="a proof, a checkpoint, or evidence")
    parser.add_argument("--key", action="append", required=True, help="a verifier key, or its file")
    parser.add_argument("--from", dest="since", type=Path, help="the older checkpoint")
    given = parser.parse_args()
    try:
        old = None if given.since is None else read_text(given.since)
        lines = check(read_text(given.file), read_verifiers(given.key), old)
    except UnreadableFile as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except ProofError as error:
        sys.stderr.write(f"not proven: {error}\n")
        return 1
    sys.stdout.write("\n".join([*lines, ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
