import os
from pathlib import Path

import needs
import pytest


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An apt-get that writes down what it is asked for, and fails where a file `fail` stands."""
    client = tmp_path / "apt-get"
    client.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n'
        f"if [ -e {tmp_path}/fail ]; then echo 'E: no such thing'; exit 100; fi\n"
    )
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(needs, "NEEDS", {"here": lambda: "/bin/here", "gone": lambda: None})
    return tmp_path


def test_what_is_lacking_is_installed(apt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    needs.main()
    asked = (apt / "asked").read_text().splitlines()
    assert asked == ["update -q", "install -y -q --no-install-recommends gone"]
    assert capsys.readouterr().out.startswith("Installing gone for the tests")


def test_what_cannot_be_had_fails_nothing(apt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (apt / "fail").touch()
    needs.main()
    told = capsys.readouterr().out.splitlines()[-1]
    assert told == "Tests that need gone will be skipped: E: no such thing"


def test_nobody_else_installs_anything(
    apt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    needs.main()
    assert not (apt / "asked").exists()
    assert "Tests that need gone will be skipped" in capsys.readouterr().out


def test_where_nothing_is_lacking_nothing_is_said(
    apt: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(needs, "NEEDS", {"here": lambda: "/bin/here"})
    needs.main()
    assert (capsys.readouterr().out, (apt / "asked").exists()) == ("", False)
