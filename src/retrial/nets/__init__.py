"""Networks: from scratch in NumPy, and torch modules."""
