"""The pictures: texts beside points, scores against costs, and gains."""
