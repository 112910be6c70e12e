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
import numpy as np

from retrial.report.markup import prose
from retrial.report.numbers import claimed, counted, drawn, number, seeds, setting
from retrial.report.show import arms_of, opened, say
from retrial.report.tables import badge, small_table
from retrial.statistics import t_interval

records, rows, by_id = opened(results, "depth")
arms = records.arms()
titles = {"relu": "ReLU", "tanh": "tanh", "sigmoid": "sigmoid", "lecun": "LeCun"}
kinds = {"sgd": "plain SGD", "momentum": "momentum", "adam": "Adam"}
# gradients/<optimiser>/<activation>/<depth>
flows = {tuple(arm.split("/")[1:]): arm for arm in arms if arm.startswith("gradients/")}
optimisers, activations, depths = ([*dict.fromkeys(key[k] for key in flows)] for k in range(3))


def named(arm):
    """An arm's activation and depth, the last two parts of its name."""
    return f"{titles[arm.split('/')[-2]]}, {setting(records, arm, 'depth')}"


# %% [markdown]
# ## How fast they fall {#depth-gradients-decay}


# %%
def of_lines(arm, when, part, name, form):
    """The mean of what describes the lines of an arm, over the networks that have one."""
    has = np.isfinite(records.metric(arm, f"{when}_{part}_decay"))
    values = records.metric(arm, f"{when}_{part}_{name}")[has]
    return drawn(values.mean(), records, [arm], f"mean {name}", form) if len(values) else "–"


def decay_line(key, when):
    arm, values = flows[key], records.metric(flows[key], f"{when}_weights_decay")
    values = values[np.isfinite(values)]
    interval = t_interval(values, 0.9) if len(values) > 1 else None
    ends = [
        drawn(end, records, [arm], "end of the interval", "+.3f")
        for end in ((interval.low, interval.high) if interval else ())
    ]
    return [
        named(arm),
        of_lines(arm, when, "weights", "decay", "+.3f"),
        " to ".join(ends) or "–",
        of_lines(arm, when, "weights", "fit", ".2f"),
        of_lines(arm, when, "weights", "steps", ".1f"),
        drawn(records.sample_size(arm, f"{when}_weights_steps"), records, [arm], "layers"),
        of_lines(arm, when, "biases", "decay", "+.3f"),
        f"{drawn(len(values), records, [arm], 'networks with a line')} of {seeds(records, arm)}",
        *([number(records, arm, "test_accuracy", ".3f")] if when == "trained" else []),
    ]


if flows:
    head = ["Network", "Decades a layer", "Interval", "R²", "Until zero", "of", "Biases", "Lines"]
    tables = [(optimisers[0], "untrained", "before training")]
    tables += [(o, "trained", f"after training by {kinds[o]}") for o in optimisers]
    say(
        "For every kind of network: the slope of log₁₀ of a layer's largest gradient, in decades "
        "per layer back from the output (negative: smaller towards the input), its mean over seeds "
        "and a nine-tenths interval; R² of the line; layers back until the gradient is below a "
        "hundredth of the largest, of all layers (all of them, where it never is); the slope of "
        "biases; and how many networks have a line at all, since zero has no logarithm.",
        *(
            small_table(
                head + (["Test acc."] if when == "trained" else []),
                [decay_line((o, a, d), when) for a in activations for d in depths],
                f"Largest gradients over layers, {title}: weights, and the slope of biases.",
            )
            for o, when, title in tables
        ),
    )

# %% [markdown]
# ## The sentences, one by one {#depth-gradients-claims}


# %%
def mean_of(arm, name):
    values = records.metric(arm, f"trained_weights_{name}")
    return float(np.nanmean(values)) if np.isfinite(values).any() else np.nan


def by_activation(row):
    """The arms of a claim with the sigmoid, and those without."""
    return ([a for a in arms_of(row) if ("/sigmoid/" in a) == wanted] for wanted in (True, False))


def asked_of(row, name):
    value = row["evidence"]["thresholds"][name]
    return counted(f"{value:g}", f"threshold {name}", row["id"])


