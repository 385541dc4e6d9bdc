"""From X, y and weights to the arrays that a network reads, and back to labels."""
