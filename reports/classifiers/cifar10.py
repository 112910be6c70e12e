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
# ## What was claimed {#classifier-cifar-claimed}

# %%
say(
    f"For {CIFAR10.title}, the report changes its network ({accuracy['where']}): "
    f"*{claimed(rows, accuracy['id'], 'quote')}*. The figure that shows it is lost. The report "
    "calls this satisfactory for what comes next, the attack on it."
)

# %% [markdown]
# ## What was run {#classifier-cifar-run}

# %%
say(classifiers.run(records, CIFAR10))

# %% [markdown]
# ## Printed against measured {#classifier-cifar-table}

# %%
say(
    summary(rows, "this family"),
    family_table(
        rows, f"Classifier of {CIFAR10.title}: {len(rows)} of {total} claims, profile {profile}."
    ),
    classifiers.accuracies(records, accuracy, "classifier-cifar"),
)

# %% [markdown]
# ## Epoch by epoch {#classifier-cifar-epochs}

# %%
say(classifiers.by_epoch(records, "classifier-cifar"))

# %% [markdown]
# ## What is confused with what {#classifier-cifar-confusion}

# %%
say(classifiers.confusions(records, CIFAR10, "classifier-cifar"))

# %% [markdown]
# ## What adversarial training costs {#classifier-cifar-robust}

# %%
say(classifiers.robustness_costs(records))

# %% [markdown]
# ## What follows {#classifier-cifar-follows}

# %%
say(classifiers.follows(records, accuracy))

# %% [markdown]
# ## Limits {#classifier-cifar-limits}

# %%
say(classifiers.LIMITS, sources(records, "Sources of the numbers of this family"))
