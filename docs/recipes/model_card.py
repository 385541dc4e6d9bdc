"""Write a model card, as the Hugging Face Hub shows it, by skops."""

from importlib.metadata import version

from skops.card import Card

from sklearn_ple.inspection import TrainingHistoryDisplay
from sklearn_ple.metrics import metric_name, multitask_scores

HEAD = """---
library_name: sklearn-ple
tags: [tabular, multi-task]
---

"""
LOADING = """```python
from sklearn_ple.export import load  # sklearn-ple {version}

model = load("model.safetensors")
```"""


def write_card(model, X_test, y_test, folder, *, description, limitations):
    """Write README.md and a picture into a folder; return the card."""
    card = Card(model)
    loading = LOADING.format(version=version("sklearn-ple"))
    card.add(
        **{
            "Model description": description,
            "Model description/Intended uses & limitations": limitations,
            "How to Get Started with the Model": loading,
        }
    )
    metrics = {task.name: metric_name(task.metric) for task in model.tasks_}
    scores = {
        f"{task}: {metrics[task]}": round(score, 4)
        for task, score in multitask_scores(model, X_test, y_test).items()
    }
    card.add_metrics(**scores)
    history = TrainingHistoryDisplay.from_estimator(model)
    history.figure_.savefig(folder / "history.png")
    card.add_plot(**{"Model description/Training": "history.png"})
    text = HEAD + card.render()
    (folder / "README.md").write_text(text, encoding="utf-8")
    return card
