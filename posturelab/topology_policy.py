"""The policy part of a topology: users, downloadable ACLs, authorization profiles and rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, Field, Tag

from posturelab.document import Entry
from posturelab.duration import Duration
from posturelab.topology_values import ONE_OR_MANY, AclLine, Text
from psn.authorization import WORDS, UnknownConditionError
from psn.config import AuthorizationProfile, AuthorizationRule, Condition, Dacl, Redirect, User
from radius import dictionary

DACL_VERSION = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
"""When every downloadable ACL of a lab was last changed: their full names are the same in every run."""

PORTAL = "97586d24-5718-5d6f-933c-218d0b3185db"
"""Id of the client provisioning portal."""


def _read_condition(attribute: str) -> str:
    kind, _, key = attribute.partition(":")
    if attribute in WORDS or (kind == "session" and key):
        return attribute
    if kind == "radius" and dictionary.load().find(key) is not None:
        return attribute
    raise UnknownConditionError(attribute)


Word = Annotated[str, AfterValidator(_read_condition)]
"""What a rule may ask for."""

Words = Annotated[Annotated[Text, Tag("one")] | Annotated[tuple[Text, ...], Tag("many")], ONE_OR_MANY]


class UserEntry(Entry):
    """A user of the internal store."""

    password: Text = Field(repr=False)
    groups: tuple[Text, ...] = ()
    enabled: bool = True

    def build(self, name: str) -> User:
        """Build the user as a policy service node is told of it."""
        return User(name=name, password=self.password, groups=self.groups, enabled=self.enabled)


class RedirectEntry(Entry):
    """A web redirection to this lab's portal."""

    acl: Text
    portal: Text = PORTAL
    action: Text = "cpp"
    host: str = ""


class ProfileEntry(Entry):
    """An authorization profile."""

    accept: bool = True
    dacl: Text | None = None
    redirect: RedirectEntry | None = None
    session_timeout: Duration | None = None
    idle_timeout: Duration | None = None
    keep_connectivity: bool = True
    vlan: Text | None = None
    filter_id: Text | None = None
    airespace_acl: Text | None = None

    def build(self, name: str) -> AuthorizationProfile:
        """Build the profile as a policy service node is told of it."""
        redirect = self.redirect and Redirect(**dict(self.redirect))
        return AuthorizationProfile(name=name, **(dict(self) | {"redirect": redirect}))


class RuleEntry(Entry):
    """A line of the authorization policy; `when` and `unless` name the words of `psn.authorization`."""

    name: Text
    profile: Text
    when: dict[Word, Words] = Field(default_factory=dict)
    unless: dict[Word, Words] = Field(default_factory=dict)

    def build(self) -> AuthorizationRule:
        """Build the rule as a policy service node is told of it."""
        conditions = [
            Condition(attribute=attribute, values=(words,) if isinstance(words, str) else words, negated=negated)
            for tests, negated in ((self.when, False), (self.unless, True))
            for attribute, words in tests.items()
        ]
        return AuthorizationRule(name=self.name, profile=self.profile, conditions=tuple(conditions))


class PolicyEntry(Entry):
    """The policy set of a deployment."""

    dacls: dict[Text, tuple[AclLine, ...]] = Field(default_factory=dict)
    profiles: dict[Text, ProfileEntry] = Field(default_factory=dict)
    rules: tuple[RuleEntry, ...] = ()

    def build_dacls(self) -> dict[str, Dacl]:
        """Build the downloadable ACLs by name."""
        return {name: Dacl(name=name, lines=lines, version=DACL_VERSION) for name, lines in self.dacls.items()}
