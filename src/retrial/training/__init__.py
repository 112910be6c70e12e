"""Loops that train networks, for dense and for convolutional ones."""
