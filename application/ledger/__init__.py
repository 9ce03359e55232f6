"""The aggregate repository: loads items from their events and appends events to the store."""
