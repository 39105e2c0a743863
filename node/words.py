"""What codes mean, in words for people who do not know the code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ledger.case.plane import VoidReason

#: Why an event has no effect.
VOID_WORDS: Mapping[str, str] = {
    VoidReason.NOT_PARTY: "that country is no party to the case",
    VoidReason.WRONG_COUNTRY: "another country has to take this step",
    VoidReason.WRONG_STATE: "another step had come first",
    VoidReason.CASE_NOT_OPEN: "the case is not open",
    VoidReason.NOT_READY: "the case was not ready to be handed over",
    VoidReason.NO_BASIS: "no consent in force permitted it",
    VoidReason.UNSEEN_PROTECTION: "decided without knowing that permission had been taken back",
    VoidReason.HANDOFF_OPEN: "another handoff was still open",
    VoidReason.NOT_MISSING: "the child was not reported missing",
    VoidReason.UNKNOWN_VERSION: "there is no such earlier event to correct",
    VoidReason.NO_KEY_OFFERED: "the receiver had offered no key for it",
    VoidReason.STALE_EPOCH: "keys of that epoch are shared no longer",
    VoidReason.UNREADABLE: "its bytes are no event",
    VoidReason.WRONG_TOPIC: "it may not stand on this topic",
    VoidReason.WRONG_CASE: "what is about the ledger stands in the register, and nothing else",
    VoidReason.NOT_CONFIRMED: "not both sides have confirmed that it is the same child",
}


@cache
def _country_names() -> Mapping[str, str]:
    text = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text()
    lines = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return {code: name for code, name, *_ in lines}


def country_name(code: str) -> str:
    """Return the English name of a country."""
    return _country_names().get(code, code)


def said(summary: Mapping[str, Any]) -> str:
    """Return what an event says beyond its stamp, on one line."""
    return " ".join(f"{name}={_value(value)}" for name, value in summary.items())


def _value(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
