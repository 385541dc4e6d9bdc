"""Calibrated probabilities, prediction intervals, and views of single tasks."""
