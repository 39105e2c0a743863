"""A receipt as one page: nothing to run, nothing to fetch, made for a printer and A4."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from importlib.resources import files
from pathlib import Path

from events.errors import BadInput
from node.receipt.facts import Facts, Given, Holder, Permission, Shown
from node.receipt.markup import block, document, pairs, section, table, tag
from node.receipt.texts import SOURCE, Texts, code_word, texts

#: Why there is release without consent, where no other reason is told (node/receipt/facts.py).
_TO_PROTECT = "to_protect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Printing:
    """When a receipt was made and by whom, as it was recorded, and the zone of its days."""

    at: datetime
    role: str
    #: None: it does not say where it was made, nor at what time (node/receipt/coarse.py).
    organisation: str | None
    zone: tzinfo


def page(facts: Facts, words: Texts, printing: Printing) -> str:
    """Return the receipt as one HTML document."""
    return _Page(facts, words, printing).document()


def write(text: str, path: Path) -> None:
    """Write a page to a file that only its owner reads; BadInput if that cannot be."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            os.fchmod(fd, 0o600)
            file.write(text)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}", rule="out") from None


class _Page:
    def __init__(self, facts: Facts, words: Texts, printing: Printing) -> None:
        self._facts = facts
        self._texts = words
        self._say = words.words
        self._printing = printing

    def document(self) -> str:
        style = (files("node.receipt") / "page.css").read_text(encoding="utf-8")
        body = (
            *self._head(),
            self._answers(),
            self._given(),
            *self._unused(),
            self._keys(),
            self._seen(),
            *self._emergencies(),
            *self._refused(),
            self._others(),
            self._meaning(),
            self._withdraw(),
            self._foot(),
        )
        return document(self._texts.language, self._say["title"], style, body)

    def _head(self) -> Iterable[str]:
        say = self._say
        yield tag("h1", say["title"])
        if not self._texts.is_reviewed:
            twice = (say["notice"], texts(SOURCE).words["notice"])
            yield block("div", (tag("p", one) for one in twice), "notice")
        said = (
            (say["case"], str(self._facts.case_id)),
            (say["printed_on"], self._made_at()),
            (say["printed_in"], self._texts.country(self._facts.country)),
        )
        yield pairs(said, "head")
        yield tag("p", say["about"])

    def _answers(self) -> str:
        facts, say = self._facts, self._say
        since = "" if facts.since is None else say["since"].format(day=self._day(facts.since))
        who = self._texts.country(facts.responsible) if facts.responsible else "–"
        return section(
            say["answers_title"],
            block("p", (tag("span", who), tag("small", since)), "big"),
            tag("p", say[f"case_{facts.state}"]),
        )

    def _given(self) -> str:
        say, title = self._say, self._say["given_title"]
        if not self._facts.given:
            return section(title, tag("p", say["given_none"]))
        return section(title, *map(self._card, self._facts.given))

    def _card(self, given: Given) -> str:
        say, permission = self._say, given.permission
        purpose = None if permission is None else permission.purpose
        said = (
            (say["kinds"], self._texts.kinds(given.scopes)),
            (say["given_on"], self._day(given.given_at)),
            (say["giver_country"], self._texts.country(given.origin)),
            (say["purpose"], self._purpose(purpose, given.handoff)),
            *(() if permission is None else self._permitted(permission)),
        )
        title = tag("h3", self._texts.country(given.recipient))
        now = pairs([(say["now"], " ".join(self._state(given)))], "now")
        return block("div", (title, pairs(said), now), "card")

    def _purpose(self, purpose: str | None, handoff: str | None) -> str:
        if purpose is None and handoff is not None:
            return self._texts.handoffs[handoff]
        return code_word(self._texts.purposes, purpose)

    def _permitted(self, permission: Permission) -> Iterable[tuple[str, str]]:
        say, until = self._say, self._day(permission.until)
        if not permission.is_in_force:
            until = say["permission_over"].format(day=until or "–")
        return (say["permission"], self._basis(permission)), (say["permission_until"], until)

    def _basis(self, permission: Permission) -> str:
        told, reasons = self._texts.permissions, self._texts.reasons
        if not permission.is_override:
            return code_word(told, permission.given_by)
        if permission.kind is None:
            return told["override_elsewhere"]
        if permission.kind == "legal_duty" and permission.reason not in reasons:
            return told["legal_duty"]
        reason = reasons.get(permission.reason or "", reasons[_TO_PROTECT])
        return told["override"].format(reason=reason)

    def _state(self, given: Given) -> Iterable[str]:
        say, ground = self._say, code_word(self._texts.grounds, given.ground)
        kept = {"day": self._day(given.until) or "–", "ground": ground}
        if given.state == "released":
            yield say["state_released"]
            if given.ground is not None:
                yield say["state_released_claimed"].format(**kept)
            return
        if given.state == "destroyed":
            yield self._dated("state_destroyed", given.destroyed_at)
            return
        yield self._dated("state_stopped", given.stopped_at)
        yield say["state_claimed"].format(**kept) if given.state == "claimed" else say["state_owed"]

    def _unused(self) -> Iterable[str]:
        if self._facts.unused:
            yield section(self._say["unused_title"], *map(self._unused_card, self._facts.unused))

    def _unused_card(self, permission: Permission) -> str:
        said = (
            (self._say["kinds"], self._texts.kinds(permission.scopes)),
            (self._say["purpose"], self._purpose(permission.purpose, None)),
            *self._permitted(permission),
        )
        title = tag("h3", self._texts.country(permission.recipient))
        return block("div", (title, pairs(said)), "card")

    def _keys(self) -> str:
        say = self._say
        rows = [(self._texts.country(one.country), self._holds(one)) for one in self._facts.holders]
        columns = ((say["country"], 26), (say["says"], 74))
        return section(say["keys_title"], tag("p", say["keys_about"]), table(columns, rows))

    def _holds(self, one: Holder) -> str:
        if one.state == "holds":
            return self._say[f"holds_{one.role}"]
        if one.state == "attested":
            return self._dated("holds_attested", one.backups_expire_on)
        ground = code_word(self._texts.grounds, one.ground)
        return self._say[f"holds_{one.state}"].format(day=self._day(one.until), ground=ground)

    def _seen(self) -> str:
        say, title = self._say, self._say["seen_title"]
        if not self._facts.shown:
            return section(title, tag("p", say["seen_none"]))
        columns = ((say["when"], 17), (say["who"], 30), (say["kinds"], 27), (say["purpose"], 26))
        rows = ((*self._entry(one), self._what_for(one)) for one in self._facts.shown)
        return section(title, table(columns, rows))

    def _entry(self, one: Shown) -> tuple[str, str, str]:
        who = "\n".join(self._who(one.role, one.organisation))
        at = self._of_month(one.month) if one.at is None else self._moment(one.at)
        return at, who, self._texts.kinds(one.scopes)

    def _who(self, role: str, organisation: str | None) -> tuple[str, ...]:
        if organisation is None:
            return (code_word(self._texts.groups, role),)
        return code_word(self._texts.roles, role), organisation

    def _what_for(self, one: Shown) -> str:
        purpose = code_word(self._texts.purposes, one.purpose)
        how = self._say.get(f"door_{one.door}", "")
        return f"{purpose}\n{how}" if how else purpose

    def _emergencies(self) -> Iterable[str]:
        say = self._say
        columns = (
            (say["when"], 17),
            (say["who"], 26),
            (say["kinds"], 21),
            (say["open_until"], 16),
            (say["looked_at"], 20),
        )
        rows = [
            (*self._entry(one), self._moment(one.until) or "–", self._looked(one))
            for one in self._facts.emergencies
        ]
        if rows:
            about = tag("p", say["emergency_about"])
            yield section(say["emergency_title"], about, table(columns, rows))

    def _looked(self, one: Shown) -> str:
        if one.reviewed_month is None:
            return self._say["looked_not"]
        word = "looked_right" if one.upheld else "looked_wrong"
        day = self._day(one.reviewed_at) or self._of_month(one.reviewed_month)
        return self._say[word].format(day=day)

    def _refused(self) -> Iterable[str]:
        say = self._say
        rows = [self._entry(one) for one in self._facts.refused]
        about = tag("p", say["refused_about"])
        if not rows:
            yield section(say["refused_title"], about, tag("p", say["seen_none"]))
            return
        columns = ((say["when"], 17), (say["who"], 45), (say["kinds"], 38))
        yield section(say["refused_title"], about, table(columns, rows))

    def _others(self) -> str:
        say = self._say
        if not self._facts.unanswered:
            return section(say["others_title"], tag("p", say["others_none"]))
        return section(
            say["others_title"], tag("p", say["others_about"]), self._list(self._facts.unanswered)
        )

    def _meaning(self) -> str:
        say = self._say
        words = ("stopped", "destroyed", "kept", "outstanding")
        said = ((say[word], say[f"{word}_means"]) for word in words)
        return section(say["meaning_title"], pairs(said))

    def _withdraw(self) -> str:
        say = self._say
        return section(
            say["withdraw_title"],
            tag("p", say["withdraw_about"]),
            self._list(self._facts.parties),
            tag("p", say["withdraw_then"]),
            tag("p", say["ask_about"]),
        )

    def _foot(self) -> str:
        made = self._printing
        who = ", ".join(self._who(made.role, made.organisation))
        text = f"{self._say['recorded']}: {self._made_at()}, {who}."
        return block("footer", (tag("p", text),))

    def _list(self, countries: Iterable[str]) -> str:
        return block("ul", (tag("li", self._texts.country(one)) for one in countries))

    def _dated(self, word: str, day: date | None) -> str:
        if day is None:
            return self._say[f"{word}_undated"]
        return self._say[word].format(day=self._day(day))

    def _made_at(self) -> str:
        made = self._printing
        return self._day(made.at) if made.organisation is None else self._moment(made.at)

    @staticmethod
    def _of_month(month: str) -> str:
        return ".".join(reversed(month.split("-")))

    def _day(self, when: date | None) -> str:
        """A moment is told by the calendar of this country; a day is the same everywhere."""
        if isinstance(when, datetime):
            when = when.astimezone(self._printing.zone)
        return "" if when is None else f"{when:%d.%m.%Y}"

    def _moment(self, when: datetime | None) -> str:
        return "" if when is None else f"{when.astimezone(self._printing.zone):%d.%m.%Y %H:%M}"
