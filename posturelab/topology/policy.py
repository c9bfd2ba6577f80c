"""The policy part of a topology: users, downloadable ACLs, authorization profiles and rules."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, Tag

from posturelab.reading.document import Entry, suggest
from posturelab.reading.duration import Duration
from posturelab.topology.values import ONE_OR_MANY, AclLine, Text, lasting
from psn.authorization import RADIUS_PREFIX, verify_word
from psn.config import AuthorizationProfile, AuthorizationRule, Condition, Dacl, Redirect, User
from radius import attribute
from radius.dictionary import DataType, Definition, load_default
from radius.packet import Attribute

DACL_VERSION = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
"""When every downloadable ACL of a lab was last changed: their full names are the same in every run."""

PORTAL = "97586d24-5718-5d6f-933c-218d0b3185db"
"""Id of the client provisioning portal."""


_OWN_ATTRIBUTES = frozenset(
    {
        attribute.USER_NAME,
        attribute.STATE,
        attribute.CLASS,
        attribute.EAP_MESSAGE,
        attribute.MESSAGE_AUTHENTICATOR,
        attribute.PROXY_STATE,
    }
)
"""What every policy service node puts into its replies itself."""


def _read_condition(word: str) -> str:
    if word.startswith(RADIUS_PREFIX):
        _get_definition(word.removeprefix(RADIUS_PREFIX))
    return verify_word(word, load_default())


def _get_definition(name: str) -> Definition:
    known = load_default()
    definition = known.find(name)
    if definition is None:
        hint = suggest(name, [other.name for other in known.by_type.values()])
        raise ValueError(f"no dictionary knows the attribute {name!r}{hint}")
    return definition


def _read_attribute_name(name: str) -> str:
    definition = _get_definition(name)
    if definition.secret or definition.type in _OWN_ATTRIBUTES:
        raise ValueError(f"{definition.name} is not for profiles: the policy service node itself sets or encrypts it")
    return name


def _render_numbers(values: Any) -> Any:
    """Write as text the numbers of RADIUS attributes that hold numbers.

    Anywhere else a number stays one and is refused: it may stand for a text that began with zeros.
    """
    if not isinstance(values, dict):
        return values
    return {name: _render_number(name.removeprefix(RADIUS_PREFIX), value) for name, value in values.items()}


def _render_number(name: str, value: Any) -> Any:
    many = tuple(value) if isinstance(value, list) else (value,)
    if any(type(one) is int for one in many):
        definition = load_default().find(name)
        if definition is not None and definition.data_type in (DataType.INTEGER, DataType.DATE):
            many = tuple(str(one) if type(one) is int else one for one in many)
    return many if isinstance(value, list) else many[0]


Word = Annotated[str, AfterValidator(_read_condition)]
"""What a rule may ask for."""

AttributeName = Annotated[str, AfterValidator(_read_attribute_name)]
"""An attribute that a profile may add, by its name in the dictionary."""

Words = Annotated[Annotated[Text, Tag("one")] | Annotated[tuple[Text, ...], Tag("many")], ONE_OR_MANY]

Conditions = Annotated[dict[Word, Words], BeforeValidator(_render_numbers)]
"""Words of a rule with the values it asks for."""

AttributeValues = Annotated[dict[AttributeName, Words], BeforeValidator(_render_numbers)]
"""Attributes of a profile with their values."""


def encode_attribute_values(name: str, values: str | tuple[str, ...]) -> list[Attribute]:
    """Encode one value or several of an attribute; raises `ValueError` where one does not fit the data type."""
    known = load_default()
    return [known.encode_value(name, value) for value in ((values,) if isinstance(values, str) else values)]


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
    session_timeout: Annotated[Duration, lasting("1s", "3650d")] | None = None
    idle_timeout: Annotated[Duration, lasting("1s", "3650d")] | None = None
    keep_connectivity: bool = True
    vlan: Text | None = None
    filter_id: Text | None = None
    airespace_acl: Text | None = None
    attributes: AttributeValues = Field(default_factory=dict)
    """Further attributes of the Access-Accept, in this order."""

    def build(self, name: str) -> AuthorizationProfile:
        """Build the profile as a policy service node is told of it; raises as `encode_attribute_values` does."""
        redirect = self.redirect and Redirect(**dict(self.redirect))
        attributes = tuple(
            encoded for key, values in self.attributes.items() for encoded in encode_attribute_values(key, values)
        )
        return AuthorizationProfile(name=name, **(dict(self) | {"redirect": redirect, "attributes": attributes}))


class RuleEntry(Entry):
    """A line of the authorization policy; `when` and `unless` name the words of `psn.authorization`."""

    name: Text
    profile: Text
    when: Conditions = Field(default_factory=dict)
    unless: Conditions = Field(default_factory=dict)

    def build(self) -> AuthorizationRule:
        """Build the rule as a policy service node is told of it."""
        conditions = [
            Condition(attribute=word, values=(values,) if isinstance(values, str) else values, negated=negated)
            for tests, negated in ((self.when, False), (self.unless, True))
            for word, values in tests.items()
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
