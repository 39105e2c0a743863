"""Codes that stand in events: closed lists with an UNKNOWN for readers older than the writer."""

from __future__ import annotations

from enum import StrEnum


class DataScope(StrEnum):
    """A kind of data about the child, sealed and granted apart from the others (design §11)."""

    UNKNOWN = "UNKNOWN"
    IDENTITY = "identity"
    CONTACT = "contact"
    LOCATION = "location"
    HEALTH = "health"
    PROTECTION = "protection"
    FAMILY = "family"
    DOCUMENTS = "documents"
    LEGAL_STATUS = "legal_status"
    NARRATIVE = "narrative"
    PHOTO = "photo"
    PREVIEW = "preview"


class NeutralStatus(StrEnum):
    """Whether a case may be handed over, never why (design §7)."""

    UNKNOWN = "UNKNOWN"
    NOT_READY = "not_ready"
    READY = "ready"


class Outcome(StrEnum):
    """Whether a referred service was given; why not is sealed."""

    UNKNOWN = "UNKNOWN"
    FULFILLED = "fulfilled"
    UNFULFILLED = "unfulfilled"


class Purpose(StrEnum):
    """What data may be used for; national only."""

    UNKNOWN = "UNKNOWN"
    CASE_MANAGEMENT = "case_management"
    SERVICE = "service"
    TRANSFER = "transfer"
    TRACING = "tracing"
    REPORTING_NON_IDENTIFYING = "reporting_non_identifying"
    UNHCR_SHARING = "unhcr_sharing"
    RESEARCH = "research"


class BasisKind(StrEnum):
    """Why data may travel; national only."""

    UNKNOWN = "UNKNOWN"
    CONSENT = "consent"
    OVERRIDE = "override"
    LEGAL_DUTY = "legal_duty"


class ConsentGiver(StrEnum):
    """Who gives, refuses or takes back permission; national only."""

    UNKNOWN = "UNKNOWN"
    CHILD = "child"
    CAREGIVER = "caregiver"
    GUARDIAN = "guardian"
    OTHER = "other"


class AgeBand(StrEnum):
    """Age of the child as far as the rules of consent need it; national only."""

    UNKNOWN = "UNKNOWN"
    FROM_0_TO_5 = "from_0_to_5"
    FROM_6_TO_11 = "from_6_to_11"
    FROM_12_TO_14 = "from_12_to_14"
    FROM_15_TO_17 = "from_15_to_17"
    FROM_18 = "from_18"


class Assent(StrEnum):
    """How the child agreed beside an adult's consent; national only."""

    UNKNOWN = "UNKNOWN"
    NONE = "none"
    ORAL = "oral"
    WRITTEN = "written"


class RetentionGround(StrEnum):
    """Why a recipient keeps data that is shared with it no longer."""

    UNKNOWN = "UNKNOWN"
    MANDATE = "mandate"
    LEGAL_DUTY = "legal_duty"
    LEGAL_CLAIM = "legal_claim"


class KeyKind(StrEnum):
    """What a key of the node is for; national only."""

    UNKNOWN = "UNKNOWN"
    KEY_ENCRYPTION = "key_encryption"
    NATIONAL = "national"


class Resolution(StrEnum):
    """What was done about a fault of a log; national only."""

    UNKNOWN = "UNKNOWN"
    #: This country's copy, or its program, was wrong and has been made anew.
    REPAIRED_HERE = "repaired_here"
    #: Another country's was.
    REPAIRED_THERE = "repaired_there"
    #: It cannot be repaired: the countries have agreed, in writing, how to go on.
    AGREED = "agreed"
    #: Nothing was wrong but what raised the alarm.
    NO_FAULT = "no_fault"


class RiskLevel(StrEnum):
    """How urgently a child has to be protected; unknown counts as high. National only."""

    UNKNOWN = "UNKNOWN"
    EMERGENCY = "emergency"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Agreement(StrEnum):
    """Whether somebody agrees with a plan; national only."""

    UNKNOWN = "UNKNOWN"
    AGREES = "agrees"
    DISAGREES = "disagrees"
    NOT_ASKED = "not_asked"


class Safety(StrEnum):
    """How safe a child was found."""

    UNKNOWN = "UNKNOWN"
    SAFE = "safe"
    CONCERN = "concern"
    UNSAFE = "unsafe"


class Satisfaction(StrEnum):
    """How somebody judges the help."""

    UNKNOWN = "UNKNOWN"
    VERY_SATISFIED = "very_satisfied"
    SATISFIED = "satisfied"
    NOT_SATISFIED = "not_satisfied"


class LadderLevel(StrEnum):
    """How far a search for a specialist had to go; national only."""

    UNKNOWN = "UNKNOWN"
    PLACE = "place"
    REGION = "region"
    COUNTRY = "country"
    #: No service is left: whoever is on duty at the focal point.
    DUTY_DESK = "duty_desk"


class RuleKind(StrEnum):
    """What a rule file is; national only."""

    UNKNOWN = "UNKNOWN"
    PACK = "pack"
    DIRECTORY = "directory"
    PAIR = "pair"


class NoticeChannel(StrEnum):
    """How a duty desk is told that a task waits; national only."""

    UNKNOWN = "UNKNOWN"
    WEBHOOK = "webhook"
    MAIL = "mail"


class Role(StrEnum):
    """Role held when deciding. The first six are neutral: only they stand on shared events."""

    CASEWORKER = "caseworker"
    SUPERVISOR = "supervisor"
    FOCAL_POINT = "focal_point"
    GUARDIAN = "guardian"
    PROVIDER = "provider"
    SYSTEM = "system"
    PANEL_MEMBER = "panel_member"
    BORDER_OFFICER = "border_officer"
    CONSULAR_OFFICER = "consular_officer"
    TRACING_AGENCY = "tracing_agency"
    PROTECTION_OFFICER = "protection_officer"
    DATA_PROTECTION_OFFICER = "data_protection_officer"
    AUDITOR = "auditor"


NEUTRAL_ROLES = frozenset(list(Role)[:6])
