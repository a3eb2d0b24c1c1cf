"""The alerts database: findings, messages, notes and silences; page, API and alerts process write.

Its rows are values (Finding, Message, Note …); its functions take a connection of open_to_read or
open_to_write, and change nothing outside of a transaction of their caller.
"""

from sqlite3 import Connection

from porteye_core.store.alerts.actions import (
    TakenAction,
    actions_of,
    add_action,
    complete_action,
    newest_actions,
)
from porteye_core.store.alerts.file import (
    beside,
    held,
    holder,
    open_to_read,
    open_to_write,
    revision,
    transaction,
    unwritable,
)
from porteye_core.store.alerts.findings import (
    add_finding,
    change_finding,
    count_more,
    finding,
    findings_between,
    newest_findings,
    open_findings,
    untold_ends,
)
from porteye_core.store.alerts.kept_texts import keep_text, kept_text
from porteye_core.store.alerts.messages import add_message, receivers, set_receivers
from porteye_core.store.alerts.notes import (
    add_silence,
    end_silence,
    note,
    notes,
    put_accept,
    put_words,
    silences,
)
from porteye_core.store.alerts.outbox import (
    abandon,
    answer_test,
    due_message,
    earliest_tries,
    hasten,
    mark_failed,
    mark_sent,
    mark_tried,
    new_tests,
    version,
)
from porteye_core.store.alerts.rows import (
    Finding,
    Matcher,
    Message,
    Note,
    Receiver,
    Silence,
    Test,
)
from porteye_core.store.alerts.states import (
    Cursor,
    IdentityRow,
    cursor,
    identities,
    open_listeners,
    set_cursor,
    set_identities,
    set_open_listeners,
)

__all__ = [
    "Connection",
    "Cursor",
    "Finding",
    "IdentityRow",
    "Matcher",
    "Message",
    "Note",
    "Receiver",
    "Silence",
    "TakenAction",
    "Test",
    "abandon",
    "actions_of",
    "add_action",
    "add_finding",
    "add_message",
    "add_silence",
    "answer_test",
    "beside",
    "change_finding",
    "complete_action",
    "count_more",
    "cursor",
    "due_message",
    "earliest_tries",
    "end_silence",
    "finding",
    "findings_between",
    "hasten",
    "held",
    "holder",
    "identities",
    "keep_text",
    "kept_text",
    "mark_failed",
    "mark_sent",
    "mark_tried",
    "new_tests",
    "newest_actions",
    "newest_findings",
    "note",
    "notes",
    "open_findings",
    "open_listeners",
    "open_to_read",
    "open_to_write",
    "put_accept",
    "put_words",
    "receivers",
    "revision",
    "set_cursor",
    "set_identities",
    "set_open_listeners",
    "set_receivers",
    "silences",
    "transaction",
    "untold_ends",
    "unwritable",
    "version",
]
