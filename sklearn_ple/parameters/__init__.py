"""Parameters of the estimators: those that all share, and how a class declares its own."""
