"""Thousands of generated bad values: only our own errors come out, in one line, and at once."""

import contextlib
import copy
import importlib
import io
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from ruamel.yaml import YAML

from retrial import studies
from retrial.cli import main
from retrial.core.config import read_sections, section, validated
from retrial.core.errors import DEBUG_VARIABLE, RetrialError
from retrial.core.records import Records
from retrial.handwriting.normalise import BlankError, normalised
from retrial.judging.judge import Family, judge_family
from retrial.judging.ledger import Claim, load_claims
from retrial.judging.possibility import COLUMNS, KINDS
from retrial.running.stage import SEEDS, require_countable
from retrial.tools.predict import MOST, read

ROOT = Path(__file__).parents[1]
PARAMS, SMOKE = (read_sections(ROOT / name) for name in ("params.yaml", "profiles/smoke.yaml"))
NAMES = sorted(one.name for one in pkgutil.iter_modules(studies.__path__))

words = st.sampled_from(
    ["", "x", "nan", "none", "../..", "a/b", "a/b/c", "0", "1e400", "\x00", "\n", "'", "é" * 99]
)
numbers = st.one_of(
    st.integers(-3, 40), st.just(10**9), st.just(-(10**30)), st.floats(), st.booleans(), st.none()
)
scalars = st.one_of(numbers, words, st.text(max_size=20))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(words, numbers), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.fixture(autouse=True, scope="module")
def no_traceback() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DEBUG_VARIABLE, "")
        yield


def places(content: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys to each part of a document."""
    yield above
    parts: Any = ()
    if isinstance(content, dict):
        parts = content.items()
    elif isinstance(content, list):
        parts = enumerate(content)
    for key, part in parts:
        yield from places(part, (*above, key))


def altered(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy of a document with another value at a place."""
    if not place:
        return value
    changed = copy.deepcopy(content)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


@contextlib.contextmanager
def only_our_errors() -> Iterator[None]:
    """Let a RetrialError of one line pass, and nothing else."""
    told = "something"
    try:
        yield
    except RetrialError as error:
        told = str(error)
    assert len(told.splitlines()) == 1, told


def command(*arguments: str) -> tuple[int, str]:
    """The exit status of `retrial`, and what it said on standard error."""
    said = io.StringIO()
    with (
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(io.StringIO()),
        pytest.raises(SystemExit) as ended,
    ):
        main(list(arguments))
    assert isinstance(ended.value.code, int)
    return ended.value.code, said.getvalue()


def with_sections(name: str) -> ModuleType | None:
    module = importlib.import_module(f"retrial.studies.{name}")
    return module if hasattr(module, "Protocol") and hasattr(module, "Budget") else None


@pytest.mark.parametrize("name", NAMES)
def test_a_bad_value_in_params_is_refused_or_gives_trials(name: str) -> None:
    module = with_sections(name)
    if module is None:
        pytest.fail(f"{name} has no Protocol and Budget")
    whole = {"protocol": PARAMS[module.NAME], "budget": SMOKE[module.NAME]}

    @settings(max_examples=60)
    @given(st.sampled_from(list(places(whole))), values)
    def check(place: tuple[Any, ...], value: Any) -> None:
        changed = altered(whole, place, value)
        if not isinstance(changed, dict) or changed.keys() != whole.keys():
            return
        with only_our_errors():
            protocol = validated(changed["protocol"], module.Protocol, "params.yaml: p")
            budget = validated(changed["budget"], module.Budget, "smoke.yaml: b")
            require_countable(budget, "smoke.yaml: b")
            module.trials(protocol, budget)
            module.skipped(protocol, budget)

    check()


def test_more_seeds_than_memory_holds_are_refused() -> None:
    from retrial.studies.cross_entropy import NAME, Budget

    known = section(ROOT / "profiles/smoke.yaml", NAME, Budget)
    require_countable(known, "p")
    found = [key for key, value in known.model_dump().items() if "seeds" in key]
    for key in found:
        with pytest.raises(RetrialError, match=rf"^p\.{key} = {SEEDS + 1}: expected at most"):
            require_countable(known.model_copy(update={key: SEEDS + 1}), "p")
    assert found


@settings(max_examples=500)
@given(
    st.one_of(
        st.binary(max_size=80),
        st.text(max_size=80).map(str.encode),
        # What YAML has of its own.
        st.lists(
            st.sampled_from(
                ["a: ", "- ", "[", "]", "{", "}", "&x ", "*x", "!!int ", "!!bool x", "<<: ", "\n",
                "? ", "| ", "2001-99-99", "9" * 5000, "\t", "...", "---\n", "%YAML 9\n", "'", '"',
                "report: ", "groups: ", "!!timestamp x", "-_", "!x ", ": ", "2001-01-01T99:99:99Z"]
            ),
            max_size=12,
        ).map(lambda parts: "".join(parts).encode()),
    )
)  # fmt: skip
def test_a_claim_file_of_anything_is_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "claims"
    folder.mkdir(exist_ok=True)
    (folder / "000.yaml").write_bytes(content)
    with only_our_errors():
        load_claims(folder)
        pytest.fail(f"{content!r} is no ledger")


def test_brackets_without_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "000.yaml").write_text("a: " + "[" * 5000)
    with pytest.raises(RetrialError, match=r"000\.yaml: not YAML: RecursionError"):
        load_claims(tmp_path)


