"""Mutation testing: change the package at one place, and see whether its tests notice.

``tox -e mutation`` takes a sample of the places of every module in `TESTS` at which one of
cosmic-ray's operators applies, one change at each. A change is killed if a test of the module
fails or takes much too long. One that survives is a gap in the tests, unless it changes nothing
that a user could notice. Options follow ``--``::

    tox -e mutation -- --sample 10 --seed 1 sklearn_ple/members.py
    tox -e mutation -- sklearn_ple/members.py:69

The sources on disk stay as they are: each change is tested in a forked process, which imports
the module from the changed text.
"""

import argparse
import ast
import difflib
import os
import random
import signal
import sys
import time
from collections import defaultdict
from importlib.machinery import SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: The quick tests of every module that is changed; its docstrings' examples run besides.
TESTS = {
    "members.py": ["test_members.py"],
    "tasks/classes.py": [
        "tasks/test_tasks.py",
        "tasks/test_losses.py",
        "tasks/test_ordinal.py",
        "metrics/test_scores.py::test_labels_of_other_classes_are_the_rest",
    ],
    "tasks/concordance.py": ["tasks/test_concordance.py"],
    "tasks/constant.py": ["tasks/test_losses.py", "tasks/test_ordinal.py"],
    "tasks/huber.py": ["tasks/test_huber.py"],
    "tasks/hurdle.py": ["tasks/test_hurdle.py"],
    "tasks/losses.py": ["tasks/test_losses.py"],
    "tasks/numbers.py": ["tasks/test_tasks.py", "tasks/test_losses.py", "tasks/test_quantile.py"],
    "tasks/per_task.py": ["tasks/test_per_task.py"],
    "tasks/results.py": [
        "tasks/test_losses.py",
        "encoding/test_targets.py",
        "predictor/test_predictor.py",
        "predictions/test_intervals.py",
    ],
    "tasks/task.py": ["tasks/test_tasks.py", "tasks/test_losses.py"],
    "tasks/survival.py": ["tasks/test_survival.py"],
    "tasks/task_weights.py": ["tasks/test_task_weights.py"],
    "tasks/tweedie.py": ["tasks/test_tweedie.py"],
    "encoding/arrow.py": ["encoding/test_targets.py", "encoding/test_features.py"],
    "encoding/bins.py": ["encoding/test_bins.py"],
    "encoding/categories.py": ["encoding/test_categories.py", "encoding/test_features.py"],
    "encoding/dependence.py": ["encoding/test_dependence.py"],
    "encoding/encoder.py": [
        "encoding/test_targets.py",
        "encoding/test_features.py",
        "encoding/test_statistics.py",
        "streaming/test_statistics.py::test_numbers_are_those_of_rows_in_memory",
        "streaming/test_fit.py::test_bins_of_a_larger_table_are_those_of_a_sample",
        "test_invariance.py",
        "training/test_validation.py",
    ],
    "encoding/features.py": ["encoding/test_features.py"],
    "encoding/form.py": ["encoding/test_targets.py"],
    "encoding/frames.py": ["encoding/test_features.py"],
    "encoding/groups.py": ["model_selection/test_model_selection.py", "training/test_split.py"],
    "encoding/growth.py": ["test_growth.py"],
    "encoding/kinds.py": ["encoding/test_targets.py"],
    "encoding/labels.py": ["encoding/test_targets.py"],
    "encoding/masked.py": ["encoding/test_masked.py"],
    "encoding/mistakes.py": ["encoding/test_mistakes.py"],
    "encoding/numeric.py": ["encoding/test_numeric.py", "encoding/test_features.py"],
    "encoding/order.py": ["encoding/test_targets.py"],
    "encoding/reading.py": ["encoding/test_features.py"],
    "encoding/ridge.py": ["encoding/test_ridge.py"],
    "encoding/scaling.py": ["encoding/test_features.py"],
    "encoding/statistics.py": [
        "encoding/test_statistics.py",
        "streaming/test_statistics.py::test_numbers_are_those_of_rows_in_memory",
    ],
    "encoding/table.py": ["encoding/test_features.py"],
    "encoding/targets.py": ["encoding/test_targets.py"],
    "encoding/weights.py": ["encoding/test_weights.py"],
    "metrics/calibration.py": ["metrics/test_calibration.py"],
    "metrics/reading.py": ["metrics/test_scores.py"],
    "metrics/scorers.py": ["metrics/test_scores.py"],
    "metrics/scores.py": ["metrics/test_scores.py"],
    "metrics/views.py": ["metrics/test_scores.py"],
    "balancing/balancer.py": ["balancing/test_balancer.py"],
    "balancing/batch.py": ["balancing/test_methods.py"],
    "balancing/famo.py": ["balancing/test_methods.py"],
    "balancing/geometric.py": ["balancing/test_methods.py"],
    "balancing/gradients.py": [
        "balancing/test_methods.py",
        "test_invariance.py::test_the_order_of_tasks_does_not_count_in_the_balance_of_gradients",
    ],
    "balancing/lowest.py": ["balancing/test_methods.py"],
    "balancing/representation.py": [
        "balancing/test_methods.py",
        "test_invariance.py::test_the_order_of_tasks_does_not_count_in_the_balance_of_gradients",
    ],
    "balancing/uncertainty.py": ["balancing/test_methods.py"],
}


# -- changes --------------------------------------------------------------------------------------


