"""Handwritten digits that are not MNIST's: made to look like it, and changed until they do not."""
