"""The public estimators: their parameters and docstrings, one file for each family."""
