"""The chapters on generators that lead classifiers to wrong classes: what both data sets share.

Each function returns Markdown about the records of a study of `retrial.image_attacks`, and leaves
its figures in the working folder; `name` begins the names of these. Pictures are
`retrial.report.attack_pictures`'.
"""

from collections.abc import Sequence

import numpy as np

from retrial.core.records import Records
from retrial.report import figures as fig
from retrial.report.examples import (
    NONE,
    examples,
    of_kind,
    plainly,
    share_cells,
    titled,
    victim_of,
)
from retrial.report.numbers import claimed, config_value, drawn, seeds, setting
from retrial.report.show import Row
from retrial.report.tables import badge, small_table

LADDER = {"noise": "noise", "f": "f, clipped", "fgsm": "FGSM", "pgd": "PGD"}
STEPS = {"reconstruction": "step one", "fooling": "step two"}


def method(records: Records, arm: str) -> str:
    """How one image is led to a class: f, its losses and its stops."""

    def told(key: str, form: str = "") -> str:
        return setting(records, arm, f"generator.{key}", form)

    layers = len(config_value(records, arm, "generator.channels"))
    protocol = records.provenance["protocol"]["generator"]
    cut = " and ".join(
        f"{drawn(stated, records, [arm], f'updates of {title} in the protocol', 'd')} of {title}"
        for step, title in STEPS.items()
        for stated in (protocol[step]["steps"],)
        if stated != config_value(records, arm, f"generator.{step}.steps")
    )
    return "\n\n".join(
        (
            "A network $f$ stands before the classifier $C$, whose weights and running statistics "
            "stay as they are: a test compares their bytes before and after. Here $f$ is a network "
            "of convolutions that keep the size, with "
            f"{drawn(layers, records, [arm], 'hidden layers', 'd')} hidden layers of "
            f"{told('channels')} channels, ReLU between them, no biases, no way around the layers, "
            "and a clip to what a pixel can be at its end. Adam trains it at a learning rate of "
            f"{told('learning_rate')}, in two steps, on one image $x$ of $d$ values between zero "
            "and one.",
            "*Step one*: $f$ alone learns to return $x$. Its loss is the mean square error "
            "$\\frac{1}{d} \\lVert f(x) - x \\rVert^2$; it stops when that is at most "
            f"{told('reconstruction.error')}, or after {told('reconstruction.steps', 'd')} "
            "updates.",
            "*Step two*, for each class $t$ that the image does not show, from a copy of the $f$ "
            "of step one: the loss is $-\\ln\\, C_t(f(x)) + \\lambda \\frac{1}{d} "
            "\\lVert f(x) - x \\rVert^2$, where $C_t$ is the classifier's confidence in $t$ and "
            f"$\\lambda$ is {told('fooling.distance')}. It stops when the confidence is at least "
            f"{told('fooling.confidence')}, in $f(x)$ and in $f(x)$ rounded to grey levels, or "
            f"after {told('fooling.steps', 'd')} updates.",
            "The report names neither the network nor the losses nor the stops: all of these are "
            "ours. The attack's own word does not count. The image is stored in grey levels, the "
            "classifier looks at what is stored, and where it says $t$ it is a *success*. Images "
            "that the classifier has wrong before anything is changed are set apart.",
            f"This profile stops early: the protocol allows {cut}." if cut else "",
        )
    )


def around(records: Records) -> str:
    """Who looks on, the amortised generator and the ladder; what this profile leaves out."""
    one_each = {victim_of(arm): arm for arm in reversed(records.arms())}
    referees = "; ".join(
        f"of what is done to *{victim}* it is *{config_value(records, arm, 'referee')}*"
        for victim, arm in reversed(one_each.items())
    )
    parts = [
        "A *referee*, another classifier that no attack knows, from another seed where there is "
        f"one, is shown the same images: {referees}. It says whether what leads one network astray "
        "leads another there as well, and stands in for a viewer, which it is not."
    ]
    many = of_kind(records, "amortised")
    if many:

        def told(key: str, form: str = "d") -> str:
            return setting(records, many[0], key, form)

        parts.append(
            "*f of all images* is one network for all images and classes: the target joins the "
            f"image as further channels. It learns on training images in batches of "
            f"{told('amortised.batch')} at a rate of {told('amortised.learning_rate', '')}, for "
            f"{told('amortised.reconstruction_steps')} updates of step one and "
            f"{told('amortised.fooling_steps')} of step two with a $\\lambda$ of "
            f"{told('amortised.distance', '')}, and is judged on {told('held_out')} test images a "
            "seed, each with one target drawn for it."
        )
        parts.append(
            f"On {told('ladder_images')} of these test images a ladder of distances is climbed: "
            "FGSM, one step of ε in the sign of the gradient (Goodfellow, Shlens and Szegedy); "
            f"PGD, {told('ladder.steps')} smaller steps, together {told('ladder.reach', '')} ε "
            "long, that stay within ε (Madry and others); noise, ε with random signs; and the "
            "change that the f of all images makes, clipped to ε. FGSM and PGD lead away from the "
            "right class, f to a target."
        )
    if records.skipped:
        parts.append(
            f"This profile leaves out *{'*, *'.join(records.skipped)}*, and what they would show."
        )
    if not all(trial["whole"] for trial in records.trials):
        parts.append("This profile cuts classifiers or steps short, so it decides nothing.")
    return "\n\n".join(parts)


