# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["titanic_losses"]
total = 0

# %%
from retrial.judging import faults
from retrial.report import titanic_losses as chapter
from retrial.report.numbers import claimed, counted, drawn, number, seeds, setting
from retrial.report.show import opened, say, summary
from retrial.report.stories import one_line, story
from retrial.report.tables import badge, family_table, sources

records, rows, by_id = opened(results, "titanic_losses")
own = chapter.own_arms(records)
first = own["l1"]
everyone = list(own.values())
L1 = chapter.NAMES["l1"]

# %% [markdown]
# # Loss functions {#family-titanic-losses}
#
# ## What was claimed {#titanic-losses-claimed}

# %%
say(
    f"Report {rows[0]['report']} predicts who of {claimed(rows, '001-P3-n')} passengers survived "
    f"the Titanic, of whom {claimed(rows, '001-P3-train-n')} train a small perceptron and "
    f"{claimed(rows, '001-P3-val-n')} validate it. It writes one loop for all losses. With "
    f"{L1}Loss it prints a validation loss of {claimed(rows, '001-P3-l1-loss')} and an accuracy of "
    f"{claimed(rows, '001-P3-l1-acc')}%; with MSELoss {claimed(rows, '001-P3-mse-loss')} and "
    f"{claimed(rows, '001-P3-mse-acc')}%. Of NLLLoss and BCEWithLogitsLoss it prints code alone."
)

# %% [markdown]
# ## What was run {#titanic-losses-run}

# %%
say(
    f"A perceptron with {setting(records, first, 'hidden_layers')} hidden layer of "
    f"{setting(records, first, 'hidden')} units sees class, sex, age and fare. (The model that the "
    f"report prints has {number(records, 'setup', 'printed_hidden_layers', '.0f')}; it is built "
    "anew before it is trained, with the default of the class.) Adam trains it for "
    f"{setting(records, first, 'epochs')} epochs in batches of {setting(records, first, 'batch')}, "
    "under each of "
    f"{drawn(len(own), records, everyone, 'losses')} losses, at both of the report's rates, every "
    f"output against its own label: one output for {L1}, MSE and BCE, two for NLL. An output of "
    f"{L1} or MSE above one half, a logit above zero, says that the passenger survived.",
    "The report's split has no seed and is lost. Each seed here draws its own, and with it the "
    "first weights and the orders of the batches, which all losses share: "
    f"{seeds(records, first)} seeds at the report's rates"
    + (
        ""
        if len(chapter.all_rates(records)) == len(own)
        else f", {seeds(records, next(a for a in chapter.all_rates(records) if a not in everyone))}"
        " at the others"
    )
    + ". Beside them stand the class of most training rows, and the best threshold of a single "
    "feature.",
    "Left out: *" + "*, *".join(records.skipped) + "*." if records.skipped else "",
)

# %% [markdown]
# ## Printed against measured {#titanic-losses-table}

# %%
say(
    summary(rows, "this family"),
    family_table(rows, f"Loss functions: {len(rows)} of {total} claims, profile {profile}."),
)

# %% [markdown]
# ## Two losses, one number {#titanic-losses-print}

# %%
FINDS = {True: "finds", False: "does not accuse"}


def detected(fault, wrong, how):
    """What the detector of a fault says of the faulty loss and of the right one."""
    found = fault.detect(wrong), fault.detect(faults.absolute_error)
    return (
        f"The detector `{fault.name}` looks for it in anybody's loss, by {how}: it "
        f"{counted(FINDS[found[0]], 'the detector on the faulty loss')} the faulty line, and "
        f"{counted(FINDS[found[1]], 'the detector on the right loss')} the right one."
    )


def of_both(metric, form):
    """A validation metric under L1 and under MSE."""
    return " and ".join(
        number(records, own[loss], f"validation_{metric}", form) for loss in ("l1", "mse")
    )


fault = faults.FAULTS["log_softmax_of_one_output"]
say(
    f"{L1} and MSE print the same loss and the same accuracy, for networks that are not the same: "
    + "; ".join(
        f"{chapter.NAMES[loss]} {badge(by_id[f'001-P3-{loss}-loss'])} and "
        f"{badge(by_id[f'001-P3-{loss}-acc'])}"
        for loss in ("l1", "mse")
    )
    + ".",
    story(
        "titanic-losses-print",
        f"A loss of {claimed(rows, '001-P3-l1-loss')} under {L1} and of "
        f"{claimed(rows, '001-P3-mse-loss')} under MSE, with accuracies of "
        f"{claimed(rows, '001-P3-l1-acc')}% and {claimed(rows, '001-P3-mse-acc')}%.",
        "Zero and one are their own squares: the two losses agree where every error is one of "
        "them, that is, where every output is. The printed evaluation takes the log-softmax over "
        "the columns of a single output. The softmax of one number is one, and its logarithm zero. "
        + chapter.zero_counts(by_id),
        f"{one_line(fault)} It goes into the evaluation of the networks that were trained here. "
        + detected(fault, faults.absolute_error_of_log_softmax, "changing the outputs"),
        f"Means over {seeds(records, first)} splits, under {L1} and MSE: a loss of "
        f"{of_both('loss_as_printed', '.4f')} in place of {of_both('loss', '.4f')}, an accuracy of "
        f"{of_both('accuracy_as_printed', '.1%')} in place of {of_both('accuracy', '.1%')}. The "
        "report's split was another; on each split the two losses agree, and nothing about the "
        "networks is left in the numbers.",
    ),
    chapter.against_print(records, by_id),
)

