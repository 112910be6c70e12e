import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from synthetic import CLAIM, FAMILY, project, write_results

from retrial.cli import cli, main
from retrial.core.errors import DEBUG_VARIABLE, RetrialError
from retrial.tools import pipeline, plan
from retrial.tools.listing import columns

COMMANDS = (
    "check", "choose", "diff", "lock-report", "plan", "predict", "publish", "quotes", "run",
    "same-bytes", "show", "study", "track", "verdicts", "verify", "worksheet",
)  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(DEBUG_VARIABLE, "")
    monkeypatch.chdir(project(tmp_path))
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def test_help_names_every_command_and_where_to_start() -> None:
    output = invoke("--help").output
    assert all(f"\n  {name} " in output for name in COMMANDS)
    assert "First steps:" in output
    assert "..." not in output.partition("Commands:")[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    assert invoke(name, "--help").exit_code == 0


def test_verdicts_stand_beside_the_published_ones(root: Path) -> None:
    published = root / "reports/published/verdicts.csv"
    published.parent.mkdir(parents=True)
    text = (root / "data/results/verdicts.csv").read_text()
    published.write_text(text.replace("reproduced", "contradicted"))
    lines = invoke("verdicts").output.splitlines()
    assert lines[0].split()[:3] == ["claim", "verdict", "published"]
    assert lines[1].split()[:3] == [CLAIM, "reproduced", "contradicted"]
    assert lines[-1] == "1 of 599 claims, profile quick: 1 reproduced"


def test_what_a_choice_was_fitted_on_is_told_apart(root: Path) -> None:
    path = root / f"data/results/verdicts/{FAMILY}.json"
    path.write_text(path.read_text().replace('"fitted": []', '"fitted": ["C"]'))
    assert invoke("verdicts").output.endswith(": 1 reproduced, but fitted on\n")


def test_published_verdicts_serve_before_the_first_run(root: Path) -> None:
    published = root / "reports/published/verdicts.csv"
    published.parent.mkdir(parents=True)
    (root / "data/results/verdicts.csv").rename(published)
    output = invoke("verdicts").output
    assert output.splitlines()[1].split()[:3] == [CLAIM, "–", "reproduced"]
    assert "Try `make study`" in output


def test_verdicts_are_filtered(root: Path) -> None:
    assert CLAIM in invoke("verdicts", "--family", FAMILY, "--verdict", "reproduced").output
    with pytest.raises(RetrialError, match="there are the families kernels"):
        invoke("verdicts", "--family", "shift")
    assert invoke("verdicts", "--verdict", "true").exit_code == 2


def test_show_has_the_quote_the_numbers_and_the_reason(root: Path) -> None:
    claims = root / "claims/000.yaml"
    claims.write_text(f"{claims.read_text()}        choices: [the grid of C, the folds]\n")
    verdicts = root / f"data/results/verdicts/{FAMILY}.json"
    rows = json.loads(verdicts.read_text())
    rows[0]["evidence"]["others"] = ["rbf", "poly"]
    verdicts.write_text(json.dumps(rows))
    output = invoke("show", CLAIM).output
    for text in (
        "“an accuracy of 0.91”", "0.9 [0.88, 0.92], n = 5", "mean 0.9", "±0.02 (two dig",
        "choices    the grid of C; the folds\n", 'others ["rbf", "poly"]',
    ):  # fmt: skip
        assert text in output


def test_show_knows_claims_that_were_not_run(root: Path) -> None:
    (root / f"data/results/verdicts/{FAMILY}.json").unlink()
    assert "(not run here yet)" in invoke("show", CLAIM).output


def test_run_runs_the_stages_of_one_family(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(pipeline, "dvc", lambda arguments, _: calls.append(arguments))
    assert CLAIM in invoke("run", CLAIM).output
    assert calls == [["repro", f"judge@{FAMILY}"]]


def test_study_puts_the_profile_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    params = root / "params.yaml"
    before = params.read_text()

    def dvc(arguments: list[str], _: Path) -> None:
        calls.append(arguments)
        if arguments == ["exp", "run"]:
            assert params.read_text() == before.replace("quick", "paper")
            params.write_text(params.read_text() + "# added meanwhile\n")
        raise RetrialError("stopped")

    monkeypatch.setattr(pipeline, "dvc", dvc)
    with pytest.raises(RetrialError, match="stopped"):
        pipeline.run_profile("paper", root)
    assert calls == [["exp", "run"]]
    assert params.read_text() == before + "# added meanwhile\n"
    with pytest.raises(RetrialError, match="stopped"):
        pipeline.run_profile("quick", root)
    assert calls[1] == ["repro"]
    with pytest.raises(RetrialError, match="expected one of"):
        pipeline.run_profile("fast", root)


def test_a_terminated_study_puts_the_profile_back(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, action = (root / "params.yaml").read_text(), signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(pipeline, "dvc", lambda *_: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit) as stopped:
        pipeline.run_profile("paper", root)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert (root / "params.yaml").read_text() == before
    assert signal.getsignal(signal.SIGTERM) == action


def test_dvc_has_a_name_for_git(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, str]] = []

    def run(*_: object, env: dict[str, str], **__: object) -> SimpleNamespace:
        seen.append(env)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(pipeline.subprocess, "run", run)
    monkeypatch.delenv("GIT_AUTHOR_NAME", raising=False)
    monkeypatch.setenv("GIT_COMMITTER_NAME", "somebody")
    pipeline.dvc(["exp", "run"], root)
    assert seen[0]["GIT_AUTHOR_NAME"] == "retrial"
    assert seen[0]["GIT_COMMITTER_NAME"] == "somebody"


def test_study_prints_plan_verdicts_agreement_and_report(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "dvc", lambda *_: None)
    monkeypatch.setattr(plan, "study_modules", dict)
    (root / "reports").mkdir()
    (root / "reports/report.html").touch()
    lines = invoke("study").output.splitlines()
    assert lines[0].startswith("profile quick, ")
    assert lines[-4].startswith(CLAIM)
    assert lines[-3:] == [
        "1 of 599 claims, profile quick: 1 reproduced",
        "3 of 3 stages have the bytes of the committed dvc.lock.",
        "report: reports/report.html",
    ]


def test_lock_report_compares_with_a_lock_of_the_same_profile(root: Path) -> None:
    assert invoke("lock-report").output == (
        "3 of 3 stages have the bytes of the committed dvc.lock.\n"
    )
    write_results(root, "paper")
    assert "No committed dvc.lock of profile paper" in invoke("lock-report").output
    published = root / "reports/published/dvc.lock"
    published.parent.mkdir(parents=True)
    published.write_bytes((root / "dvc.lock").read_bytes())
    assert "3 of 3 stages have the bytes of the published" in invoke("lock-report").output


def test_diff_says_what_moved_and_why(root: Path) -> None:
    write_results(root, "paper", "contradicted")
    output = invoke("diff").output
    assert f"{CLAIM}: reproduced → contradicted" in output
    assert "params.yaml: profile: quick → paper" in output


def test_choose_without_a_search_is_one_line(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = (root / "claims/000.yaml").read_text().replace(FAMILY, "scratch_grid")
    (root / "claims/000.yaml").write_text(claims)
    monkeypatch.chdir(root / "claims")
    with pytest.raises(RetrialError, match=r"claims/there/records.json: no such file"):
        invoke("choose", "there")
    with pytest.raises(RetrialError, match=r"^data/results/scratch_search/.*no such file"):
        invoke("choose")


def test_verify_without_checks_is_an_error(root: Path) -> None:
    with pytest.raises(RetrialError, match=r"^nothing was checked"):
        invoke("verify", "--sample", "0")


def test_quotes_are_checked_against_texts(root: Path) -> None:
    reports = root / "texts"
    reports.mkdir()
    (reports / "000.txt").write_text("… with an accuracy\nof 0.91 on …")
    assert invoke("quotes", "--reports", str(reports)).output == (
        "All 1 quotes stand in their reports.\n"
    )
    (reports / "000.txt").write_text("an accuracy of 0.92")
    with pytest.raises(RetrialError, match="1 of 1 quotes were not found"):
        invoke("quotes", "--reports", str(reports))


def test_check_needs_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "t.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["id", "kind", "value", "n"], ["a", "accuracy", ".871", 1000]]
        )
    assert "all 1 checks hold" in invoke("check", "t.csv").output
    table.write_text(table.read_text().replace(".871", ".8715"))
    with pytest.raises(RetrialError, match=r"t.csv: 1 of 1 checks failed"):
        invoke("check", "t.csv")


def test_commands_work_in_subfolders(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "claims")
    assert CLAIM in invoke("verdicts").output


def test_a_mistake_is_one_line_and_exit_status_1(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["retrial", "show", "000-nothing"])
    with pytest.raises(SystemExit) as stopped:
        main()
    error = capsys.readouterr().err
    assert stopped.value.code == 1
    assert error.startswith("error: claims: no claim '000-nothing'")
    assert error.count("\n") == 1


def test_debug_shows_the_traceback(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["retrial", "--debug", "show", "000-nothing"])
    with pytest.raises(RetrialError):
        main()


def test_outside_a_project_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RetrialError, match="not inside a Retrial project"):
        invoke("verdicts")


def test_the_package_is_a_command(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "retrial", "verdicts"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_columns_are_aligned() -> None:
    assert columns([("a", "b"), ("long", "c")]) == ["a     b", "long  c"]
