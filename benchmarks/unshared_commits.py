"""The `stockledger` command without group commit, to measure the gain from group commit."""

from application.recording import group_commit
from interface.cli.main import app

if __name__ == "__main__":
    group_commit.MAX_GROUP_WEIGHT = 1  # type: ignore[misc]
    app()
