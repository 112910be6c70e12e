# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["depth"]
total = 0

# %%
from pathlib import Path

import numpy as np

from retrial.core.partitioned import load_records
from retrial.judging import choose, choose_depth
from retrial.report import figures as fig
from retrial.report.numbers import config_value, drawn, setting
from retrial.report.show import ledger, opened, printed_value, say
from retrial.report.tables import small_table
from retrial.statistics import default_margin, parse_printed

records, rows, by_id = opened(results, "depth")
search = load_records(Path(results) / "depth_search")
tried = search.arms()
titles = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid"}
metrics = {"test_loss": "loss", "test_accuracy": "accuracy"}
names = {"width": "width", "batch": "batch", "optimiser": "optimiser",
         "learning_rate": "learning rate", "initialiser": "initialiser"}  # fmt: skip
# The printed table: its claims by arm, such as "relu/5", and metric.
cells = {}
for row in rows:
    if row["kind"] == "value":
        cells.setdefault(row["evidence"]["arm"], {})[row["evidence"]["metric"]] = row
activations = list(dict.fromkeys(arm.split("/")[0] for arm in cells))
table = sorted(cells, key=lambda arm: int(arm.split("/")[1]))
fitted = [arm for arm in table if cells[arm]["test_accuracy"]["fitted"]]
deep = [arm for arm in table if arm not in fitted]
# What each reading gave, by cell of the table: the shallow round, and the deep one where it was.
found = {}
for arm in tried:
    config = search.of(arm)[0]["config"]
    cell = f"{config['activation']}/{config['depth']}"
    if cell in cells:
        found.setdefault(tuple(config[name] for name in names), {})[cell] = arm
candidates = {key: of for key, of in found.items() if set(of) & set(deep)}
readings = choose_depth.readings(ledger(results, "depth"), search) if tried else []
scores = {tuple(getattr(r, name) for name in names): r.score for r in readings}
used = tuple(config_value(records, table[0], name) for name in names)


def title_of(arm):
    return titles[arm.split("/")[0]]


def depth_of(arm):
    return int(arm.split("/")[1])


def searched(value, what, form=""):
    return drawn(value, search, tried, what, form)


def reading_line(title, reading):
    if reading is None:
        return [title, *["–"] * (len(names) + 1 + len(activations))]
    return [
        title,
        *(searched(getattr(reading, name), f"{name} of a reading") for name in names),
        searched(reading.score, "score of a reading", ".3f"),
        *(searched(one, "distance of an activation", ".3f") for one in reading.of_activation),
    ]


# %% [markdown]
# ## The search for what is left open {#depth-search}

