"""What is sent to a desk, how it is signed, and where it may go."""

from __future__ import annotations

import base64
import hmac
import json
import tomllib
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import pytest

from consumers import notice_texts, webhook
from consumers.letters import letter
from consumers.notice_addresses import Addressed, AddressFile, MailServer, load
from consumers.notice_texts import LANGUAGES, Message, Texts, texts
from consumers.telling import Channels, Telling
from events.errors import Misconfigured
from ledger.rules.duty import TASKS
from projections.task_rows import KINDS

#: The example that the Standard Webhooks specification's own libraries are tested with.
PUBLISHED = {
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "timestamp": 1614265330,
    "body": b'{"test": 2432232314}',
    "signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
AT = datetime(2026, 11, 24, 12, 30, tzinfo=UTC)
MESSAGE = Message(
    notice_id=UUID("1a2b3c4d-0000-4000-8000-000000000001"),
    task_id=UUID("2a2b3c4d-0000-4000-8000-000000000002"),
    country="KZ",
)
SECRETS = [f"whsec_{base64.b64encode(bytes([at]) * 32).decode()}" for at in (1, 2)]
SERVER = MailServer(host="localhost", sender="ledger@ministry.example")


def addressed(**said) -> Addressed:
    return Addressed.model_validate({"id": "duty", **said})


def written(folder, text: str, mode: int = 0o400):
    path = folder / "notices.toml"
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_signature_is_the_one_that_the_specification_publishes():
    key = base64.b64decode(PUBLISHED["secret"].removeprefix("whsec_"))
    made = webhook.sign(key, PUBLISHED["id"], PUBLISHED["timestamp"], PUBLISHED["body"])
    assert PUBLISHED["signature"] == made


def test_each_key_signs_while_one_replaces_the_other():
    to = addressed(webhook="https://desk.example/n", secrets=SECRETS)
    body = webhook.body_of(MESSAGE, AT)
    said = webhook.headers(to.keys, str(MESSAGE.notice_id), int(AT.timestamp()), body)
    signed = f"{MESSAGE.notice_id}.{int(AT.timestamp())}.".encode() + body
    # Worked out here by hand, from bytes alone.
    wanted = [
        "v1," + base64.b64encode(hmac.new(bytes([at]) * 32, signed, sha256).digest()).decode()
        for at in (1, 2)
    ]
    assert " ".join(wanted) == said["webhook-signature"]
    assert {"webhook-id", "webhook-timestamp", "webhook-signature", "content-type"} == set(said)


def test_a_message_says_that_a_task_waits_and_nothing_else():
    said = json.loads(webhook.body_of(MESSAGE, AT))
    assert {"type", "timestamp", "data"} == set(said)
    assert "task.waits" == said["type"]
    assert {"notice_id", "task_id", "country", "reference"} == set(said["data"])
    assert "KZ-1A2B3C4D" == said["data"]["reference"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_letter_is_in_the_language_of_the_country_and_says_no_kind(language):
    made = letter(
        SERVER, addressed(mail=["a@desk.example", "b@desk.example"]), MESSAGE, language, AT
    )
    text = made.get_content()
    assert f"<{MESSAGE.notice_id}@ministry.example>" == made["Message-ID"]
    assert "a@desk.example, b@desk.example" == made["To"]
    assert "text/plain" == made.get_content_type()
    assert "auto-generated" == made["Auto-Submitted"]
    for said in ("KZ-1A2B3C4D", str(MESSAGE.notice_id), str(MESSAGE.task_id)):
        assert said in text
    assert "://" not in text, "no link: nobody learns to follow one"
    assert "KZ-1A2B3C4D" in made["Subject"]
    for kind in KINDS:
        assert kind not in text
    made.as_bytes().decode("ascii")


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_that_no_native_speaker_has_read_say_so(language):
    words = texts(language)
    marked = words.notice != "" and words.notice in words.body_of(MESSAGE)
    assert marked is (language != "en")
    said = tomllib.loads((notice_texts.FOLDER / f"{language}.toml").read_text("utf-8"))
    signed = Texts(**{**said, "reviewed_by": "A. B."})
    assert not words.notice or words.notice not in signed.body_of(MESSAGE)
    assert {f"{one}.toml" for one in LANGUAGES} == {
        one.name for one in notice_texts.FOLDER.iterdir()
    }


def test_the_ladder_knows_every_kind_of_task():
    """A kind that no step may be for would wait with nobody told."""
    assert KINDS == TASKS


WHOLE = f"""
[server]
host = "mail.ministry.example"
sender = "ledger@ministry.example"
user = "ledger"
password = "hush-hush"

[[desk]]
id = "duty"
webhook = "https://desk.example/notices"
secrets = ["{SECRETS[0]}"]
mail = ["duty@desk.example"]
"""


def test_addresses_are_read_and_no_secret_is_shown(tmp_path):
    found = load(written(tmp_path, WHOLE), insecure=False)
    assert (bytes([1]) * 32,) == found.by_desk["duty"].keys
    assert "hush" not in repr(found)
    assert SECRETS[0] not in repr(found)
    assert "01010101" not in repr(found)


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o644, 0o420])
def test_a_file_that_others_may_read_is_not_used(tmp_path, mode):
    with pytest.raises(Misconfigured, match="chmod 0400") as error:
        load(written(tmp_path, WHOLE, mode), insecure=False)
    assert "file_mode" == error.value.rule


