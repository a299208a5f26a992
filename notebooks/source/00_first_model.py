# %% [markdown]
# # 00 A first model in ten minutes
#
# The whole game first: train a model, read how good it is, change one setting, and score new patients. How each part works is
# what the other notebooks are for. Three cells have a gap (`...`) for you.
#
# *For research and teaching only. bedside is not a medical device: never treat anybody by these scores.*

# %% [markdown]
# ## 1 Train
# The question: is a breast mass malignant? 569 patients, for each 30 numbers about the cell nuclei of a fine-needle aspirate
# (Street et al. 1993, doi:10.1117/12.148698). One line splits the patients, trains a small neural network, judges it on patients that it has
# never seen, compares it with a simple model, and writes everything to a folder. It takes some seconds to half a minute.

# %%
import bedside
from bedside import learn

run = bedside.train("breast-cancer")

# %% [markdown]
# ## 2 Look at the report
# It is one file, `report.html`, that opens without the internet and can be passed on. Here it is inside the notebook. Scroll through
# it once, without understanding everything.

# %% tags=["live"]
learn.report(run)

# %% [markdown]
# Whom was it tested on? Only on patients from whom it has not learnt, and by whom nothing was chosen either (*val*, validation, is for
# choosing: when to stop, which threshold).

# %% tags=["fact"]
import pandas as pd

dealt = pd.read_csv(run.path / "folds.csv")
print(dealt["part"].value_counts().to_string())

# %% [markdown]
# ## 3 Read the verdict
# The report begins with at most six sentences. Each is made by a rule that is written down, so that nobody can be more enthusiastic
# than the data.

# %%
import textwrap
from bedside.report.brief import sentences

for number, sentence in enumerate(sentences(run), 1):
    print(textwrap.fill(f"{number}. {sentence}", 95, subsequent_indent="   "), end="\n\n")

# %% [markdown]
# Read them like the abstract of a paper:
#
# * **How good?** The AUROC with its 95 % interval in brackets: take one malignant and one benign mass; how often does the malignant one
#   get the higher score? 0.5 is guessing, 1 is always. The interval says which values fit these patients; mind its lower end.
# * **How sure?** How many patients were tested, and whether that is enough.
# * **Better than what?** A logistic regression learnt from the same patients. *Not distinguishable* means: the data do not say which is better.
# * **What would happen at the bedside?** At one threshold: how many malignant masses are found (sensitivity), how many benign ones left in peace
#   (specificity).
# * **Are the probabilities true?** Of patients with a score of 20 %, are 20 % malignant? (Calibration.)
# * **What was not checked?** The sentence that is left out most easily, and often the most important one.
#
# Now you. Fill in three answers from the sentences: two numbers, and one of "yes", "no", "cannot tell".

# %%
answers = {
    "lower end of the AUROC": (
        # gap: a number from the first sentence
        next(one["low"] for one in run.estimates["estimates"] if one["metric"] == "auroc")
        # end gap
    ),
    "malignant patients tested": (
        # gap: a number from the second
        next(one["n_patients"] for one in run.estimates["estimates"] if one["metric"] == "sensitivity")
        # end gap
    ),
    "better than the baseline": (
        # gap: "yes", "no" or "cannot tell"
        {"better": "yes", "worse": "no"}.get(run.estimates["baseline"]["verdict"], "cannot tell")
        # end gap
    ),
}

# %%
learn.check("00.3", run, answers)

# %% [markdown]
# ## 4 Change one setting, on the command line
# The same in a terminal, without Python, is `bedside train breast-cancer`. Every setting can be changed with `--set`, and one that
# would have no effect is refused. (Here the notebook types the command for you, and shows the end of what the terminal says.)
#
# The network has two hidden layers of 64 neurons. Change **one** setting of the model or of its training, such as
# `model.hidden`, `model.activation`, `model.dropout` or `train.learning_rate`. With `model.hidden=[]` there is no hidden layer at all.

# %%
setting = (
    # gap: "name=value"
    "model.hidden=[]"
    # end gap
)

# %%
import os
import subprocess
import sys
from pathlib import Path

