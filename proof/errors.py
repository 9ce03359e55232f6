"""The error of every check in this package."""


class ProofError(Exception):
    """A proof, note or signature does not prove what it claims, or can't be read."""
