# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["classifier_cifar10"]
total = 0

# %%
from retrial.report import classifiers
from retrial.report.numbers import anchor, claimed
from retrial.report.pictures import CIFAR10
from retrial.report.show import opened, say, summary
from retrial.report.tables import family_table, sources

records, rows, by_id = opened(results, "classifier_cifar10")
accuracy = by_id["004-2C-acc"]

# %%
say(f"# The classifier of {CIFAR10.title} {{#family-{anchor(records.study)}}}")

# %% [markdown]
# ## What was claimed {#classifier-cifar10-claimed}

# %%
say(
    f"Report {accuracy['report']} classifies {CIFAR10.title} with another convolutional network "
    f"than MNIST ({accuracy['where']}): "
    f"*{claimed(rows, accuracy['id'], 'quote')}*. The figure that shows it is lost. The report "
    "calls this satisfactory for what comes next, the attack on it."
)

# %% [markdown]
# ## What was run {#classifier-cifar10-run}

# %%
say(classifiers.run(records, CIFAR10))

# %% [markdown]
# ## Printed against measured {#classifier-cifar10-table}

# %%
say(
    summary(rows, "this family"),
    family_table(
        rows, f"Classifier of {CIFAR10.title}: {len(rows)} of {total} claims, profile {profile}."
    ),
    classifiers.accuracies(records, accuracy, "classifier-cifar10"),
)

# %% [markdown]
# ## Epoch by epoch {#classifier-cifar10-epochs}

# %%
say(classifiers.by_epoch(records, "classifier-cifar10"))

# %% [markdown]
# ## What is confused with what {#classifier-cifar10-confusion}

# %%
say(classifiers.confusions(records, CIFAR10, "classifier-cifar10"))

# %% [markdown]
# ## What adversarial training costs {#classifier-cifar10-robust}

# %%
say(classifiers.robustness_costs(records))

# %% [markdown]
# ## What follows {#classifier-cifar10-follows}

# %%
say(classifiers.follows(records, accuracy))

# %% [markdown]
# ## Limits {#classifier-cifar10-limits}

# %%
say(classifiers.LIMITS, sources(records, "Sources of the numbers of this family"))
