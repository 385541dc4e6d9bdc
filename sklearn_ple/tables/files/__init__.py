"""Tables larger than memory, in files that are read a block of rows at a time."""
