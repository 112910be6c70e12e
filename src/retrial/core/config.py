"""params.yaml and profiles/, parsed once into frozen, validated objects."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from retrial.core.errors import RetrialError
from retrial.core.models import FrozenModel

PARAMS = Path("params.yaml")
PROFILES = Path("profiles")


class Compute(FrozenModel):
    """Where trials run. `workers: 0` means one worker per core."""

    backend: Literal["local", "dask", "ray"]
    address: str | None
    workers: Annotated[int, Field(ge=0)]


Section = TypeVar("Section", bound=FrozenModel)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; duplicate keys and syntax errors are told with their line."""
    try:
        return YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RetrialError(f"{path}: no such file") from None
    except UnicodeDecodeError as error:
        raise RetrialError(f"{path}: byte {error.start} is not UTF-8") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark
        line = f" line {mark.line + 1}" if mark else ""
        problem = (error.problem or "not YAML").split("\n")[0]
        raise RetrialError(f"{path}:{line} {problem}") from None
    except YAMLError as error:
        raise RetrialError(f"{path}: {str(error).splitlines()[0]}") from None


def read_sections(path: Path) -> dict[str, Any]:
    """The content of a YAML file that has sections at its top."""
    content = read_yaml(path)
    if not isinstance(content, dict):
        found = "an empty file" if content is None else repr(content)
        raise RetrialError(f"{path}: expected sections, found {found}")
    return content


def section(path: Path, name: str, model: type[Section]) -> Section:
    """The section `name` of a YAML file as a validated `model`."""
    content = read_sections(path)
    if name not in content:
        raise RetrialError(f"{path}: key {name} is missing, expected a section of that name")
    return validated(content[name], model, f"{path}: {name}")


def validated(content: Any, model: type[Section], where: str) -> Section:
    """`content` as a `model`; the first mistake becomes one line that begins with `where`."""
    try:
        # Sequences in YAML are lists; frozen models hold tuples.
        return model.model_validate(_tuples(content))
    except ValidationError as error:
        # A misspelt key is unknown and missing; the former names it.
        first = min(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
        place = where + "".join(f".{part}" for part in first["loc"])
        more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
        if first["type"] == "extra_forbidden":
            known = f", expected one of {', '.join(sorted(model.model_fields))}"
            # What keys a section within the section has, its own model knows.
            expected = known if len(first["loc"]) == 1 else ""
            raise RetrialError(
                f"{place} = {first['input']!r}: unknown key{expected}{more}"
            ) from None
        message = first["msg"][0].lower() + first["msg"][1:]
        value = "" if first["type"] == "missing" else f" = {first['input']!r}"
        raise RetrialError(f"{place}{value}: {message}{more}") from None


def _tuples(content: Any) -> Any:
    if isinstance(content, list):
        return tuple(_tuples(item) for item in content)
    if isinstance(content, dict):
        return {key: _tuples(value) for key, value in content.items()}
    return content


def profile_name(params: Path = PARAMS) -> str:
    """The profile that params.yaml chooses; its file must exist below profiles/."""
    return require_profile(read_sections(params).get("profile"), params.parent, f"{params}: ")


def require_profile(name: Any, root: Path = Path(), where: str = "") -> str:
    """The profile's `name`; RetrialError, which begins with `where`, when it has no file."""
    known = sorted(path.stem for path in (root / PROFILES).glob("*.yaml"))
    if name not in known:
        raise RetrialError(f"{where}profile = {name!r}: expected one of {', '.join(known)}")
    return str(name)


def profile_path(name: str, root: Path = Path()) -> Path:
    """The file with the budgets of a profile."""
    return root / PROFILES / f"{name}.yaml"


def check_sections(params: Path, profile: Path) -> None:
    """Refuse a top-level key of `params` that nothing reads.

    Every study has a section in params.yaml and one in each profile; what is made of the data
    before any study has no budget.
    """
    known = {"profile", "compute", "domains", *read_sections(profile)}
    for key, value in read_sections(params).items():
        if key not in known:
            raise RetrialError(
                f"{params}: {key} = {value!r}: unknown key, "
                f"expected one of {', '.join(sorted(known))}"
            )
