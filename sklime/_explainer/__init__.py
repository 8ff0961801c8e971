"""Fitting asks the model once, explaining reads the answers."""
