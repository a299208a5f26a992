"""CLAIM 2024: 44 items for studies of artificial intelligence in medical imaging.

Numbers are those of Tejani et al. 2024, doi:10.1148/ryai.240300; what each asks is said in our words, and the paper has the
full wording.
"""

from bedside.report import answers_data as data
from bedside.report import answers_model as model
from bedside.report import answers_results as results
from bedside.report.answers import Answer, Item, ask, at, file
from bedside.report.told import Told

NAME, SOURCE = "CLAIM 2024", "Tejani et al. 2024, doi:10.1148/ryai.240300"


def _robustness(run: Told) -> Answer:
    if run.stress is None:
        return Answer(
            question="How do the results change with noise, devices or other settings? This run examined none of it."
        )
    said = " ".join(run.stress.get("sentences") or ["Changed inputs were scored."])
    return Answer(said, file("stress.json"))


def _subsets(run: Told) -> Answer:
    return Answer(
        data.excluded_words(run),
        at(run, "data"),
        "Were parts of images or some of them selected before, by whom and how?",
    )


_FRONT = (
    Item("1", "Title and abstract", "Title", "names the technology, such as deep learning", ask("Does the title name the kind of artificial intelligence?")),
    Item("2", "Title and abstract", "Abstract", "design, methods, results, conclusions", ask("Does the abstract tell design, methods, results and conclusions?")),
    Item("3", "Introduction", "Background", "science, clinic, intended use and role", ask("What is known, and which part is the model to play in care?")),
    Item("4", "Introduction", "Objectives", "aims and hypotheses", ask("Which aims and hypotheses were there?")),
    Item("5", "Study design", "Design", "prospective or retrospective", ask("Were the images collected before or after the study was planned?")),
    Item("6", "Study design", "Goal", "such as making a model, feasibility, a trial", ask("Is the goal to make a model, to show that it is feasible, or a trial?")),
)  # fmt: skip

_DATA = (
    Item("7", "Data", "Sources", "where the data come from", data.source),
    Item("8", "Data", "Eligibility", "who and what was taken, and how", data.eligibility),
    Item("9", "Data", "Preprocessing", "from the stored image to the input", model.handling),
    Item("10", "Data", "Subsets", "parts of the data that were selected", _subsets),
    Item("11", "Data", "De-identification", "how identities were removed", ask("How were names and other identities removed from images and files?")),
    Item("12", "Data", "Missing data", "how they were handled", data.missing),
    Item("13", "Data", "Acquisition", "devices and protocols", data.acquisition),
    Item("14", "Reference standard", "Definition", "how the truth was established", data.outcome),
    Item("15", "Reference standard", "Reason", "why this one", ask("Why this reference standard and no other?")),
    Item("16", "Reference standard", "Source", "who annotated, with which qualification", ask("Who annotated the images, with which qualification and training?")),
    Item("17", "Reference standard", "Test set", "how the test images were annotated", ask("How were the test images annotated, with which tools?")),
    Item("18", "Reference standard", "Variability", "within and between annotators", ask("How much did annotators differ, and how was that settled?")),
    Item("19", "Data partitions", "Assignment", "how samples came into each part", model.partition),
    Item("20", "Data partitions", "Disjoint level", "patient, series or image", model.disjoint),
    Item("21", "Testing data", "Sample size", "intended, and how it was found", results.size),
)  # fmt: skip

_MODEL = (
    Item("22", "Model", "Architecture", "inputs, layers, outputs", model.architecture),
    Item("23", "Model", "Software", "libraries and versions", model.software),
    Item("24", "Model", "Initial weights", "random or pretrained, and from where", model.initial_weights),
    Item("25", "Training", "Approach", "procedure, augmentation, settings", model.training),
    Item("26", "Training", "Selection", "how the final model was chosen", model.selection),
    Item("27", "Training", "Ensembles", "members and how they are joined", model.ensemble),
    Item("28", "Evaluation", "Measures", "of performance", results.measures),
    Item("29", "Evaluation", "Uncertainty", "intervals and tests", results.uncertainty),
    Item("30", "Evaluation", "Robustness", "or sensitivity analysis", _robustness),
    Item("31", "Evaluation", "Explanation", "methods, and whether they were checked", results.explained),
    Item("32", "Evaluation", "Internal data", "testing on data of the same origin", results.internal),
    Item("33", "Evaluation", "External data", "testing on data from elsewhere", results.external),
    Item("34", "Evaluation", "Trial registration", "if it is a trial", ask("If this was a trial, where was it registered?")),
)  # fmt: skip

_RESULTS = (
    Item("35", "Results", "Flow", "patients and images included and excluded", data.flow_of_patients),
    Item("36", "Results", "Characteristics", "of patients in each part", data.characteristics),
    Item("37", "Results", "Performance", "on all parts and groups, with uncertainty", results.performance),
    Item("38", "Results", "Precision", "estimates of diagnostic performance with intervals", results.internal),
    Item("39", "Results", "Failures", "analysis of wrong results", results.errors),
    Item("40", "Discussion", "Limitations", "of the study", results.limitations),
    Item("41", "Discussion", "Implications", "for practice", ask("What follows for practice, and what stands in the way?")),
    Item("42", "Other information", "Protocol", "or further technical details", ask("Where are the full protocol and further details?")),
    Item("43", "Other information", "Availability", "of software, model and data", model.whole_model),
    Item("44", "Other information", "Funding", "and the role of funders", ask("Who paid for the study, and which part did they have in it?")),
)  # fmt: skip

ITEMS = (*_FRONT, *_DATA, *_MODEL, *_RESULTS)
