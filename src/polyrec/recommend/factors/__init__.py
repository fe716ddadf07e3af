"""Users and items as vectors: matrix factorization and its relatives."""
