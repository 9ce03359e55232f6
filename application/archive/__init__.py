"""The archive: a ledger as plain files, in the layout of a transparency log (c2sp.org/tlog-tiles).

It is a backup of every moment, and whoever has it can check it without the database.
"""
