"""What holds for all tests: examples of hypothesis are never timed, because these machines are shared."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("lab", deadline=None)
settings.load_profile("lab")
