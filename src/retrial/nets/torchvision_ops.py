"""Make `import torchvision` work beside a torch that its compiled operators were not built for.

With a CPU-only torch those operators do not load, and `import torchvision` stops at
`torchvision::nms`, for which it registers a meta kernel. Declaring the schemas of `nms` and `qnms`
is enough for its datasets, transforms and models; calling `torchvision.ops.nms` still fails.
"""

import importlib.util
from pathlib import Path
from types import ModuleType

import torch

_SCHEMAS = tuple(
    f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")
)

# torch drops a library's schemas when its object is collected.
_libraries: list[torch.library.Library] = []


def declare_missing_operators() -> None:
    """Declare `torchvision::nms` and `qnms`, unless torchvision's own operators load.

    Raises:
        ModuleNotFoundError: torchvision is not installed.
    """
    if _libraries or _own_operators_load():
        return
    library = torch.library.Library("torchvision", "DEF")
    for schema in _SCHEMAS:
        library.define(schema)
    _libraries.append(library)


def _own_operators_load() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("torchvision is not installed")
    for compiled in sorted(Path(spec.origin).parent.glob("_C*.so")):
        try:
            torch.ops.load_library(compiled)
        except OSError:
            continue
        return True
    return False


def import_torchvision() -> ModuleType:
    """The module torchvision, imported after what it needs has been declared."""
    declare_missing_operators()
    import torchvision

    module: ModuleType = torchvision
    return module
