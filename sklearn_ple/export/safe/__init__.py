"""Safe files of fitted estimators, which hold only data."""
