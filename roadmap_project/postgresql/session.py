"""What does each session ask of the server and of the network, so that neither keeps what is dead or stuck?"""

# The server ends what takes too long, and notices within a second that a client is gone, in mid-query too. Behind
# PgBouncer nothing is sent at connect: there they are the roles' (`connection_budget --sql`).
LIMITS = {
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
    "client_connection_check_interval": "1s",
}

# A vanished machine sends no farewell: the server finds out by its own probes (idle + count × interval, in seconds).
SERVER_KEEPALIVES = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}

# libpq's parameters for the same at our end: seconds, but tcp_user_timeout in milliseconds; no effect on Unix sockets.
CLIENT_PARAMETERS: dict[str, object] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def startup_options(*, migration_lock_seconds: int | None = None) -> str:
    """LIMITS and SERVER_KEEPALIVES as libpq's `options`.

    A migration's statements take as long as they take, but wait for a lock no longer than so many seconds: whoever
    needs the table after it queues behind it, even those that only read.
    """
    limits = dict(LIMITS)
    if migration_lock_seconds is not None:
        limits |= {"statement_timeout": "0", "lock_timeout": f"{migration_lock_seconds}s"}
    return " ".join(f"-c {name}={value}" for name, value in {**limits, **SERVER_KEEPALIVES}.items())
