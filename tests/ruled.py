"""The example packs, their directories, and providers who know their guidelines."""

from __future__ import annotations

from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from ledger.rules.directory import Listed, Situation
from ledger.rules.facts import Facts
from ledger.rules.pack import Ruled, load

TODAY = date(2026, 11, 26)
FOLDER = files("ledger.rules") / "packs"


@cache
def ruled(country: str = "KZ") -> Ruled:
    name = f"{country}.toml"
    return load((FOLDER / name).read_text(), name)


@cache
def listed(country: str = "KZ") -> Listed:
    name = f"{country}.directory.toml"
    return Listed.of((FOLDER / name).read_text(), name)


def services(*said: str, country: str = "KZ") -> Listed:
    """Return a directory of services, each as the lines that differ from a plain one."""
    plain = {
        "specialists": '["social_worker"]',
        "areas": f'["{country}/almaty"]',
        "languages": '["kk", "ru"]',
        "sexes": '["f", "m"]',
        "workers": "1",
    }
    text = f'country = "{country}"\nversion = 1\n'
    for one in said:
        service_id, *lines = (part.strip() for part in one.split(";"))
        given = dict(part.split("=", 1) for part in lines)
        fields: dict[str, Any] = {"organisation": f'"of-{service_id}"'} | plain | given
        text += f'\n[[service]]\nid = "{service_id}"\n'
        text += "".join(f"{name} = {value}\n" for name, value in fields.items())
    return Listed.of(text, "directory.toml")


def situation(directory: Listed, ruled: Ruled, **more: Any) -> Situation:
    """Return one in which every provider has acknowledged every guideline."""
    said = {
        (service.organisation, guideline): version
        for service in directory.services.values()
        for guideline, version in ruled.pack.versions.items()
    }
    return Situation(**{"today": TODAY, "acknowledged": said} | more)


def facts(**more: Any) -> Facts:
    """Return a girl of fourteen in Almaty, whose work is the concern."""
    return Facts(
        **{
            "today": TODAY,
            "concerns": ("child_labour",),
            "risk": "medium",
            "age": 14,
            "languages": ("ru", "ky"),
            "area": "KZ/almaty/almaly",
        }
        | more
    )
