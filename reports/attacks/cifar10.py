# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---

# %% tags=["parameters"]
profile = "quick"
results = "data/results"
raw = "data/raw"
families = ["attack_cifar10"]
total = 0

# %%
from pathlib import Path

from retrial.core.partitioned import load_records
from retrial.report import attack_pictures as pictures
from retrial.report import attacks
from retrial.report.numbers import anchor, claimed
from retrial.report.pictures import CIFAR10
from retrial.report.show import opened, say, summary
from retrial.report.tables import badge, family_table, sources

records, rows, by_id = opened(results, "attack_cifar10")
trained = load_records(Path(results) / "classifier_cifar10")
every, unseen = by_id["004-2C-frog"], by_id["004-2C-invisible"]
arm = every["evidence"]["arm"]
victims = [other for other in records.arms() if other.startswith("image/") and other != arm]
frog = int(every["evidence"]["thresholds"]["classes"])
limits = unseen["evidence"]["thresholds"]

# %%
say(f"# Adversarial examples: {CIFAR10.title} {{#family-{anchor(records.study)}}}")

# %% [markdown]
# ## What was claimed {#attack-cifar10-claimed}

# %%
say(
    f"Report {every['report']} ({every['where']}) puts a generator in front of its classifier of "
    f"{CIFAR10.title}, whose weights it freezes, and trains it until the classifier gives an image "
    "a class of one's choice. An adversarial example is such an image: changed so little that one "
    "should not see it, and taken for something else. It says of one image: "
    f"*{claimed(rows, every['id'], 'quote')}*, and *{claimed(rows, unseen['id'], 'quote')}*. The "
    "pictures are lost, and so are the figures of both networks."
)

# %% [markdown]
# ## What was run {#attack-cifar10-run}

# %%
say(attacks.method(records, arm), attacks.around(records))

# %% [markdown]
# ## Printed against measured {#attack-cifar10-table}

# %%
say(
    summary(rows, "this family"),
    family_table(
        rows,
        f"Adversarial examples of {CIFAR10.title}: {len(rows)} of {total} claims, profile "
        f"{profile}.",
    ),
    attacks.successes(records),
)

# %% [markdown]
# ## One frog, every other class {#attack-cifar10-pictures}

# %%
say(
    pictures.pictured_text(records, arm, frog, CIFAR10),
    pictures.sheet(records, arm, frog, CIFAR10, "attack-cifar10"),
    pictures.victims_sheet(records, victims, frog, CIFAR10, "attack-cifar10") if victims else "",
)

# %% [markdown]
# ## Which class goes over to which {#attack-cifar10-matrix}

# %%
say(
    pictures.matrices(records, "image", CIFAR10, "attack-cifar10"),
    pictures.matrices(records, "amortised", CIFAR10, "attack-cifar10"),
)

# %% [markdown]
# ## How much is changed, and could one see it? {#attack-cifar10-change}

# %%
say(
    attacks.how_far(records),
    attacks.spread_of_change(records, "attack-cifar10", limits["levels"], limits["ssim"]),
    f"The report says that *{claimed(rows, unseen['id'], 'quote')}* ({badge(unseen)}). No eye was "
    "asked, here or, as far as it says, there. In place of one stand two thresholds, fixed before "
    "the run: a largest change in grey levels, and a structural similarity. They are no viewer. A "
    "change within both may show on a smooth surface, one beyond them may hide in a rough one.",
    attacks.alike(records, unseen),
)

# %% [markdown]
# ## What another network sees {#attack-cifar10-viewer}

# %%
say(
    "The referee does not know the attack. It says whether a change leads other networks astray as "
    "well; that it still sees what the image shows does not say what a viewer would see.",
    attacks.second_look(records),
)

# %% [markdown]
# ## Against other attacks, and a classifier trained against them {#attack-cifar10-ladder}

# %%
say(attacks.ladder(records, trained, "attack-cifar10"))

# %% [markdown]
# ## What follows {#attack-cifar10-follows}

# %%
say(attacks.follows(records, trained, rows))

# %% [markdown]
# ## Limits {#attack-cifar10-limits}

# %%
say(attacks.LIMITS, sources(records, "Sources of the numbers of this family"))
