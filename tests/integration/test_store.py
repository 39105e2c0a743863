"""The recorder: commit order, groups, conflicts, lost connections, and what the library expects."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import (
    EventStore,
    InfrastructureFactory,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg.conninfo import conninfo_to_dict

from events.codec import encode
from events.errors import Misconfigured, ServiceUnavailable
from ledger.case import identity
from ledger.case.case import Case
from ledger.case.recording import record
from ledger.recorder import Append, Keyed, LedgerRecorder
from ledger.store import Store, environment
from tests.given import matter


def row(case_id: UUID | None = None, number: int = 1, state: bytes = b"state") -> StoredEvent:
    return StoredEvent(case_id or uuid4(), number, "national/CaseOpened", state)


def keyed(key: str, case_id: UUID, *event_ids: UUID, request: bytes = bytes(32)) -> Keyed:
    return Keyed(key, request, case_id, event_ids)


@pytest.fixture
def store(database):
    with Store(database.as_role("append"), connections=20) as opened:
        yield opened


def count(database) -> int:
    return database.run("SELECT count(*) FROM ledger.ledger_events")[0][0]


def in_threads(number: int, call) -> list:
    ready = threading.Barrier(number)

    def together(place: int):
        ready.wait()
        return call(place)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(together, range(number)))


def test_a_reader_that_follows_the_ids_misses_nothing(database):
    """The order of ids is the order of commits: what the relay's promise rests on."""
    writers, each = 8, 60
    seen: list[int] = []
    done = threading.Event()

    def follow() -> None:
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            while True:
                last = done.is_set()
                found = connection.execute(
                    "SELECT notification_id FROM ledger.ledger_events WHERE notification_id > %s"
                    " ORDER BY 1",
                    (seen[-1] if seen else 0,),
                ).fetchall()
                seen.extend(one for (one,) in found)
                if last:
                    return

    # Each writer as a process of its own: they meet in the database only.
    with ExitStack() as stack:
        dsn = database.as_role("append")
        stores = [stack.enter_context(Store(dsn, connections=2)) for _ in range(writers)]
        reader = threading.Thread(target=follow)
        reader.start()

        def write(place: int) -> None:
            choice = random.Random(place)
            for _ in range(each):
                case_id, length = uuid4(), choice.randint(1, 5)
                rows = [row(case_id, number) for number in range(1, length + 1)]
                stores[place].recorder.insert_events(rows)

        in_threads(writers, write)
    done.set()
    reader.join()
    ids = database.run("SELECT notification_id FROM ledger.ledger_events ORDER BY 1")
    stored = [one for (one,) in ids]
    assert len(stored) >= writers * each
    assert stored == seen


def test_ids_are_returned_in_the_order_of_the_events(database, store):
    """The library's contract: a recording knows its place in the notification log."""
    case_id = uuid4()
    ids = store.recorder.insert_events([row(case_id, number) for number in (1, 2, 3)])
    rows = database.run(
        "SELECT notification_id FROM ledger.ledger_events ORDER BY originator_version"
    )
    assert [(one,) for one in ids] == rows


def test_of_32_who_want_one_number_exactly_one_gets_it(store):
    """Optimistic concurrency within a group is the same as between groups."""
    case_id = uuid4()

    def race(_place: int) -> bool:
        append = Append([row(case_id, state=uuid4().bytes)])
        store.append(append)
        assert append.taken != bool(append.ids)
        return not append.taken

    assert 1 == sum(in_threads(32, race))


def test_a_loser_leaves_the_rest_of_its_group_alone(database, store):
    """Somebody else's conflict is nobody's problem: each command is all or nothing by itself."""
    taken = uuid4()
    store.recorder.insert_events([row(taken)])
    loser = Append([row(uuid4()), row(taken)])
    others = [Append([row(), row()]) for _ in range(3)]
    store.append_all([others[0], loser, *others[1:]])
    assert loser.taken
    assert not loser.ids
    assert [2, 2, 2] == [len(append.ids) for append in others]
    assert 1 + 6 == count(database)


def test_an_append_with_one_number_twice_is_refused_before_it_is_sent(store):
    """It could never be recorded, and in a group it would be everybody's violation."""
    case_id = uuid4()
    with pytest.raises(IntegrityError):
        store.recorder.insert_events([row(case_id), row(case_id)])


def test_a_group_is_one_transaction(database, store):
    """What makes sixteen callers faster than sixteen flushes."""
    held = psycopg.connect(database.dsn)
    held.execute("SELECT pg_advisory_xact_lock(7908396229742373756)")
    with ThreadPoolExecutor(9) as pool:
        futures = [pool.submit(store.recorder.insert_events, [row()]) for _ in range(9)]
        while store.recorder._groups.waiting < 8:
            pass
        held.rollback()
        [future.result() for future in futures]
    held.close()
    assert [(1,), (8,)] == sorted(
        database.run("SELECT count(*) FROM ledger.ledger_events GROUP BY xmin::text")
    )


