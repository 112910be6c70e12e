"""Data: sources and their checks, decoding, splits."""
