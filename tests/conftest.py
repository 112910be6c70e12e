"""Settings that all tests share."""

from hypothesis import settings

# Before any test loads NumPy: trials that a test runs itself have the study's bytes then.
import retrial  # noqa: F401

# No time limits, the same examples in every run, and no folder left behind.
settings.register_profile("retrial", deadline=None, derandomize=True, database=None)
settings.load_profile("retrial")
