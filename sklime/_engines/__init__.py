"""From the model's answers to LIME weights."""
