"""Trainings in several processes: one network in all of them, or some members in each."""
