"""Sealing: the Merkle tree of the events, its signed checkpoints, and its proofs.

Nothing of it is in the commit of an event. The tree is a function of the settled events alone, so
any process may compute it, at any time, with the same result.
"""