# %%
if readings:
    best, others = readings[0], choose.runners_up(readings)
    shallow = searched(depth_of(fitted[0]), "hidden layers of the shallow round")
    agrees = used == tuple(getattr(best, name) for name in names)
    closest = {names[k]: o.score for k, o in others.items() if o is not None}
    nearest = min(closest, key=closest.get, default=None)
    grids = {
        "width": {key[0] for key in found},
        "batch": {key[1] for key in found},
        "learning_rate": {key[3] for key in found if key[2] == best.optimiser},
    }
    edges = [names[k] for k, of in grids.items() if getattr(best, k) in (min(of), max(of))]
    bodies = sorted({key[:2] for key in found})
    speeds = list(dict.fromkeys(key[2:4] for key in found))
    starts = list(dict.fromkeys(key[4] for key in found))
    figure, axes = fig.canvas(2.3, 1, len(starts), sharey=True)
    for ax, start in zip(axes[0], starts, strict=True):
        values = np.array(
            [[scores.get((*body, *speed, start), np.nan) for body in bodies] for speed in speeds]
        )
        texts = np.vectorize(lambda value: f"{value:.2f}" if np.isfinite(value) else "–")(values)
        limits = np.log(min(scores.values()) + 1e-3), np.log(max(scores.values()) + 1e-3)
        fig.heat_map(ax, np.log(values + 1e-3), texts, *limits, size=6)
        ax.set_xticks(range(len(bodies)), [f"{w}\n{b}" for w, b in bodies], fontsize=6.5)
        ax.set_yticks(range(len(speeds)), [f"{o}, {rate:g}" for o, rate in speeds])
        ax.set(title=start, xlabel="width, above batch")
    say(
        f"Networks of {shallow} hidden layers were trained for "
        f"{setting(search, tried[0], 'epochs')} epochs, on seeds of their own, with "
        f"{searched(len(found), 'combinations')} combinations of width, batch, optimiser with "
        f"learning rate, and initialiser; {searched(len(readings), 'readings')} of them keep the "
        "loss of all activations finite. The score of a reading is its mean distance from the "
        "numbers that are printed for them, in logarithms of losses and log-odds of accuracies; "
        "the numbers of deeper networks were not looked at. The best reading is "
        f"{'the one' if agrees else 'not the one'} that the study uses"
        + (
            f"; the next one, with another {nearest}, scores "
            f"{searched(closest[nearest] / best.score, 'ratio of scores', '.2f')} times as high."
            if nearest and best.score
            else "."
        ),
        small_table(
            ["Reading", *(title.capitalize() for title in names.values()), "Score",
             *(titles[a] for a in activations)],
            [reading_line("best", best),
             *(reading_line(f"other {names[k]}", other) for k, other in others.items())],
            "The best reading, and for each parameter the best one with another value of it: its "
            "score, and the distance of each activation. A score close to the best one's says that "
            "the print does not pin the parameter.",
        ),
        f"The choice lies at the edge of what was tried in: {', '.join(edges)}. A better reading "
        "may lie beyond."
        if edges
        else "The choice lies inside what was tried.",
        fig.saved(
            figure,
            "depth-search",
            "Score of every reading, dark where it is low; panels by initialiser. One seed each.",
            "Maps of scores by optimiser and learning rate, width and batch; the lowest is "
            f"{best.score:.3f}, of {best}.",
        ),
    )  # fmt: skip
else:
    say("The search runs in the paper profile only; *params.yaml* holds what it chose.")

# %% [markdown]
# ## What other readings give deeper networks {#depth-candidates}


# %%
def off(arm, metric, value):
    """How far a value is from the print of a cell, in margins."""
    row = cells[arm][metric]
    if row["margin"] is not None:
        return abs(value - printed_value(row)) / row["margin"]
    text = parse_printed(row["printed"])
    return abs(value - float(text.value)) / default_margin(
        metrics[metric], float(text.value), float(text.half_unit)
    )


def within(distances):
    return int(np.sum(np.array(distances) <= 1))