def steps_text(row):
    sigmoid, others = by_activation(row)
    each = ", ".join(drawn(mean_of(a, "steps"), records, [a], "layers", ".1f") for a in sigmoid)
    least = drawn(min(mean_of(a, "steps") for a in others), records, others, "layers", ".1f")
    return (
        f"{asked_of(row, 'steps')} ± {asked_of(row, 'margin')} layers; the others more",
        f"{each}; the others at least {least}",
    )


def table_text(row):
    return (
        f"a loss of at most {asked_of(row, 'small')}",
        f"{claimed(rows, '004-1B-relu-20-acc')} to {claimed(rows, '004-1B-relu-40-acc')} in print",
    )


def smallest(arm):
    """log₁₀ of the largest gradient of the layer where it is least, its mean over seeds.

    Over the networks whose layers all have a gradient; nan where none has.
    """
    peaks = [records.array(arm, t["seed"], "trained")[0, :, -1] for t in records.of(arm)]
    logs = [np.log10(one.min()) for one in peaks if one.min() > 0]
    return float(np.mean(logs)) if logs else np.nan


def smallest_text(row):
    arm, rival = row["evidence"]["arm"], row["evidence"]["against"]
    least = [smallest(one) for one in (arm, rival)]
    return (
        f"log₁₀ below {counted('−2', 'a hundredth', row['id'])}, and {asked_of(row, 'decades')} "
        "above the sigmoid's",
        f"{number(records, arm, 'trained_weights_least', '.1f')}, and "
        f"{drawn(least[0] - least[1], records, [arm, rival], 'decades above', '+.1f')}",
    )


def steady_text(row):
    sigmoid, others = by_activation(row)
    by_depth = {arm.split("/")[-1]: mean_of(arm, "decay") for arm in sigmoid}
    share = {arm: abs(mean_of(arm, "decay") / by_depth[arm.split("/")[-1]]) for arm in others}
    most = max(share, key=lambda arm: np.nan_to_num(share[arm], nan=-1))
    return (
        f"the others at most {asked_of(row, 'share')} as steep, or {asked_of(row, 'decades')} "
        f"decades in all; R² at least {asked_of(row, 'fit')}",
        f"at most {drawn(share[most], records, [most], 'share of the slope', '.2f')} as steep "
        f"({named(most)}); R² at least "
        f"{drawn(min(mean_of(a, 'fit') for a in sigmoid), records, sigmoid, 'least R²', '.2f')}",
    )


def bias_text(row):
    gaps = {
        arm: float(np.nanmean(found)) * steps if np.isfinite(found).any() else 0.0
        for arm in arms_of(row)
        for steps in [records.sample_size(arm, "trained_weights_decay") - 1]
        for found in [
            records.metric(arm, "trained_biases_decay")
            - records.metric(arm, "trained_weights_decay")
        ]
    }
    most = max(gaps, key=lambda arm: abs(gaps[arm]))
    return (
        f"over all layers apart by at most {asked_of(row, 'decades')} decades, or "
        f"{asked_of(row, 'share')} of what the weights' line changes by",
        f"at most {drawn(gaps[most], records, [most], 'difference of the lines', '+.2f')} "
        f"({named(most)})",
    )


tests = {
    "vanishes_within": steps_text,
    "own_table_small": table_text,
    "small_not_vanishing": smallest_text,
    "steady": steady_text,
    "biases_alike": bias_text,
}
lines = []
for row in [row for row in rows if row["where"] == by_id["004-1C-3steps"]["where"]]:
    run = all(arm in arms for arm in arms_of(row))
    tell = tests.get(row["evidence"]["test"])
    lines.append(
        [prose(row["statement"]), *(tell(row) if run and tell else ("–", "–")), badge(row)]
    )
say(
    small_table(
        ["The report says", "Asked for", "Measured", "Verdict"],
        lines,
        "What decides each sentence: the rule, fixed before the run, and means over seeds; "
        "verdicts rest on nine-tenths intervals over seeds, and all named depths and activations "
        "must hold.",
    )
)
