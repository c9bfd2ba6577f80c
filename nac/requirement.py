"""What posture asks of an endpoint: the vocabulary that policy, wire format and agent share.

The kinds of requirement are the public ones (posture.md 5.1). Checks are the lab's own, over the inventory of an
emulated endpoint; what real agents look for is not the lab's subject.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")
MAXIMUM_DAYS = 3650


class Category(Enum):
    """What a check looks at. The first five are kinds of products, the others single things."""

    ANTIVIRUS = "antivirus"
    ANTISPYWARE = "antispyware"
    FIREWALL = "firewall"
    DISK_ENCRYPTION = "disk-encryption"
    PATCH_MANAGEMENT = "patch-management"
    FILE = "file"
    SERVICE = "service"
    PATCH = "patch"


class Operation(Enum):
    """What a check asks. Products, files and patches exist, products and services run, definitions are recent."""

    EXISTS = "exists"
    RUNNING = "running"
    WITHIN_DAYS = "within-days"


class RequirementKind(Enum):
    """What a failure means: NonCompliant; nothing, and the user sees it; nothing, and nobody sees it."""

    MANDATORY = "Mandatory"
    OPTIONAL = "Optional"
    AUDIT = "Audit"


class Outcome(Enum):
    """How a check or a requirement ended, in the words of a posture report."""

    PASSED = "Passed"
    FAILED = "Failed"
    SKIPPED = "Skipped"


_PRODUCT = frozenset({Operation.EXISTS, Operation.RUNNING})
_PROTECTION = _PRODUCT | {Operation.WITHIN_DAYS}
_OPERATIONS: dict[Category, frozenset[Operation]] = {
    Category.ANTIVIRUS: _PROTECTION,
    Category.ANTISPYWARE: _PROTECTION,
    Category.FIREWALL: _PRODUCT,
    Category.DISK_ENCRYPTION: _PRODUCT,
    Category.PATCH_MANAGEMENT: _PRODUCT,
    Category.FILE: frozenset({Operation.EXISTS}),
    Category.SERVICE: frozenset({Operation.RUNNING}),
    Category.PATCH: frozenset({Operation.EXISTS}),
}
_NAMED_THINGS = frozenset({Category.FILE, Category.SERVICE, Category.PATCH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One condition. `parameter`: a product (empty: any of its category), a path, a service, a patch, days."""

    name: str
    category: Category
    operation: Operation
    parameter: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be asked; raises `ValueError`."""
        verify_name("check", self.name)
        if self.operation not in _OPERATIONS[self.category]:
            raise ValueError(f"check {self.name!r}: {self.category.value} has no {self.operation.value!r}")
        if self.operation is Operation.WITHIN_DAYS:
            self._verify_days()
        elif self.category in _NAMED_THINGS and not self.parameter:
            raise ValueError(f"check {self.name!r}: say which {self.category.value}")

    def _verify_days(self) -> None:
        text = self.parameter
        if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= MAXIMUM_DAYS):
            raise ValueError(f"check {self.name!r}: {text!r} is not a number of days from 0 to {MAXIMUM_DAYS}")

    @property
    def maximum_age(self) -> timedelta:
        """The age that definitions may have; only a check of `Operation.WITHIN_DAYS` has one."""
        return timedelta(days=int(self.parameter))


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """Checks that must all pass, what their failure means, and what the user is told to do then."""

    name: str
    checks: tuple[Check, ...]
    kind: RequirementKind = RequirementKind.MANDATORY
    remediation: str = ""

    def __post_init__(self) -> None:
        """Refuse a requirement that could not be reported; raises `ValueError`."""
        verify_name("requirement", self.name)
        names = [check.name for check in self.checks]
        if not names:
            raise ValueError(f"requirement {self.name!r} has no checks")
        if len(set(names)) < len(names):
            raise ValueError(f"requirement {self.name!r} has two checks of one name")


def verify_name(what: str, name: str) -> None:
    """Refuse a name that the punctuation of a posture report would break; raises `ValueError`."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what} name {name!r}: use up to 100 letters, digits, blanks, dots, underscores and hyphens")
