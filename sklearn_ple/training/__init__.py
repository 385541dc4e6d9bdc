"""Training with a private skorch net: the story of a fit, its batches, devices and callbacks."""