def changed_texts(source, seed, line=0):
    """Generate the texts of a module that is changed at one place, in random order of the places.

    What is changed at a place depends on the seed and the place alone; a line other than 0 takes
    its places alone.
    """
    # Whatever else imports this file, such as the run of doctests, does without cosmic-ray.
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator, operator_names

    nodes = list(ast_nodes(get_ast(source)))
    changes = defaultdict(list)
    for operator in map(get_operator, operator_names()):
        if operator.arguments():
            continue
        places = (place for node in nodes for place in operator().mutation_positions(node))
        for occurrence, place in enumerate(places):
            if line in (0, place[0][0]):
                changes[place].append((operator, occurrence))
    for place in random.Random(seed).sample(sorted(changes), len(changes)):
        operator, occurrence = random.Random(f"{seed} {place}").choice(changes[place])
        text = mutate_code(source, operator(), occurrence)
        if text is not None and is_another_program(source, text):
            yield text


def is_another_program(source, text):
    """Whether a text that compiles differs from the source in more than annotations."""
    try:
        return without_annotations(source) != without_annotations(text)
    except SyntaxError:
        return False


def without_annotations(text):
    """Describe the program of a text, annotations left out."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for field in {"annotation", "returns"} & set(node._fields):
            setattr(node, field, None)
    return ast.dump(tree)


def describe(module, source, text):
    """Return the place and the lines before and after a change."""
    before, after = source.splitlines(), text.splitlines()
    blocks = difflib.SequenceMatcher(a=before, b=after, autojunk=False).get_opcodes()
    _, start, end, new_start, new_end = next(block for block in blocks if block[0] != "equal")
    parts = before[start:end], after[new_start:new_end]
    old, new = (" ".join(" ".join(part).split()) for part in parts)
    return f"{module}:{start + 1}\n    - {old}\n    + {new}"


# -- tests ----------------------------------------------------------------------------------------


class ChangedModule(SourceFileLoader):
    """Finds and loads one module of the package, from a text in place of its file."""

    def __init__(self, module, text):
        super().__init__(module.removesuffix(".py").replace("/", "."), str(ROOT / module))
        self.text = text

    def find_spec(self, name, path=None, target=None):
        return spec_from_file_location(name, self.path, loader=self) if name == self.name else None

    def get_code(self, fullname):
        return compile(self.text, self.path, "exec", dont_inherit=True)


def run_pytest(*arguments):
    """Run pytest in this process, up to the first failure and without a word."""
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    # To rewrite assertions, pytest would import modules that it is given from their files.
    options = ["--exitfirst", "--assert=plain", "-n", "0", "-p", "no:cacheprovider"]
    return int(pytest.main([*options, *arguments]))


def in_a_fork(function, *arguments, limit=0):
    """Call a function in a forked process, for so many seconds at most; return its result."""
    if process := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    signal.alarm(limit)
    try:
        os._exit(function(*arguments))
    finally:
        os._exit(1)


def passes(module, text, tests, limit=0):
    """Whether the tests pass where the module has another text."""

    def run():
        sys.meta_path.insert(0, ChangedModule(module, text))
        return run_pytest(*tests)

    return in_a_fork(run, limit=limit) == 0


def import_dependencies(tests):
    """Import all that the tests do, and forget what is the project's own.

    Forked processes then begin with the packages that take long.
    """
    streams = os.dup(1), os.dup(2)
    run_pytest("--collect-only", *tests)
    for number, stream in enumerate(streams, start=1):
        os.dup2(stream, number)
    for name in list(sys.modules):
        if name.partition(".")[0] in ("sklearn_ple", "tests"):
            del sys.modules[name]


def survivors(module, tests, options, line):
    """Print the changes of a module that survive; return the numbers of changes and survivors."""
    source = (ROOT / module).read_text(encoding="utf-8")
    start = time.perf_counter()
    assert passes(module, source, tests), f"{tests} fail without any change"
    duration = time.perf_counter() - start
    assert not passes(module, "raise ImportError", tests), f"{tests} do not import {module}"
    n_changes = n_survivors = 0
    for text in changed_texts(source, options.seed, line):
        if n_changes == options.sample:
            break
        n_changes += 1
        if passes(module, text, tests, limit=20 + round(5 * duration)):
            n_survivors += 1
            print(describe(module, source, text), flush=True)
    return n_changes, n_survivors


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="modules, or lines as module:line; all if none")
    parser.add_argument("--sample", type=int, default=30, help="changes of each module (30)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (0)")
    options = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    tests_of = {
        f"sklearn_ple/{module}": [f"sklearn_ple/{module}", *(f"tests/{test}" for test in tests)]
        for module, tests in TESTS.items()
    }
    chosen = [name.partition(":")[::2] for name in options.modules or tests_of]
    if unknown := [module for module, _ in chosen if module not in tests_of]:
        parser.error(f"{unknown} are not among {list(tests_of)}")
    import_dependencies(sorted({test for module, _ in chosen for test in tests_of[module]}))
    print(f"{'changes':>7} {'killed':>7} {'survived':>8}")
    counts = []
    for module, line in chosen:
        counts.append(survivors(module, tests_of[module], options, int(line or 0)))
        print_row(*counts[-1], f"{module}:{line}" if line else module)
    print_row(*map(sum, zip(*counts, strict=True)), "all")


def print_row(n_changes, n_survivors, name):
    print(f"{n_changes:7} {n_changes - n_survivors:7} {n_survivors:8}  {name}", flush=True)


if __name__ == "__main__":
    main()
