"""The examples in the docstrings are run as they stand."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import polars as pl
import polars_corrset
import polars_corrset.plot
import pytest

MODULES = [
    polars_corrset.__name__,
    *(
        module.name
        for module in pkgutil.walk_packages(polars_corrset.__path__, f"{polars_corrset.__name__}.")
        if not module.name.endswith("_internal")
    ),
]


def examples(module: str) -> list[doctest.DocTest]:
    """The docstrings of a module that have examples."""
    finder = doctest.DocTestFinder(exclude_empty=True)
    return [test for test in finder.find(importlib.import_module(module)) if test.examples]


@pytest.mark.parametrize("module", MODULES)
def test_docstrings(module: str) -> None:
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    with pl.Config(restore_defaults=True):
        for test in examples(module):
            runner.run(test, out=report.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(report)


PUBLIC = [*polars_corrset.__all__, *polars_corrset.plot.__all__]


@pytest.mark.parametrize("name", [name for name in PUBLIC if not name.startswith("__")])
def test_public_functions_have_examples(name: str) -> None:
    documented = {test.name for module in MODULES for test in examples(module)}
    assert any(one.endswith(f".{name}") for one in documented), documented
