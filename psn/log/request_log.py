"""The attributes of a request and of a reply as the syslog shows them: ``NAS-Port-Type=Ethernet, ...``.

Names and values come from the dictionary, but for the few that ISE spells in its own way. Credentials never appear.
Rendering is on the hot path, hence the table of renderers by type and the memory of attributes that devices repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from socket import inet_ntoa

from nac.syslog import escape
from radius import attribute
from radius.dictionary import DataType, Dictionary
from radius.packet import Attribute

_OWN_NAMES = {
    attribute.CALLED_STATION_ID: "Called-Station-ID",
    attribute.CALLING_STATION_ID: "Calling-Station-ID",
    attribute.FILTER_ID: "Filter-ID",
    attribute.CISCO_AVPAIR: "cisco-av-pair",
}
_UNSHOWN = frozenset(
    {
        attribute.USER_PASSWORD,
        attribute.CHAP_PASSWORD,
        attribute.CHAP_CHALLENGE,
        attribute.MS_CHAP_CHALLENGE,
        attribute.MS_CHAP_RESPONSE,
        attribute.MS_CHAP2_RESPONSE,
        attribute.EAP_MESSAGE,
        attribute.MESSAGE_AUTHENTICATOR,
        attribute.PROXY_STATE,
    }
)
_RECURRING = frozenset(
    {
        attribute.USER_NAME,
        attribute.CALLING_STATION_ID,
        attribute.CISCO_AVPAIR,
        attribute.ACCT_SESSION_ID,
        attribute.NAS_IP_ADDRESS,
        attribute.NAS_PORT,
        attribute.SERVICE_TYPE,
        attribute.FRAMED_MTU,
        attribute.CALLED_STATION_ID,
        attribute.NAS_IDENTIFIER,
        attribute.NAS_PORT_TYPE,
        attribute.NAS_PORT_ID,
        attribute.ACCT_STATUS_TYPE,
        attribute.ACCT_DELAY_TIME,
        attribute.ACCT_AUTHENTIC,
        attribute.ACCT_TERMINATE_CAUSE,
    }
)
"""Types whose values come again, with every re-authentication or interim, so that remembering them pays."""
_REMEMBERED = 16_384
"""Values of one type; a few megabytes in all."""

_Render = Callable[[bytes], str]


class RequestLog:
    """Renders request attributes; one for each node."""

    __slots__ = ("_renderers",)

    def __init__(self, dictionary: Dictionary) -> None:
        """Start with nothing remembered."""
        self._renderers = _Renderers(dictionary)

    def render(self, attributes: Iterable[Attribute]) -> str:
        """Render all attributes that may be shown, each followed by a comma and a blank."""
        renderers = self._renderers
        return "".join([renderers[type_](value) for type_, value in attributes])


class _Renderers(dict[int, _Render]):
    """How the values of a type are shown, chosen when the type is first met; at most as many as there are types."""

    def __init__(self, dictionary: Dictionary) -> None:
        super().__init__()
        self._dictionary = dictionary

    def __missing__(self, type_: int) -> _Render:
        render = _choose_renderer(self._dictionary, type_)
        if type_ in _RECURRING:
            render = _Remembered(render).__getitem__
        if len(self) >= _REMEMBERED:
            self.clear()
        self[type_] = render
        return render


class _Remembered(dict[bytes, str]):
    """Shown values of one type, forgotten together when there are too many."""

    def __init__(self, render: _Render) -> None:
        super().__init__()
        self._render = render

    def __missing__(self, value: bytes) -> str:
        if len(self) >= _REMEMBERED:
            self.clear()
        shown = self[value] = self._render(value)
        return shown


def render_attribute(dictionary: Dictionary, found: Attribute) -> str:
    """Render one attribute as ``Name=value``."""
    return f"{_name(dictionary, found[0])}={escape(dictionary.render(*found))}"


def _name(dictionary: Dictionary, type_: int) -> str:
    """Name a type as the log does; an unknown one as ``undefined-200``."""
    if type_ in _OWN_NAMES:
        return _OWN_NAMES[type_]
    definition = dictionary.by_type.get(type_)
    return definition.name if definition is not None else f"undefined-{type_ & 255}"


def _choose_renderer(dictionary: Dictionary, type_: int) -> _Render:
    """Choose how values of one type are shown; the common kinds have a short way."""
    if type_ in _UNSHOWN:
        return lambda _value: ""
    prefix = f"{_name(dictionary, type_)}="
    definition = dictionary.by_type.get(type_)
    if definition is not None and not definition.tagged and not definition.secret:
        if definition.data_type is DataType.STRING:
            return lambda value: f"{prefix}{escape(value.decode('utf-8', 'replace'))}, "
        if definition.data_type is DataType.IPADDR:
            return lambda value: f"{prefix}{inet_ntoa(value) if len(value) == 4 else f'0x{value.hex()}'}, "
        if definition.data_type is DataType.INTEGER and not definition.values:
            return lambda value: f"{prefix}{int.from_bytes(value, 'big') if len(value) == 4 else f'0x{value.hex()}'}, "
    return lambda value: f"{prefix}{escape(dictionary.render(type_, value))}, "
