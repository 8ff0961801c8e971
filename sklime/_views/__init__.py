"""Explanations in another form."""