if candidates:
    far, value_of = {}, {}
    for key, of in candidates.items():
        for cell in table:
            for metric in metrics:
                known = cell in of
                value = float(search.metric(of[cell], metric).mean()) if known else np.nan
                value_of[key, cell, metric] = value
                far[key, cell, metric] = off(cell, metric, value)
    marks = {key: "  ◂" if key == used else "" for key in candidates}
    ends = np.log10(0.3), np.log10(30)
    figure, axes = fig.canvas(1.5 + 0.24 * len(candidates), 1, 2, sharey=True)
    for ax, (metric, what) in zip(axes[0], metrics.items(), strict=True):
        distances = np.array([[far[key, cell, metric] for cell in table] for key in candidates])
        places = 3 if metric == "test_accuracy" else 2
        values = [[printed_value(cells[cell][metric]) for cell in table]]
        values += [[value_of[key, cell, metric] for cell in table] for key in candidates]
        texts = np.array(
            [[f"{v:.{places}f}".lstrip("0") if np.isfinite(v) else "–" for v in line]
             for line in values]
        )  # fmt: skip
        shades = np.log10(np.clip(distances, 0.3, 30))
        shades = np.vstack([np.full(len(table), np.nan), shades])
        shown_map = fig.heat_map(ax, shades, texts, *ends, size=6)
        ax.set_xticks(
            range(len(table)), [f"{title_of(a)} {depth_of(a)}" for a in table], rotation=90
        )
        for i, j in np.argwhere(distances <= 1):
            ax.plot(j + np.array([-0.42, 0.42]), [i + 1.36] * 2, color=fig.ORANGE, linewidth=1.6)
        ax.set_title(f"test {what}")
    axes[0, 0].set_yticks(
        range(len(candidates) + 1),
        ["printed", *(f"{o} {r:g}, {s}{marks[key]}" for key in candidates
                      for _, _, o, r, s in [key])],
    )  # fmt: skip
    fig.colour_bar(figure, shown_map, axes[0], "margins from the print")
    figure.axes[-1].set_yticks(np.log10([0.3, 1, 3, 10, 30]), ["0.3", "1", "3", "10", "30"])
    inside = {
        key: {
            group: within([far[key, cell, metric] for cell in of for metric in metrics])
            for group, of in (("fitted", fitted), ("deep", deep))
        }
        for key in candidates
    }
    most = max(inside, key=lambda key: inside[key]["deep"])
    never = [
        f"{title_of(cell)} at {searched(depth_of(cell), 'layers')} ({what})"
        for cell in deep
        for metric, what in metrics.items()
        if not within([far[key, cell, metric] for key in candidates])
    ]
    lines = [
        [
            f"*{o}* at {searched(r, 'learning rate')}, *{s}*",
            searched(scores[key], "score", ".3f") if key in scores else "–",
            searched(inside[key]["fitted"], "numbers within their margins", "d"),
            searched(inside[key]["deep"], "numbers within their margins", "d"),
            *(
                searched(within(near), f"numbers of {a} within their margins", "d")
                for a in activations
                for near in [
                    [far[key, c, m] for c in deep if c.startswith(f"{a}/") for m in metrics]
                ]
            ),
        ]
        for key in candidates
        for _, _, o, r, s in [key]
    ]  # fmt: skip
    say(
        "The deeper networks were trained as well, once each, from the best candidate of every "
        "optimiser and initialiser at the chosen width and batch: not to choose by, but to see "
        "what other readings would have given. The most deep numbers within their margins, "
        f"{searched(inside[most]['deep'], 'numbers within their margins', 'd')} of "
        f"{searched(len(deep) * len(metrics), 'deep numbers', 'd')}, are those of *{most[2]}* from "
        f"*{most[4]}*, which is {'the' if most == used else 'not the'} reading that the study "
        "uses. "
        + (f"No candidate comes near these: {'; '.join(never)}." if never else
           "Each of these numbers has some candidate that comes near it."),
        small_table(
            ["Candidate", "Score",
             f"Shallow, of {searched(len(fitted) * len(metrics), 'printed numbers', 'd')}",
             f"Deep, of {searched(len(deep) * len(metrics), 'printed numbers', 'd')}",
             *(titles[a] for a in activations)],
            lines,
            "How many printed numbers each candidate comes within the margin of: of the networks "
            "that the choice was made with, of the deeper ones, and of these by activation.",
        ),
        fig.saved(
            figure,
            "depth-candidates",
            "What each candidate gives beside the print (first line): shades tell the distance in "
            "margins, underlined numbers are within one. "
            + ("The triangle marks the reading in use. " if used in candidates else "")
            + "One seed each, which tells nothing of chance: where runs are a lottery, so are "
            "these.",
            "Two maps of test accuracy and loss by candidate and network. "
            + "; ".join(
                f"{key[2]} from {key[4]}: {inside[key]['deep']} deep numbers within the margin"
                for key in candidates
            ),
        ),
    )  # fmt: skip
else:
    say("The search that was run here has no round of deeper networks.")