def successes(records: Records) -> str:
    """How often each victim says what it should be made to say."""
    lines, updates = [], []
    for arm in records.arms():
        found = examples(records, arm)
        each = found.by_seed()
        span = " to ".join(
            drawn(end, records, [arm], "success of one seed", ".3f")
            for end in ((min(each), max(each)) if len(each) > 1 else ())
        )
        lines.append(
            [
                titled(arm),
                drawn(found.images, records, [arm], "images", "d"),
                drawn(found.misclassified, records, [arm], "images misclassified before", "d"),
                drawn(len(found.hit), records, [arm], "images and targets tried", "d"),
                *share_cells(found.hit, records, [arm], "share of targets reached"),
                span or NONE,
                seeds(records, arm),
            ]
        )
        if found.steps is not None and found.hit.any():
            middle = float(np.median(found.steps[found.hit]))
            updates.append(
                f"{drawn(middle, records, [arm], 'median updates of successes', '.0f')} before "
                f"*{victim_of(arm)}*"
            )
    return "\n\n".join(
        (
            small_table(
                ["Attack, victim", "Images", "Wrong before", "Tried", "Success", "Interval",
                 "Range", "Seeds"],
                lines,
                "Share of pairs of an image and a target that are reached, all seeds together, "
                "with its nineteen-in-twenty Wilson interval, and the range over seeds. Images "
                "that the victim has wrong before are counted, and left out of what is tried.",
            ),
            f"Median updates of step two where the target is reached: {', '.join(updates)}."
            if updates
            else "",
        )
    )  # fmt: skip


def how_far(records: Records) -> str:
    """Means of the measures of the successes, by victim."""
    forms = {"linf": ".3f", "l2": ".2f", "psnr": ".1f", "ssim": ".3f", "levels": ".1f",
             "changed": ".1%"}  # fmt: skip
    lines = []
    for arm in records.arms():
        found = examples(records, arm)
        lines.append(
            [
                titled(arm),
                *(
                    drawn(float(found.measure(name).mean()), records, [arm], f"mean {name}", form)
                    if found.hit.any()
                    else NONE
                    for name, form in forms.items()
                ),
                drawn(int(found.hit.sum()), records, [arm], "successes", "d"),
            ]
        )
    return small_table(
        ["Attack, victim", "L∞", "L₂", "PSNR, dB", "SSIM", "Grey levels", "Changed", "n"],
        lines,
        "How far successes are from their originals, means over all of them: the largest change "
        "of a value and the root of the summed squares, in units of the pixels' range; the peak "
        "signal-to-noise ratio; the structural similarity, one for equal images; the largest "
        "change in grey levels; and the share of values that changed at all.",
    )


