"""The tables: a module for each group of results, with a generator of names and frames for each.

The cells of a frame are texts, and its index is the first column of the table.
"""