@pytest.mark.parametrize("text", ['{"a": {"b\\nc": 1}}', "a: &a [*a, {? 'b\n\n  c' : 1}]"])
def test_a_key_of_two_lines_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "000.yaml").write_text(text)
    with pytest.raises(RetrialError, match=r"000\.yaml: key 'b\\nc': expected a name that can be"):
        load_claims(tmp_path)


LEDGER = YAML(typ="safe").load(synthetic.LEDGER)
FULL = altered(
    LEDGER,
    ("groups", 0, "claims", 0),
    LEDGER["groups"][0]["claims"][0]
    | {
        "unit": "fraction", "epoch": None, "fault": None, "lost": "", "choices": [], "fitted": [],
        "guesses": [], "assumes": [], "tex": "", "arithmetic": "", "takes": {}, "regardless": "",
        "possible": {"of": 100, "accuracy": None, "sums": []},
        "evidence": {
            "arm": "linear", "metric": "accuracy", "against": None, "others": [], "test": None,
            "deterministic": False, "thresholds": {}, "slip": "",
        },
    },
)  # fmt: skip
KINDS_OF_CLAIM = Claim.model_fields["kind"].annotation.__args__  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthetic.project(tmp_path_factory.mktemp("project"))


@settings(max_examples=300)
@given(
    st.sampled_from(list(places(FULL))), values, st.sampled_from(KINDS_OF_CLAIM),
    st.sampled_from(["linear", "a/b", "linear/raw"]), st.booleans(),
)  # fmt: skip
def test_a_bad_value_in_a_claim_is_refused_or_judged(
    project: Path, place: tuple[Any, ...], value: Any, kind: str, arm: str, deterministic: bool
) -> None:
    records = Records.load(project / "data/results" / synthetic.FAMILY)
    changed = altered(FULL, ("groups", 0, "claims", 0, "kind"), kind)
    own = ("groups", 0, "claims", 0, "evidence")
    changed = altered(changed, (*own, "arm"), arm)
    changed = altered(changed, (*own, "deterministic"), deterministic)
    changed = altered(changed, place, value)
    folder = project / "generated"
    folder.mkdir(exist_ok=True)
    # JSON is YAML; what it has no name for, such as nan, is a word there.
    text = json.dumps(changed, ensure_ascii=True, default=str, skipkeys=True)
    (folder / "000.yaml").write_text(text)
    with only_our_errors():
        claims = load_claims(folder)
        rows = judge_family(claims, Family(records, {one.id: one for one in claims}, "quick"))
        assert len(rows) == len(claims)
        json.dumps(rows, allow_nan=False)


cells = st.one_of(
    st.sampled_from(
        ["", "0.87", "87.09%", "0.870", "1", "-1", "1e9", "nan", "inf", "10000", "0" * 40,
         "9" * 40, "1e999999999", "0x1", "٣", "½", "=1+1", "\0", " ", "1/3", "a", "g",
         "0." + "1" * 300, *KINDS]
    ),
    st.text(max_size=10),
)  # fmt: skip


@settings(max_examples=600)
@given(
    st.one_of(
        st.binary(max_size=100),
        st.tuples(
            st.permutations(COLUMNS),
            st.lists(st.lists(cells, min_size=6, max_size=6), min_size=1, max_size=5),
        ).map(lambda table: "\n".join(",".join(row) for row in (table[0], *table[1])).encode()),
        st.lists(
            st.tuples(st.just("x"), st.sampled_from(list(KINDS)), cells, cells, cells, cells),
            min_size=1, max_size=4,
        ).map(lambda rows: "\n".join(",".join(row) for row in (COLUMNS, *rows)).encode()),
    )
)  # fmt: skip
def test_a_table_of_anything_is_checked_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(content)
    code, said = command("check", str(path))
    assert code in (0, 1)
    if code:
        assert said.startswith("error: ")
        assert len(said.splitlines()) == 1, said


def encoded(kind: str, side: int) -> bytes:
    stream = io.BytesIO()
    shades = np.random.default_rng(side).integers(0, 255, (side, side, 3), np.uint8)
    Image.fromarray(shades).save(stream, kind)
    return stream.getvalue()


WHOLE = [encoded(kind, side) for kind in ("PNG", "JPEG") for side in (8, 40)]


@settings(max_examples=800)
@given(
    st.sampled_from(WHOLE),
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=4
    ),
    st.floats(0.001, 1),
)  # fmt: skip
def test_a_picture_of_anything_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, whole: bytes, spots: list[tuple[float, bytes]],
    kept: float,
) -> None:  # fmt: skip
    content = bytearray(whole)
    for place, bad in spots:
        at = int(place * len(content))
        content[at : at + len(bad)] = bad
    path = tmp_path_factory.getbasetemp() / "picture"
    path.write_bytes(content[: max(1, int(kept * len(content)))])
    with only_our_errors():
        picture = read(path, "picture")
        assert picture.dtype == np.uint8
        assert 1 <= picture.size <= MOST
        if picture.size < 10_000:
            with contextlib.suppress(BlankError):
                assert normalised(picture).shape == (28, 28)


@settings(max_examples=40)
@given(
    st.integers(8, 40), st.integers(8, 40), st.integers(0, 2**32 - 1),
    st.lists(st.integers(0, 255), min_size=1, max_size=4),
)  # fmt: skip
def test_any_grey_picture_is_normalised_or_blank(
    height: int, width: int, seed: int, levels: list[int]
) -> None:
    picture = np.random.default_rng(seed).choice(np.array(levels, np.uint8), (height, width))
    with contextlib.suppress(BlankError):
        assert normalised(picture).shape == (28, 28)
