"""What the user passed, in one form: X, y, weights and groups, from memory or from files."""
