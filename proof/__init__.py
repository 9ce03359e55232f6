"""Proofs that anybody can check, with no database and no network.

The events of a ledger are the entries of a transparency log: a Merkle tree (RFC 6962) with signed
checkpoints, in the formats of C2SP (c2sp.org). This package imports nothing of the ledger.
"""
