"""Settings and fixtures that tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browsers import ARGUMENTS, CHROMIUM
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

# Before any test loads NumPy: trials that a test runs itself have the study's bytes then.
import retrial  # noqa: F401

# No time limits, the same examples in every run, and no folder left behind.
settings.register_profile("retrial", deadline=None, derandomize=True, database=None)
settings.load_profile("retrial")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def data(tmp_path: Path) -> list[Path]:
    """The toy study's data."""
    import numpy as np  # not above, where it would come before retrial's pins

    folder = tmp_path / "data"
    folder.mkdir()
    np.save(folder / "weights.npy", np.linspace(0, 1, 100, dtype=np.float32))
    return [folder]
