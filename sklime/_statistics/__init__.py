"""Weights in, importances with errors out."""