# %% [markdown]
# ## Every output meets every label {#titanic-losses-broadcast}

# %%
fault = faults.FAULTS["broadcast_targets"]
warned = chapter.warning(records, [f"{loss}/printed" for loss in chapter.REGRESSION])
say(
    "The training has a fault of its own. The loop flattens the labels, outputs keep their column, "
    "and torch compares each output with all labels of its batch. Such a loss does not change when "
    "two passengers exchange their labels. Its optimum is one output for everybody: the mean of "
    f"the labels under MSE, under {L1} their median, which is that everyone died. A passenger's "
    f"own label is one of {setting(records, first, 'batch')} in its batch, and under MSE that "
    "share is what is left of it."
    + (f" Torch said so: “{warned}”." if warned else "")
    + f" {detected(fault, faults.absolute_error_broadcast, 'exchanging two labels')}",
    chapter.broadcast(records),
    chapter.outputs(records),
)

# %% [markdown]
# ## Losses that the loop refuses {#titanic-losses-refused}

# %%
say(
    "Flat labels do not only broadcast: BCEWithLogitsLoss, the criterion of the report's first "
    "cell, refuses them, and NLLLoss asks for whole numbers. With whole numbers it finds a class "
    "that a network of one output does not have. Had it run, it would have had no lower bound: "
    "the loop leaves the log-softmax, which its comment announces, to the evaluation.",
    chapter.raised(records),
)

# %% [markdown]
# ## The losses done right {#titanic-losses-right}

# %%
say(
    chapter.accuracies(records),
    chapter.by_rate(records),
    chapter.differences(records),
    "The report gives its losses different rates, and these differences mix the two: what a loss "
    "does at one rate stands in the table above them.",
    f"{L1} and MSE give no probabilities; what stands there takes their outputs for such, cut off "
    "at zero and one. Where that leaves nothing for what became of a passenger, the NLL is "
    f"infinite, and the least number there is stands for zero. {L1} is drawn to the median, "
    "which is zero or one for each passenger, and pays for it most.",
)

# %% [markdown]
# ## How far probabilities can be believed {#titanic-losses-calibration}

# %%
say(chapter.calibration(records))

# %% [markdown]
# ## One network after the other {#titanic-losses-continued}

# %%
say(
    f"The report makes a network for {L1} and none for MSE, which goes on with the weights that "
    f"{L1} left. A comparison of the two losses would compare a network that has learned for twice "
    "as long with one that has not.",
    chapter.continued(records),
)

# %% [markdown]
# ## What follows {#titanic-losses-follows}

# %%
bug, nll, bce = (by_id[f"001-P3-{name}"] for name in ("train-bug", "nll", "bce"))
loss, accuracy = by_id["001-P3-l1-loss"], by_id["001-P3-l1-acc"]
say(
    f"The printed loss {badge(loss)} and accuracy {badge(accuracy)} say how many died among the "
    f"validation rows. That the loop fits outputs to their own labels: {badge(bug)}. That the code "
    f"runs with NLLLoss: {badge(nll)}. That a logit under BCE suits these data, better than the "
    f"majority: {badge(bce)}; it has an accuracy of "
    f"{number(records, own['bce'], 'validation_accuracy', '.1%')}, the majority "
    f"{number(records, 'majority', 'validation_accuracy', '.1%')}, and one threshold, which needs "
    f"no network, {number(records, 'one_rule', 'validation_accuracy', '.1%')}.",
)

# %% [markdown]
# ## Limits {#titanic-losses-limits}

# %%
say(
    "The features are standardised over all rows before the split, as the report does it: the "
    "validation rows' means and deviations leak into training, by little. All splits are of the "
    "same passengers, so that intervals over splits say how far a split decides, not how the "
    "networks would do on another ship; the verdict on BCE has a corrected test beside it. The "
    "validation loss is the mean over batches, of which the last is smaller, as in the report. A "
    "passenger with a missing value is left out, as there.",
    sources(records, "Sources of the numbers of this family"),
)
