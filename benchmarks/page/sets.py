"""The data sets on the pages: a title, the digits of a score, and what the set is."""

MULAN_SETS = {
    "scpf": (
        "Complaints to cities",
        3,
        "Mulan's scpf: 3 counts of 1,137 complaints.",
    ),
    "atp7d": ("Air fares", 3, "Mulan's atp7d: 6 fares on 296 days; 411 features."),
    "oes10": ("Employment", 3, "Mulan's oes10: 16 jobs in 403 cities; 298 features."),
    "edm": ("Spark erosion", 3, "Mulan's edm: 2 settings of a machine, 154 rows; 16 features."),
    "slump": ("Concrete", 3, "Mulan's slump: 3 properties of 103 samples; 7 features."),
    "andro": ("Water quality", 3, "Mulan's andro: 6 measures of sea water, 49 rows; 30 features."),
}
FURTHER_SETS = {
    "star": ("STAR", 3, "AER's STAR: eight scores of 10,786 pupils over four years."),
    "randhie": (
        "RandHIE",
        3,
        "RAND's health insurance experiment: nine logarithms of costs and visits in 20,190 years "
        "of persons. All years of a person are in one part.",
    ),
    "minneapolis_stops": (
        "Stops",
        3,
        "carData's MplsStops: what the police did at 51,920 stops, the later ones to test.",
    ),
    "nmes1988": (
        "NMES1988",
        3,
        "AER's NMES1988: six logarithms of counts of treatments, and the health of 4,406 persons.",
    ),
    "loans": ("Loans", 3, "openintro's loans: rate, grade and status of 10,000 loans."),
    "many_labels": ("Many labels", 3, "Generated: 14 labels of 7,500 rows; 103 features."),
    "polynomials": (
        "Polynomials",
        3,
        "Generated after MultiTab (AAAI 2026): eight polynomials of degrees 1 to 3, 15,000 rows; "
        "50 features.",
    ),
    "linnerud": ("Linnerud", 3, "scikit-learn's: three measures of 20 men, by three exercises."),
}
DATA_SETS = {
    "nhefs": (
        "NHEFS",
        3,
        "1,140 persons to train on, 489 to test; 46 features. These tasks are hard to predict, "
        "and easy to overfit.",
    ),
    "support2": (
        "SUPPORT2",
        3,
        "6,373 seriously ill patients to train on, 2,732 to test; 29 features.",
    ),
    "rf1": (
        "River flow",
        3,
        "Eight gauges' flow 48 hours ahead, in R²; 4,108 hours to train on, 5,017 later ones to "
        "test, with floods that the earlier ones did not have; 64 features.",
    ),
    "tox21": (
        "Tox21",
        3,
        "Twelve assays of toxicity, in AUC; 6,404 molecules to train on, 1,602 to test; 217 "
        "descriptors by RDKit.",
    ),
    "synthetic_mixed": (
        "Synthetic, mixed",
        3,
        "10,000 rows to train on, 5,000 to test; 10 numbers and 4 categories with interactions, "
        "a tenth of the cells and 30 % of the labels missing.",
    ),
    "synthetic_sinusoids": (
        "Synthetic, sinusoids",
        3,
        "Two related regressions after the MMoE paper, in R²; 20,000 rows to train on, 10,000 to "
        "test; 100 features.",
    ),
    "census": (
        "Census-Income",
        4,
        "In AUC; 66,508 rows to train on, 33,254 to test; 39 features.",
    ),
    "census_no_education": (
        "Census-Income without education",
        4,
        "The same, without education as a feature, as in the papers.",
    ),
    "users_items": (
        "Users and items",
        3,
        "40,000 generated impressions to train on, 20,000 to test; 8 features, among them ids of "
        "users and items.",
    ),
}
