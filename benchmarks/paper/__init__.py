"""The experiments of the paper on Progressive Layered Extraction, again."""