def test_a_repeated_key_gives_what_was_recorded_the_first_time(database, store):
    """A caller who never heard the answer may ask again."""
    case_id, event_id = uuid4(), uuid4()
    first = Append([row(case_id)], keyed("k", case_id, event_id))
    again = Append([row()], keyed("k", uuid4(), uuid4()))
    store.append(first)
    store.append(again)
    assert first.keyed == again.known
    assert not again.ids
    assert 1 == count(database)


def test_of_16_with_one_key_exactly_one_records(database, store):
    """Also when they meet in one group: the others are told of the first."""

    def race(_place: int) -> Append:
        case_id = uuid4()
        append = Append([row(case_id)], keyed("k", case_id, uuid4()))
        store.append(append)
        return append

    appends = in_threads(16, race)
    (winner,) = [append for append in appends if append.ids]
    assert {winner.keyed} == {append.known for append in appends if append is not winner}
    assert 1 == count(database)


def test_a_command_without_events_is_remembered_too(database, store):
    """A decision may find that nothing has to be recorded; its key is used up all the same."""
    case_id = uuid4()
    store.append(Append([], keyed("k", case_id)))
    again = Append([], keyed("k", case_id))
    store.append(again)
    assert [("k", case_id, [])] == database.run(
        "SELECT key, case_id, event_ids FROM ledger.command"
    )


@pytest.fixture
def cut_after_commit(monkeypatch):
    """Lose the connection once, when the append has been committed and not yet answered."""
    write_once = LedgerRecorder._write_once
    cuts = []

    def cut(self, connection, group, *, again):
        write_once(self, connection, group, again=again)
        if not cuts:
            cuts.append(group)
            for append in group:
                append.ids, append.known, append.taken = (), None, False
            connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(LedgerRecorder, "_write_once", cut)
    return cuts


def test_a_commit_whose_answer_was_lost_is_not_taken_for_a_conflict(
    database, store, cut_after_commit
):
    """The recorder finds its own bytes and returns their ids; the library reports a conflict."""
    ids = store.recorder.insert_events([row(), row()])
    assert cut_after_commit
    assert [(one,) for one in ids] == database.run(
        "SELECT notification_id FROM ledger.ledger_events ORDER BY 1"
    )


def test_a_command_whose_answer_was_lost_is_its_own_repetition(database, store, cut_after_commit):
    """It was recorded by this very call, so it is no replay and no second one."""
    case_id = uuid4()
    append = Append([row(case_id)], keyed("k", case_id, uuid4()))
    store.append(append)
    assert cut_after_commit
    assert (1, None, False) == (len(append.ids), append.known, append.taken)
    assert 1 == count(database)


def test_others_bytes_under_our_number_are_a_conflict_also_after_a_lost_answer(
    database, store, cut_after_commit
):
    """Only the very same bytes are ours."""
    case_id = uuid4()
    database.run(
        "INSERT INTO ledger.ledger_events VALUES (%s, 1, 'national/CaseOpened', 'x')", case_id
    )
    with pytest.raises(IntegrityError):
        store.recorder.insert_events([row(case_id)])
    assert cut_after_commit


@pytest.mark.parametrize("rows", [1, 5_000])
def test_a_very_large_append_returns(database, store, rows):
    """The library's pipeline hangs on these, with the table locked."""
    size = 20_000_000 // rows
    case_id = uuid4()
    ids = store.recorder.insert_events(
        [row(case_id, number, bytes(size)) for number in range(1, rows + 1)]
    )
    assert rows == len(ids) == count(database)


def test_appends_go_on_while_the_table_is_looked_after(database, store):
    """ANALYZE and CREATE INDEX CONCURRENTLY wait for the library's lock, and it for them."""
    with psycopg.connect(database.dsn) as other:
        other.execute("LOCK TABLE ledger.ledger_events IN SHARE UPDATE EXCLUSIVE MODE")
        assert store.recorder.insert_events([row()])


def test_a_stuck_writer_is_waited_for_only_so_long(database, store, monkeypatch):
    """One session that hangs must not stop a country's decisions for ever."""
    monkeypatch.setattr("ledger.recorder.ATTEMPTS", 1)
    database.run("ALTER FUNCTION ledger.append_one SET lock_timeout = '100ms'")
    with psycopg.connect(database.dsn) as stuck:
        stuck.execute("SELECT pg_advisory_xact_lock(7908396229742373756)")
        with pytest.raises(ServiceUnavailable, match="LockNotAvailable"):
            store.append(Append([row()]))
    assert 0 == count(database)


