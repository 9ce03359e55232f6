"""The domain model: stock items, their events and their rules."""
