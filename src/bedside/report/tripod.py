"""TRIPOD+AI: 27 items, 52 with their parts, for studies that make or test a prediction model.

Numbers and topics are those of Collins et al. 2024, doi:10.1136/bmj-2023-078378; what each asks is said in our words, and
the statement has the full wording. https://www.tripod-statement.org
"""

from bedside.report import answers_data as data
from bedside.report import answers_model as model
from bedside.report import answers_results as results
from bedside.report.answers import Item, ask

NAME, SOURCE = "TRIPOD+AI", "Collins et al. 2024, doi:10.1136/bmj-2023-078378"

_FRONT = (
    Item("1", "Title", "Title", "making or testing a model, for whom, of which outcome", ask("Does the title say that a prediction model is made or tested, for which patients and which outcome?")),
    Item("2", "Abstract", "Abstract", "the summary that TRIPOD+AI for Abstracts asks for", ask("Does the abstract follow TRIPOD+AI for Abstracts?")),
    Item("3a", "Introduction", "Background", "medical context, reason for the model, earlier models", ask("Is this diagnosis or prognosis, why is a model needed, and which models exist?")),
    Item("3b", "Introduction", "Background", "target patients, purpose in the path of care, users", ask("For which patients, at which moment of care and for whose use is the model meant?")),
    Item("3c", "Introduction", "Background", "known inequalities between groups of people", ask("Which inequalities of health between groups are known here?")),
    Item("4", "Introduction", "Objectives", "aims: to make, to test, or both", ask("Was the aim to make a model, to test one, or both?")),
)  # fmt: skip

_METHODS = (
    Item("5a", "Methods", "Data", "sources for making and testing, why these, whom they represent", data.source),
    Item("5b", "Methods", "Data", "dates of collection and of follow-up", data.dates),
    Item("6a", "Methods", "Participants", "setting, number and place of centres", data.setting),
    Item("6b", "Methods", "Participants", "who could take part", data.eligibility),
    Item("6c", "Methods", "Participants", "treatments and how they were handled", ask("Which treatments did the patients receive, and how were these handled?")),
    Item("7", "Methods", "Data preparation", "processing and checks of quality, alike for all groups or not", data.preparation),
    Item("8a", "Methods", "Outcome", "definition, time horizon, assessment, reason, alike for all groups or not", data.outcome),
    Item("8b", "Methods", "Outcome", "who judged, if judging was subjective", ask("If somebody had to judge the outcome: who, with which qualification?")),
    Item("8c", "Methods", "Outcome", "blinding of that judgement", ask("Did those who assessed the outcome know the predictors?")),
    Item("9a", "Methods", "Predictors", "which were considered first, and any choice before modelling", data.choice_of_predictors),
    Item("9b", "Methods", "Predictors", "definition, time and way of measurement, blinding", data.definition_of_predictors),
    Item("9c", "Methods", "Predictors", "who judged, if judging was subjective", ask("If somebody had to judge a predictor: who, with which qualification?")),
    Item("10", "Methods", "Sample size", "how it came about, and whether it suffices", results.size),
    Item("11", "Methods", "Missing data", "how they were handled, reasons for leaving data out", data.missing),
    Item("12a", "Methods", "Analytical methods", "how the data were used and divided", model.partition),
    Item("12b", "Methods", "Analytical methods", "how predictors were transformed", model.handling),
    Item("12c", "Methods", "Analytical methods", "type of model, reason, steps, tuning, internal validation", model.model),
    Item("12d", "Methods", "Analytical methods", "differences between clusters such as hospitals", results.clusters),
    Item("12e", "Methods", "Analytical methods", "measures and plots of performance, and why; comparison of models", results.measures),
    Item("12f", "Methods", "Analytical methods", "updating of a model after testing it", model.no_update),
    Item("12g", "Methods", "Analytical methods", "how the predictions were calculated", model.calculation),
    Item("13", "Methods", "Class imbalance", "methods against it, why, recalibration afterwards", model.imbalance),
    Item("14", "Methods", "Fairness", "approaches to fairness and their reasons", results.fairness),
    Item("15", "Methods", "Model output", "what it gives; thresholds, how and why", model.output),
    Item("16", "Methods", "Training versus evaluation", "differences between the data of both", data.same_source),
    Item("17", "Methods", "Ethical approval", "committee, and consent or its waiver", ask("Which committee approved the study, and did the patients consent or was consent waived?")),
)  # fmt: skip

_OPEN = (
    Item("18a", "Open science", "Funding", "source and role of funders", ask("Who paid for the study, and which part did they have in it?")),
    Item("18b", "Open science", "Conflicts of interest", "of all authors", ask("Which interests do the authors declare?")),
    Item("18c", "Open science", "Protocol", "where it is, or that there is none", ask("Where is the protocol, or was none written?")),
    Item("18d", "Open science", "Registration", "register and number, or that there is none", ask("Where was the study registered, under which number, or was it not?")),
    Item("18e", "Open science", "Data sharing", "availability of the data", model.data_sharing),
    Item("18f", "Open science", "Code sharing", "availability of the code", model.code_sharing),
    Item("19", "Patient and public involvement", "Patient and public involvement", "at any stage, or none", ask("Did patients or the public take part in the study, and how, or did they not?")),
)  # fmt: skip

_RESULTS = (
    Item("20a", "Results", "Participants", "flow, with and without the outcome, follow-up", data.flow_of_patients),
    Item("20b", "Results", "Participants", "characteristics, missing data, differences between groups", data.characteristics),
    Item("20c", "Results", "Participants", "test patients beside those of training", data.compared_parts),
    Item("21", "Results", "Model development", "patients and events in each analysis", data.numbers_per_analysis),
    Item("22", "Results", "Model specification", "the whole model, so that others can use it, and on which terms", model.whole_model),
    Item("23a", "Results", "Model performance", "estimates with intervals, key groups too", results.performance),
    Item("23b", "Results", "Model performance", "differences between clusters, if examined", results.heterogeneity),
    Item("24", "Results", "Model updating", "results of any updating", model.no_update),
    Item("25", "Discussion", "Interpretation", "of the main results, with fairness and earlier studies", results.interpretation),
    Item("26", "Discussion", "Limitations", "and what they mean for bias, uncertainty and other patients", results.limitations),
    Item("27a", "Discussion", "Usability", "input of poor quality or missing, at the bedside", model.poor_input),
    Item("27b", "Discussion", "Usability", "what users have to do and know", ask("Do users handle the input or the model, and what must they know for that?")),
    Item("27c", "Discussion", "Usability", "next steps, for use and for other patients", ask("What should be studied next before anybody uses the model?")),
)  # fmt: skip

ITEMS = (*_FRONT, *_METHODS, *_OPEN, *_RESULTS)
