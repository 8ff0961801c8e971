"""What is asked: the model's response."""
