"""Settings that all tests share."""

from hypothesis import settings

# No time limits, the same examples in every run, and no folder left behind.
settings.register_profile("retrial", deadline=None, derandomize=True, database=None)
settings.load_profile("retrial")