def spread_of_change(
    records: Records, name: str, levels: float | None = None, ssim: float | None = None
) -> str:
    """The largest change and the similarity of all successes, with a claim's thresholds if any."""
    found = {arm: examples(records, arm) for arm in records.arms()}
    found = {arm: one for arm, one in found.items() if one.hit.any()}
    if not found:
        return "No target was reached: there is no change to measure."
    figure, axes = fig.canvas(2.9, 1, 2, sharey=True)
    panels = {"levels": ("largest change, grey levels", levels), "ssim": ("SSIM", ssim)}
    for ax, (measure, (label, mark)) in zip(axes[0], panels.items(), strict=True):
        for place, (arm, one) in enumerate(found.items()):
            values = np.sort(one.measure(measure))
            ax.step(
                values, np.arange(1, len(values) + 1) / len(values), where="post",
                color=fig.CYCLE[place], linestyle=("-", "--", "-.", ":")[place % 4],
                linewidth=1.4, label=plainly(arm),
            )  # fmt: skip
        if mark is not None:
            ax.axvline(mark, color=fig.BLACK, linewidth=0.9, linestyle=(0, (1, 1.5)))
        ax.set(xlabel=label, ylim=(0, 1.02))
    axes[0, 0].set_ylabel("share of successes up to this")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    sizes = ", ".join(
        f"{drawn(int(one.hit.sum()), records, [arm], 'successes', 'd')} ({titled(arm)})"
        for arm, one in found.items()
    )
    return fig.saved(
        figure,
        f"{name}-change",
        "Shares of successes whose largest change (left) and structural similarity (right) is at "
        f"most what the axis says; successes: {sizes}."
        + (" Dotted: the thresholds that stand for *indistinguishable*." if levels else ""),
        "Cumulative shares. Medians: "
        + "; ".join(
            f"{plainly(arm)}: {np.median(one.measure('levels')):.0f} grey levels, SSIM "
            f"{np.median(one.measure('ssim')):.3f}"
            for arm, one in found.items()
        ),
    )


def alike(records: Records, row: Row) -> str:
    """Shares of successes that keep within the thresholds of a claim of likeness."""
    limits = row["evidence"]["thresholds"]
    lines = []
    for arm in records.arms():
        found = examples(records, arm)
        small = found.measure("levels") <= limits["levels"]
        close = found.measure("ssim") >= limits["ssim"]
        lines.append(
            [
                titled(arm),
                share_cells(small, records, [arm], "share of small changes")[0],
                share_cells(close, records, [arm], "share of similar images")[0],
                *share_cells(small & close, records, [arm], "share with both"),
                drawn(int(found.hit.sum()), records, [arm], "successes", "d"),
            ]
        )
    most, least = (drawn(limits[name], records, records.arms(), f"threshold {name}", "g")
                   for name in ("levels", "ssim"))  # fmt: skip
    return small_table(
        ["Attack, victim", "Small change", "Similar", "Both", "Interval", "n"],
        lines,
        f"Shares of successes of all classes in which no value changes by more than {most} grey "
        f"levels, whose structural similarity is at least {least}, and both, with Wilson "
        "intervals.",
    )


def second_look(records: Records) -> str:
    """What the referee makes of the successes: whether they transfer, and what it still sees."""
    lines = []
    for arm in records.arms():
        found = examples(records, arm)
        asked = found.asked
        lines.append(
            [
                titled(arm),
                drawn(int(asked.sum()), records, [arm], "successes that the referee judges", "d"),
                *share_cells((found.refereed == found.target)[asked], records, [arm],
                             "share where the referee says the target"),
                *share_cells((found.refereed == found.source)[asked], records, [arm],
                             "share where the referee says what the image shows"),
            ]
        )  # fmt: skip
    return small_table(
        ["Attack, victim", "Asked", "Transfers", "Interval", "Still seen", "Interval"],
        lines,
        "Of the successes on images whose original the referee has right: the share that it gives "
        "the target as well, and the share that it still gives the class of the image, with Wilson "
        "intervals.",
    )


def radius_of(trained: Records, arm: str = "robust") -> float:
    """The ε of an arm's adversarial training, from the protocol of the classifiers."""
    return float(trained.provenance["protocol"]["arms"][arm]["recipe"]["robust"]["epsilon"])


