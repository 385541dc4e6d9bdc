"""The parts of the pages that render.py makes from the results, a module a part."""
