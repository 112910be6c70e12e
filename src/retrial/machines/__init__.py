"""Kernel machines that share what their fits have in common."""
