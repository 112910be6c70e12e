"""What a sweep shows while it runs."""

import io
import sys

import pytest

from retrial.running.progress import Throughput, progress


def test_throughput_by_hand() -> None:
    found = Throughput()
    assert found.text(10.0) == ""
    for worker, seconds in (("a:1", 2.0), ("a:1", 3.0), ("a:1", 2.0), ("b:7", 8.0)):
        found.add(worker, seconds)
    # 4 trials in 10 s by two workers: 12 a minute each; 15 of 20 seconds busy.
    told = "2 workers, 12 trials/min each, 75% busy; slowest b:7: 6"
    assert found.text(10.0) == told
    alone = Throughput()
    alone.add("a:1", 5.0)
    assert alone.text(10.0) == "1 worker, 6 trials/min each, 50% busy"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_share_and_workers_and_a_file_nothing(
    terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("TERM", "xterm")
    with progress("toy", 4.0) as show:
        show(1.0, "", 0.0)
        show(1.0, "host:12", 0.5)
    told = stream.getvalue()
    if terminal:
        assert "50%" in told
        assert "1 worker, " in told
    else:
        assert told == ""
