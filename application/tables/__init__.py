"""Table descriptions, the same for every database. The tables beside the events are here."""
