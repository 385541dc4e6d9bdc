"""What every room needs: warnings, checks, files, progress bars, versions, scikit-learn's own."""
