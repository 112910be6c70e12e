"""Made records of attacks, and report 004's claims on them and on classifiers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from made_records import made

from retrial.core.records import Records
from retrial.judging.judge import Family, judge_claim
from retrial.judging.ledger import Claim, find, load_claims
from retrial.judging.outcome import Outcome
from retrial.judging.statements import TESTS
from retrial.judging.statements.attacks import MEASURES

CLAIMS = load_claims(Path(__file__).parents[1] / "claims")
CLASSES = 10
# What is near its original, as `quality` has it; see MEASURES.
NEAR = {"linf": 4 / 255, "l2": 0.5, "psnr": 40.0, "ssim": 0.99, "levels": 4, "changed": 0.5}
# Of the changed image of (seed, image of its class, class, target).
Say = Callable[[int, int, int, int], bool]
Look = Callable[[int, int, int, int], dict[str, float]]


def claim(name: str) -> Claim:
    return find(CLAIMS, f"004-2{name}")


def judged(one: Claim, found: Records) -> Outcome:
    return TESTS[one.evidence.test or ""](one, found)


def row(one: Claim, found: Records) -> dict:
    return judge_claim(one, Family(found, {c.id: c for c in CLAIMS}, "paper"))


def always(*_: int) -> bool:
    return True


def never(*_: int) -> bool:
    return False


def attacks(
    folder: Path,
    hit: Say = always,
    wrong: Callable[[int, int, int], bool] = never,
    seen: Say = always,
    known: Callable[[int, int, int], bool] = always,
    look: Look = lambda *_: {},
    arm: str = "image/plain",
    seeds: int = 3,
    images: int = 1,
    whole: bool = True,
) -> Records:
    """Attacks on so many images of each class: what is hit, what the referee sees, what changed.

    `wrong` (seed, image, class): the victim has the original wrong; `known`: the referee has it
    right. Images that are their own targets are the originals. What misses its target stays what
    it was.
    """

    def make(_, seed):
        labels = np.repeat(np.arange(CLASSES, dtype=np.uint8), images)
        before = labels.copy()
        predicted = np.repeat(labels[:, None], CLASSES, axis=1)
        refereed = predicted.copy()
        knows = np.zeros(len(labels), np.uint8)
        quality = np.zeros((len(MEASURES), len(labels), CLASSES), np.float32)
        for place, label in enumerate(labels):
            own = seed, place % images, int(label)
            knows[place] = known(*own)
            if wrong(*own):
                before[place] = (label + 1) % CLASSES
            for target in range(CLASSES):
                if target == label:
                    predicted[place, target] = before[place]
                    quality[:, place, target] = 0, 0, np.inf, 1, 0, 0
                    continue
                if hit(*own, target):
                    predicted[place, target] = target
                if not seen(*own, target):
                    refereed[place, target] = target
                found = NEAR | look(*own, target)
                quality[:, place, target] = [found[name] for name in MEASURES]
        arrays = {
            "labels": labels,
            "before": before,
            "predicted": predicted,
            "refereed": refereed,
            "known": knows,
            "quality": quality,
        }
        return {"arrays": arrays, "whole": whole}

    return made(folder, "attack", {arm: seeds}, make)


FROG = {"arm": "image/brief"}