def ladder(records: Records, trained: Records, name: str) -> str:
    """Accuracy of each victim against ε, under f, FGSM, PGD and noise of the same maximum norm."""
    arms = of_kind(records, "amortised")
    if not arms:
        return "This profile leaves out the ladder."
    radius = radius_of(trained)
    figure, axes = fig.canvas(3.2, 1, len(arms), sharey=True)
    lines, ends = [], []
    for ax, arm in zip(axes[0], arms, strict=True):
        at = records.curve(arm, "epsilon")[0]
        for place, (curve, title) in enumerate(LADDER.items()):
            values = records.curve(arm, curve)
            fig.band(ax, at, values, title, place, marks=True)
            lines.append(
                [
                    f"*{victim_of(arm)}*, {title}",
                    *(
                        drawn(value, records, [arm], f"mean accuracy after {curve}", ".3f")
                        for value in values.mean(axis=0)
                    ),
                ]
            )
            ends.append(f"{victim_of(arm)}, {title}: {values.mean(axis=0)[-1]:.3f}")
        ax.axvline(radius, color=fig.GREY, linewidth=1, linestyle=(0, (1, 1.5)))
        ax.set(title=f"before {victim_of(arm)}", ylim=(-0.03, 1.03))
        ax.set_xlabel("ε, in units of the pixels' range")
    axes[0, 0].set_ylabel("accuracy")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center",
                  ncols=len(LADDER))  # fmt: skip
    steps = config_value(records, arms[0], "ladder.epsilons")
    return "\n\n".join(
        (
            fig.saved(
                figure,
                f"{name}-ladder",
                "Accuracy on stored images against the largest change of a value: mean over seeds "
                f"({seeds(records, arms[0])}) with the range between them, "
                f"{setting(records, arms[0], 'ladder_images', 'd')} test images a seed. Dotted: "
                f"the ε that *robust* is trained with, "
                f"{drawn(radius, records, arms, 'ε of the adversarial training', '.3g')}.",
                "Falling curves of accuracy. At the largest distance: " + "; ".join(ends),
            ),
            small_table(
                ["Victim, attack", *(drawn(one, records, arms, "ε", ".3g") for one in steps)],
                lines,
                "Mean accuracy by ε (columns), over seeds.",
            ),
        )
    )


def follows(records: Records, trained: Records, rows: Sequence[Row]) -> str:
    """The verdicts, then what the runs say of victims, strangers and adversarial training."""
    claims = "; ".join(f"*{claimed(rows, row['id'], 'statement')}*: {badge(row)}" for row in rows)
    found = {arm: examples(records, arm) for arm in records.arms()}

    def shares(kind: str) -> str:
        return ", ".join(
            f"{share_cells(found[arm].hit, records, [arm], 'share of targets reached')[0]} before "
            f"*{victim_of(arm)}*"
            for arm in of_kind(records, kind)
        )

    parts = [f"The claims: {claims}."]
    if of_kind(records, "image"):
        parts.append(f"Shares of targets that a generator of its own reaches: {shares('image')}.")
    if of_kind(records, "amortised"):
        parts.append(
            "Shares that one generator for all images reaches on images that it has not seen: "
            f"{shares('amortised')}."
        )
    told = ", ".join(
        share_cells((one.refereed == one.target)[one.asked], records, [arm], "transfer")[0]
        + f" ({titled(arm)})"
        for arm, one in found.items()
        if one.asked.any()
    )
    if told:
        parts.append(f"Shares of successes that the referee gives the target as well: {told}.")
    return "\n\n".join([*parts, *_robustness(records, trained)])


def _robustness(records: Records, trained: Records) -> list[str]:
    """How much accuracy adversarial training keeps, at the distance of the ladder next to its ε."""
    ladders = {victim_of(arm): arm for arm in of_kind(records, "amortised")}
    usual = next((victim for victim in ladders if victim != "robust"), None)
    if usual is None or "robust" not in ladders:
        return []
    pair = [ladders[usual], ladders["robust"]]
    steps = np.array(config_value(records, pair[0], "ladder.epsilons"))
    place = int(np.abs(steps - radius_of(trained)).argmin())
    kept = [records.curve(arm, "pgd").mean(axis=0) for arm in pair]
    before, after = (
        [drawn(one[at], records, [arm], "mean accuracy under PGD", ".3f")
         for one, arm in zip(kept, pair, strict=True)]
        for at in (0, place)
    )  # fmt: skip
    epsilon = drawn(float(steps[place]), records, pair, "ε of the ladder", ".3g")
    return [
        f"Under PGD at an ε of {epsilon}, *{usual}* falls from an accuracy of {before[0]} to "
        f"{after[0]}, and *robust* from {before[1]} to {after[1]}."
    ]


LIMITS = (
    "A referee is no human, and a small change is no invisible one: no viewer was asked, and what "
    "a viewer would see is not judged. A referee that errs shows that an attack transfers; one "
    "that is right shows that another network is not fooled. The report's images, networks and "
    "stops are lost: with more updates, another distance term or another network, f may reach more "
    "targets, or fewer with smaller changes. Targets of one image are not independent of one "
    "another, so intervals over all of them are too narrow; cells of the matrices hold few images. "
    "PGD has one random start, and a stronger attack may find what it does not: its accuracies are "
    "upper bounds of what the victims keep."
)