def test_an_append_wakes_whoever_listens_and_a_refused_one_does_not(database, store):
    """One notice per transaction, on the library's channel."""
    with psycopg.connect(database.dsn, autocommit=True) as listener:
        listener.execute("LISTEN ledger_events")
        case_id = uuid4()
        store.append_all([Append([row(case_id)]), Append([row()])])
        with pytest.raises(IntegrityError):
            store.recorder.insert_events([row(case_id)])
        database.run("NOTIFY ledger_events, 'that was all'")
        heard: list[str] = []
        while "that was all" not in heard:
            heard += [one.payload for one in listener.notifies(stop_after=1)]
        assert ["", "that was all"] == heard


def test_the_table_is_the_librarys(database):
    """Column for column, so that its reading side works; a new version of it is noticed here."""
    given = conninfo_to_dict(database.dsn)
    names = ("dbname", "host", "port", "user", "password")
    database.run("CREATE SCHEMA stock")
    with PostgresDatastore(*(given[name] for name in names), schema="stock") as datastore:
        PostgresApplicationRecorder(datastore, events_table_name="ledger_events").create_table()
    columns = (
        "SELECT column_name, data_type, regexp_replace(column_default, 'stock.|ledger[.]', '')"
        " FROM information_schema.columns WHERE table_schema = %s AND table_name = 'ledger_events'"
        " ORDER BY ordinal_position"
    )
    indexes = (
        "SELECT replace(indexdef, 'stock.', 'ledger.') FROM pg_indexes"
        " WHERE schemaname = %s AND tablename = 'ledger_events' ORDER BY 1"
    )
    assert database.run(columns, "stock") == database.run(columns, "ledger")
    assert database.run(indexes, "stock") == database.run(indexes, "ledger")


def test_the_librarys_functions_without_a_lock_stay_off(database):
    """They lose events to readers that follow the table; switching them on is refused."""
    env = environment(database.as_role("append"), connections=2)
    assert "no" == env["POSTGRES_ENABLE_DB_FUNCTIONS"]
    env["POSTGRES_ENABLE_DB_FUNCTIONS"] = "yes"
    factory = InfrastructureFactory.construct(env)
    with factory, pytest.raises(ProgrammingError, match="has to stay off"):
        factory.application_recorder()


def test_another_table_is_refused(database):
    """The append function knows one table."""
    given = conninfo_to_dict(database.dsn)
    names = ("dbname", "host", "port", "user", "password")
    with (
        PostgresDatastore(*(given[name] for name in names), schema="ledger") as datastore,
        pytest.raises(ProgrammingError, match="one table of events"),
    ):
        LedgerRecorder(datastore, events_table_name="stored_events")


def test_the_recorder_tracks_nothing(store):
    """Silently dropping what the library calls tracking would lose a position."""
    with pytest.raises(NotSupportedError):
        store.recorder.insert_events([row()], tracking=object())


def test_the_librarys_event_store_works_on_recorder_and_mapper(store):
    """Stored bytes are topic bytes, and come back as what they were."""
    before = matter(Case.unknown(uuid4(), "KZ"))
    recorded = record(before, identity.open_case(before), salt=bytes(32))
    events = EventStore(store.mapper, store.recorder)
    events.put(recorded)
    (notification,) = store.recorder.select_notifications(start=1, limit=10)
    assert encode(recorded[0].event) == notification.state
    assert notification.topic == "national/NationalEvent"
    assert list(recorded) == list(events.get(before.case.case_id))


def test_a_dsn_without_a_database_is_refused():
    """A name in the message, never the password."""
    with pytest.raises(Misconfigured, match="lacks dbname, user") as caught:
        environment("host=127.0.0.1 password=secret", connections=2)
    assert "secret" not in str(caught.value)


def test_everything_else_of_a_dsn_reaches_the_server(database):
    """The library passes on five settings; TLS and names would be lost."""
    dsn = psycopg.conninfo.make_conninfo(database.as_role("append"), options="-c work_mem=3MB")
    with Store(dsn, program="somebody") as store, store.reading() as connection:
        shown = connection.execute("SHOW work_mem").fetchone()
        name = connection.execute("SHOW application_name").fetchone()
    assert (["3MB"], ["somebody"]) == (list(shown.values()), list(name.values()))


def test_a_server_that_is_gone_is_service_unavailable(database, store, monkeypatch):
    """No exception of a library leaves the store."""
    monkeypatch.setattr("ledger.recorder.ATTEMPTS", 1)
    monkeypatch.setattr(
        LedgerRecorder,
        "_write_once",
        lambda *_a, **_k: (_ for _ in ()).throw(OperationalError("x")),
    )
    with pytest.raises(ServiceUnavailable):
        store.append(Append([row()]))
