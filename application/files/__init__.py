"""Files for people: the import of items and opening stock, and exports of every list."""
