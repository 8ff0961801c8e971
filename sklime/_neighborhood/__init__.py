"""The law of perturbed rows."""
