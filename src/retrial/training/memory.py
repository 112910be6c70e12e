"""How this process keeps the memory of large tensors."""

import ctypes
import sys

# glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 1 << 30


def keep_large_blocks() -> None:
    """Let this process keep freed blocks of up to 1 GiB for its next allocations.

    By default glibc gets a batch's maps from the kernel page by page and gives them back, step by
    step: a quarter of a training's time. `retrial.training.torch_sgd.keep_freed_memory` is enough
    for small networks, whose maps lie below the size from which glibc asks the kernel for each
    block. Other C libraries are left as they are.
    """
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_TRIM_THRESHOLD, KEPT)
            mallopt(M_MMAP_THRESHOLD, KEPT)
