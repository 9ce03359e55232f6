"""From what clients write to the domain's transactions and items, or to what is wrong with it."""
