"""The same server with one commit a request, to tell what sharing commits is worth: run as the
`stockledger` command is."""

from application.recording import group_commit
from interface.cli.main import app

if __name__ == "__main__":
    group_commit.MAX_GROUP_WEIGHT = 1  # type: ignore[misc]
    app()
