"""Operations on a whole ledger: rebuild, copy, upgrade, and the write probe."""
