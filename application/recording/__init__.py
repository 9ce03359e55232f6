"""The write path: a batch is decided in memory and recorded in one commit."""
