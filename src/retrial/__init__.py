"""Retrial puts printed machine-learning results on trial again.

Importing the package pins threads and instruction-set dispatch, so that a trial gives the same
bytes on every x86-64 machine with AVX2. The pins must be in the environment before NumPy or torch
load; worker processes inherit them.
"""

import os
from types import MappingProxyType

# One thread per trial: two processes with one thread each beat one process with two, and the
# order of summation does not depend on the number of cores. The other settings choose, in every
# library, the code path of an AVX2 machine; MKL's AVX2 mode differs between AMD and Intel,
# COMPATIBLE does not.
PINS = MappingProxyType(
    {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_CBWR": "COMPATIBLE",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    }
)

os.environ.update(PINS)