WRONG = [
    ('secrets = ["whsec_', 'secrets = ["', "a secret is whsec_"),
    (SECRETS[0], "whsec_AAAA", "24 to 64 bytes"),
    ("https://desk", "ftp://desk", "an http"),
    ("https://desk", "https://user:hush-hush@desk", "without a password"),
    ("duty@desk.example", "duty", "name@domain"),
    ("duty@desk.example", "a@b.c, d@e.f", "name@domain"),
    ("duty@desk.example", "a@b\\r\\nBcc: x@y.z", "name@domain"),
    ('webhook = "https://desk.example/notices"', "", "a webhook is signed"),
    ('password = "hush-hush"', "", "a user and a password"),
    ('id = "duty"', 'id = "duty"\ncolour = "red"', "Extra inputs"),
    ("[server]", "[[server]]", "valid dictionary"),
]


@pytest.mark.parametrize(("there", "instead", "says"), WRONG)
def test_what_is_wrong_is_told_by_line_and_without_what_stands_there(
    tmp_path, there, instead, says
):
    assert there in WHOLE
    with pytest.raises(Misconfigured) as error:
        load(written(tmp_path, WHOLE.replace(there, instead)), insecure=False)
    assert says in str(error.value)
    assert "notices.toml:" in str(error.value)
    for secret in ("hush", SECRETS[0], "desk.example"):
        assert secret not in str(error.value)


def test_a_webhook_goes_in_clear_to_this_machine_only(tmp_path):
    away = written(tmp_path, WHOLE.replace("https://", "http://"))
    with pytest.raises(Misconfigured, match="use https") as error:
        load(away, insecure=False)
    assert "https" == error.value.rule
    load(away, insecure=True)
    for here in ("127.0.0.1:1", "localhost:1", "[::1]:1"):
        load(
            written(tmp_path, WHOLE.replace("https://desk.example", f"http://{here}")),
            insecure=False,
        )


def test_a_changed_file_is_read_again_and_one_that_is_gone_silences(tmp_path):
    path = tmp_path / "notices.toml"
    channels = Channels("KZ", AddressFile(path, insecure=False))
    assert channels() is None
    written(tmp_path, WHOLE)
    before = channels()
    assert isinstance(before, Telling)
    assert before is channels()
    written(tmp_path, WHOLE.replace('id = "duty"', 'id = "other"'))
    after = channels()
    assert after is not None
    assert (1, 0) == (after.lacks(["duty"]), after.lacks(["other"]))
    path.unlink()
    assert channels() is None


def test_a_desk_that_cannot_be_reached_rests_longer_each_time(tmp_path):
    now = 0.0
    text = WHOLE.replace("https://desk.example", "http://127.0.0.1:9")
    text = text.replace('mail = ["duty@desk.example"]\n', "")
    found = load(written(tmp_path, text), insecure=False)
    telling = Telling(country="KZ", addresses=found, insecure=False, clock=lambda: now)
    pauses = []
    for _ in range(12):
        assert () == telling.tell("duty", MESSAGE, "en", AT)
        rest = telling._resting["duty"]
        pauses.append(rest.pause)
        assert rest.pause / 2 <= rest.until - now <= rest.pause
        before = rest
        assert () == telling.tell("duty", MESSAGE, "en", AT)
        assert before == telling._resting["duty"], "it was not tried"
        now = rest.until
    assert [1, 2, 4, 8] == pauses[:4]
    assert 300 == pauses[-1]
