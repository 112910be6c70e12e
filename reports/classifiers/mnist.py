# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["classifier_mnist"]
total = 0

# %%
from retrial.report import classifiers
from retrial.report.numbers import anchor, claimed
from retrial.report.pictures import MNIST
from retrial.report.show import opened, say, summary
from retrial.report.tables import family_table, sources

records, rows, by_id = opened(results, "classifier_mnist")
accuracy = by_id["004-2A-acc"]

# %%
say(f"# The classifier of {MNIST.title} {{#family-{anchor(records.study)}}}")

# %% [markdown]
# ## What was claimed {#classifier-mnist-claimed}

# %%
say(
    f"Report {accuracy['report']} classifies {MNIST.title} with a convolutional network "
    f"({accuracy['where']}): *{claimed(rows, accuracy['id'], 'quote')}*. The figure that shows the "
    "network is lost, and the text says nothing else of it. It is the classifier that the report "
    "attacks next."
)

# %% [markdown]
# ## What was run {#classifier-mnist-run}

# %%
say(classifiers.run(records, MNIST))

# %% [markdown]
# ## Printed against measured {#classifier-mnist-table}

# %%
say(
    summary(rows, "this family"),
    family_table(
        rows, f"Classifier of {MNIST.title}: {len(rows)} of {total} claims, profile {profile}."
    ),
    classifiers.accuracies(records, accuracy, "classifier-mnist"),
)

# %% [markdown]
# ## Epoch by epoch {#classifier-mnist-epochs}

# %%
say(classifiers.by_epoch(records, "classifier-mnist"))

# %% [markdown]
# ## What is confused with what {#classifier-mnist-confusion}

# %%
say(classifiers.confusions(records, MNIST, "classifier-mnist"))

# %% [markdown]
# ## What adversarial training costs {#classifier-mnist-robust}

# %%
say(classifiers.robustness_costs(records))

# %% [markdown]
# ## What follows {#classifier-mnist-follows}

# %%
say(classifiers.follows(records, accuracy))

# %% [markdown]
# ## Limits {#classifier-mnist-limits}

# %%
say(classifiers.LIMITS, sources(records, "Sources of the numbers of this family"))
