"""Fixtures of all tests."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings

# A slow machine is no defect, and a run that fails can be repeated. Explaining a failure takes minutes.
PHASES = [Phase.explicit, Phase.generate, Phase.shrink]
settings.register_profile("repeatable", deadline=None, derandomize=True, phases=PHASES)
settings.load_profile("repeatable")


@pytest.fixture(params=["in-memory", "streaming"])
def engine(request: pytest.FixtureRequest) -> str:
    """Both engines that can run a plugin."""
    return request.param
