"""One tree of random generators, keyed by names and never by order of use."""

import hashlib

import numpy as np


def seed_sequence(*key: str | int) -> np.random.SeedSequence:
    """The seed sequence of a key such as `("scratch_grid", 3, "order")`.

    The key's parts are joined unambiguously and hashed with SHA-256, so that neighbouring keys
    share nothing and a part's type does not matter on another machine.
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in key).encode()).digest()
    return np.random.SeedSequence(np.frombuffer(digest, dtype="<u4").tolist())


def generator(*key: str | int) -> np.random.Generator:
    """A NumPy generator for a key; equal keys give equal draws."""
    return np.random.Generator(np.random.PCG64(seed_sequence(*key)))


def integer(*key: str | int) -> int:
    """A 63-bit seed for a key, for libraries that take one number (torch, scikit-learn mod 2³²)."""
    return int(seed_sequence(*key).generate_state(1, np.uint64)[0] >> 1)
