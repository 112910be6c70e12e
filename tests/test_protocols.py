"""Protocols in words."""

from pathlib import Path
from typing import Any

from retrial.core.records import Records
from retrial.report.protocols import ALL_ARMS, ITEMS, protocol

CONFIG = {
    "activation": "tanh", "hidden": [8, 4], "rate": 0.0003, "leak": False, "train_at_most": None,
    "draw": {"scale": 1.0}, "device": "cpu",
}  # fmt: skip


def made(
    configs: dict[str, dict[str, Any]], data: tuple[str, ...] = (), whole: bool = True
) -> Records:
    trials = tuple(
        {"arm": arm, "seed": seed, "config": config, "whole": whole}
        for arm, config in configs.items()
        for seed in range(2)
    )
    return Records("toy", ("lost",), trials, Path("toy"), {"data": dict.fromkeys(data, "hash")})


def row(*arms: str, deterministic: bool = False) -> dict[str, Any]:
    evidence = {"arm": arms[0], "against": None, "others": list(arms[1:])}
    return {"evidence": {**evidence, "deterministic": deterministic}}


def test_data_settings_and_runs_are_told() -> None:
    records = made({"a": CONFIG}, ("mnist/x.npy", "mnist/y.npy", "report002_mnist/train.npy"))
    assert protocol(row("a"), records) == (
        "Data: MNIST, split as report 002 has it. a (2 runs): activation tanh, hidden [8, 4], "
        "rate 0.0003, leak no, draw (scale 1)."
    )


def test_other_arms_are_told_by_what_sets_them_apart() -> None:
    shorter = {key: value for key, value in CONFIG.items() if key != "draw"}
    records = made({"a": CONFIG, "b": {**shorter, "rate": 0.5}, "c": CONFIG}, ("iris/x.npy",))
    text = protocol(row("a", "b", "c"), records)
    assert text.endswith(" b (2 runs): rate 0.5, no draw. c (2 runs): the same settings.")


def test_a_line_worked_out_has_no_data_and_no_chance() -> None:
    text = protocol(row("a", deterministic=True), made({"a": {}}))
    assert text == (
        "Worked out, without data or training. There is no chance in it: one run decides. "
        "a (2 runs)."
    )


def test_what_a_profile_leaves_out_is_told() -> None:
    text = protocol(row("a", "lost"), made({"a": {}}, ("full_mnist/x.npy", "mnist/x"), False))
    assert text == (
        "Data: MNIST, split as it is published. a (2 runs). Not run in this profile: lost. "
        "This profile cuts the protocol short."
    )


def test_results_of_other_stages_are_named() -> None:
    text = protocol(row("a"), made({"a": {}}, ("autoencoder/weights.safetensors",)))
    assert text == "Takes the results of autoencoder. a (2 runs)."


def test_many_arms_settings_and_entries_are_counted() -> None:
    config = {f"k{i:02}": i for i in range(ITEMS + 3)} | {"k00": list(range(9))}
    records = made({f"arm{i}": config for i in range(ALL_ARMS + 2)}, ("iris/x.npy",))
    text = protocol(row(*(f"arm{i}" for i in range(ALL_ARMS + 2))), records)
    assert "k00 [0, 1, 2, 3, 4, 5 … (9 in all)]" in text
    assert "and 3 more." in text
    assert text.endswith("2 further arms: arm4, arm5.")
