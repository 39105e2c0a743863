"""A notice as mail: plain text in the country's language, by a server that is asked to encrypt."""

from __future__ import annotations

import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from consumers.notice_addresses import Addressed, MailServer, is_on_this_machine
from consumers.notice_texts import Message, texts
from consumers.webhook import PATIENCE_S, Refused


def letter(
    server: MailServer, to: Addressed, message: Message, language: str, at: datetime
) -> EmailMessage:
    """Return a message as mail; its id follows from the notice, so that it is one however often."""
    words = texts(language)
    made = EmailMessage(policy=SMTP)
    made["From"] = server.sender
    made["To"] = ", ".join(to.mail)
    made["Subject"] = words.subject_of(message)
    made["Date"] = format_datetime(at)
    made["Message-ID"] = f"<{message.notice_id}@{server.sender.partition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # no absence note is an answer
    made["Content-Language"] = language
    made.set_content(words.body_of(message), cte="base64")
    return made


def send(server: MailServer, made: EmailMessage, *, insecure: bool, ca: Path | None = None) -> None:
    """Hand a letter to the server; Refused if it takes it for nobody, OSError if it is away.

    It has to encrypt (STARTTLS) unless it is on this machine.
    """
    may_be_plain = insecure or is_on_this_machine(server.host)
    context = ssl.create_default_context(cafile=ca)
    try:
        with smtplib.SMTP(server.host, server.port, timeout=PATIENCE_S) as there:
            there.ehlo_or_helo_if_needed()
            if there.has_extn("starttls"):
                there.starttls(context=context)
                there.ehlo()
            elif not may_be_plain:
                raise Refused("STARTTLS-missing")
            if server.user is not None and server.password is not None:
                there.login(server.user, server.password.get_secret_value())
            there.send_message(made)
    except (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError):
        raise ConnectionError from None  # what it says may quote what was sent
    except smtplib.SMTPException as error:
        raise Refused(type(error).__name__) from None