tries = len(list(run.path.parent.glob(f"{run.path.name}-changed-*")))
folder = Path(f"{run.path}-changed-{tries + 1}")  # a run is never written over; try as often as you like
command = ["train", "breast-cancer", "--set", setting, "--output", str(folder)]
print("bedside", *command, end="\n\n")
os.environ.pop("FORCE_COLOR", None)  # set by notebooks; plain words are enough here
said = subprocess.run([sys.executable, "-m", "bedside", *command], capture_output=True, text=True)
print(said.stderr if said.returncode else said.stdout[said.stdout.find("\nAUROC") + 1 :])

# %%
learn.check("00.4", run, folder)

# %% [markdown]
# Did it matter? That can only be asked if both were tested on the same patients. The seed is the same, so they should be:

# %% tags=["fact"]
changed = bedside.open_run(folder)
print("dealt alike:", pd.read_csv(changed.path / "folds.csv").equals(dealt))

# %% [markdown]
# So compare; look at the intervals, not at the third digit.

# %%
for name, one in {"as it is": run, setting: changed}.items():
    values = {estimate["metric"]: estimate for estimate in one.estimates["estimates"]}
    for metric in ("auroc", "sensitivity", "specificity"):
        value, low, high = (values[metric][part] for part in ("value", "low", "high"))
        print(f"{name:<22} {metric:<12} {value:.3f} [{low:.3f}, {high:.3f}]")

# %% [markdown]
# One look is curiosity. Who tries twenty settings and reports the best of them on the same test patients has chosen by luck:
# notebook 01 chooses on validation patients, and `bedside compare` and `bedside tune` do it properly.

# %% [markdown]
# ## 5 Score three new patients
# New to the model: three of its test patients, from whom it has not learnt. Two are as they were. In the third, a benign one, we
# plant a typing error: the decimal point of the mean radius has slipped, so the nuclei are ten times as large.

# %% tags=["fact"]
from sklearn.datasets import load_breast_cancer

data = load_breast_cancer(as_frame=True)
tested = dealt.loc[dealt["part"] == "test", "sample"] - 1  # samples count from 1, rows from 0
malignant = [row for row in tested if data.target[row] == 0]  # 0 is malignant in scikit-learn's copy
benign = [row for row in tested if data.target[row] == 1]

new = data.data.loc[[malignant[0], benign[0], benign[1]]].copy()
new.iloc[2, new.columns.get_loc("mean radius")] *= 10
new.iloc[:, :4].round(2)

# %%
prediction = bedside.predict(run, new)
prediction.table.drop(columns="score_benign").round(4)

# %% [markdown]
# What the columns say:
#
# * `score_malignant`: what the model holds for the probability; `decision`: what follows at the frozen threshold.
# * `set`: the classes that cannot be excluded, made so that the truth is inside for 90 % of patients like those of training;
#   `none` if no class fits.
# * `unusual` and `distance`: whether the patient is farther from those of training than 99 % of held-out patients are.
# * `outside`: columns with a value that training has never seen.
#
# And in words:

# %%
for finding in prediction.findings:
    print(textwrap.fill(f"{finding.level}: {finding}", 95), end="\n\n")

# %% [markdown]
# The decimal point does not stop the model: it gives a score, as it gives one for anything. That is why you look before you use it.

# %% tags=["fact"]
typed = prediction.table.iloc[2]
print("a score was given all the same:", bool(0 <= typed["score_malignant"] <= 1))
print("the typing error is noticed:   ", "mean radius" in typed["outside"])

# %% [markdown]
# Which of the three patients must be looked at again? Give their sample numbers, as text, from the table.

# %%
again = (
    # gap: a list of sample numbers, as text
    list(prediction.table.loc[prediction.table["unusual"], "sample"])
    # end gap
)

# %%
learn.check("00.5", prediction, again)

# %% [markdown]
# What would the model have said without the typing error?

# %%
right = data.data.loc[[benign[1]]]
measured = bedside.predict(run, right).table["score_malignant"].iloc[0]
print(f"score of malignant: as typed {typed['score_malignant']:.3f}, as measured {measured:.3f}")

# %% [markdown]
# ## 6 What you have now
# A folder with plain files: the model, every prediction, every setting, a report, and documents for a paper.

# %%
for path in sorted(run.path.iterdir()):
    print(f"{path.name}{'/' if path.is_dir() else ''}")

# %% [markdown]
# That was the whole game. How a network is built and trained: notebook 01. Images: 02. How a network learns: 03. What its inside looks
# like: 04. Whether a number can be believed: 05. What can go wrong: 06.
