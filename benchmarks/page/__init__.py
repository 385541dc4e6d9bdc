"""The parts of the pages that render.py makes from the results, with a module for each."""
