"""Data sets with several tasks, ready for multi-task estimators."""

from ._census_income import fetch_census_income
from ._multitask import make_multitask
from ._nhefs import load_nhefs

__all__ = ["fetch_census_income", "load_nhefs", "make_multitask"]
