"""The key-free rules R1, R2 and R10 within one case: nothing is missing, nobody knew the future.

Read from what took effect, in its order, the shared topic before the national one.

* R1: each country's versions are 1, 2, 3 … on each topic (design §6: a gap is proof of loss).
* R2: what an event names as seen is an earlier shared event of its case.
* R10: no country's clock goes back in a case; the bounds by cosignatures are those of its log
  (ledger/log/rule_log.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from events.stamp import NOTHING_SEEN
from ledger.log.findings import SHARED, Finding, Heard, found

#: Topic and country.
_Voice = tuple[str, str]


@dataclass(slots=True)
class OrderRules:
    """The rules over one case. Memory is 32 bytes per shared event."""

    _leaves: set[bytes] = field(default_factory=set)
    _versions: dict[_Voice, int] = field(default_factory=dict)
    _recorded: dict[_Voice, datetime] = field(default_factory=dict)

    def hear(self, heard: Heard) -> list[Finding]:
        """Take in the next event of the case, of either topic; return what it breaks."""
        event, voice = heard.event, (heard.topic, heard.event.origin)
        version, recorded_at = self._versions.get(voice, 0), self._recorded.get(voice)
        findings = []
        if event.version != version + 1:
            findings.append(found("R1", "version_gap", heard))
        if event.seen != NOTHING_SEEN and event.seen not in self._leaves:
            findings.append(found("R2", "seen_unknown", heard))
        if recorded_at is None or event.recorded_at >= recorded_at:
            self._recorded[voice] = event.recorded_at
        else:
            findings.append(found("R10", "goes_back", heard))
        self._versions[voice] = max(event.version, version)
        if heard.topic == SHARED:
            self._leaves.add(heard.leaf)
        return findings
