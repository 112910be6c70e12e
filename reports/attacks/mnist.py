# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["attack_mnist"]
total = 0

# %%
from pathlib import Path

from retrial.core.partitioned import load_records
from retrial.report import attack_pictures as pictures
from retrial.report import attacks
from retrial.report.numbers import anchor, claimed, counted
from retrial.report.pictures import MNIST
from retrial.report.show import opened, say, summary
from retrial.report.tables import badge, family_table, sources

records, rows, by_id = opened(results, "attack_mnist")
trained = load_records(Path(results) / "classifier_mnist")
every, several, human = (by_id[f"004-2B-{name}"] for name in ("digit1", "digits", "human"))
arm = every["evidence"]["arm"]
victims = [other for other in records.arms() if other.startswith("image/") and other != arm]
digit = int(every["evidence"]["thresholds"]["classes"])
digits = [int(one) for one in several["evidence"]["thresholds"]["classes"].split()]

# %%
say(f"# Adversarial examples: {MNIST.title} {{#family-{anchor(records.study)}}}")

# %% [markdown]
# ## What was claimed {#attack-mnist-claimed}

# %%
say(
    f"Report {every['report']} ({every['where']}) puts a generator in front of its classifier, "
    "whose weights it freezes, and trains it in two steps until the classifier says a class of "
    f"one's choice: such an image is an *adversarial example*. It does so for "
    f"{counted(len(digits), 'digits', several['id'])} digits and "
    "every other class, and shows the pictures of one: the classifier "
    f"*{claimed(rows, every['id'], 'quote')}*; *however, {claimed(rows, human['id'], 'quote')}*. "
    "The pictures are lost, and so are the figures of both networks."
)

# %% [markdown]
# ## What was run {#attack-mnist-run}

# %%
say(attacks.method(records, arm), attacks.around(records))

# %% [markdown]
# ## Printed against measured {#attack-mnist-table}

# %%
say(
    summary(rows, "this family"),
    family_table(
        rows,
        f"Adversarial examples of {MNIST.title}: {len(rows)} of {total} claims, profile {profile}.",
    ),
    attacks.successes(records),
)

# %% [markdown]
# ## One digit, every other class {#attack-mnist-pictures}

# %%
say(
    pictures.pictured_text(records, arm, digit, MNIST),
    pictures.sheet(records, arm, digit, MNIST, "attack-mnist"),
    pictures.small_sheet(
        records, arm, [one for one in digits if one != digit], MNIST, "attack-mnist"
    ),
    pictures.victims_sheet(records, victims, digit, MNIST, "attack-mnist") if victims else "",
)

# %% [markdown]
# ## Which class goes over to which {#attack-mnist-matrix}

# %%
say(
    pictures.matrices(records, "image", MNIST, "attack-mnist"),
    pictures.matrices(records, "amortised", MNIST, "attack-mnist"),
)

# %% [markdown]
# ## How much is changed {#attack-mnist-change}

# %%
say(attacks.how_far(records), attacks.spread_of_change(records, "attack-mnist"))

# %% [markdown]
# ## Would a viewer still see the digit? {#attack-mnist-viewer}

# %%
say(
    f"The report says that *{claimed(rows, human['id'], 'quote')}* ({badge(human)}). No human was "
    "asked, here or, as far as it says, there. In place of one stands the referee: another network "
    "that does not know the attack. A network is no viewer. Where it still says what the image "
    "shows, what tells the class has not gone; where it does not, that is no evidence that a "
    "viewer would err.",
    attacks.second_look(records),
)

# %% [markdown]
# ## Against other attacks, and a classifier trained against them {#attack-mnist-ladder}

# %%
say(attacks.ladder(records, trained, "attack-mnist"))

# %% [markdown]
# ## What follows {#attack-mnist-follows}

# %%
say(attacks.follows(records, trained, rows))

# %% [markdown]
# ## Limits {#attack-mnist-limits}

# %%
say(attacks.LIMITS, sources(records, "Sources of the numbers of this family"))
