"""Functional ANOVA of binned responses."""
