"""Tables, described once for every database: those beside the events have their rows here."""
