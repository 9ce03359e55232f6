"""Transactions that were not recorded: work for a person, so they are kept until somebody closes
them."""
