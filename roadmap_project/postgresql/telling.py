"""How do a process's waits and refusals reach whoever asks about the fleet? Over a connection that it has anyway."""

from dataclasses import dataclass

from django.db.backends.base.base import BaseDatabaseWrapper

QUIET = 600  # seconds without a wait or refusal after which the next one begins to be counted anew

# One row for each service and reason: totals that only grow, and how many there were since the last quiet time.
ADD = f"""
INSERT INTO roadmap_project_connectiontrouble AS known
       (service, refused_by, waits, refusals, lately, began_at, last_at)
SELECT %s, met.refused_by, met.waits, met.refusals, met.connects, now(), now()
FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[]) AS met (refused_by, waits, refusals, connects)
ORDER BY met.refused_by
ON CONFLICT (service, refused_by) DO UPDATE SET
       waits = known.waits + excluded.waits,
       refusals = known.refusals + excluded.refusals,
       lately = excluded.lately + CASE WHEN known.last_at > now() - interval '{QUIET} s' THEN known.lately ELSE 0 END,
       began_at = CASE WHEN known.last_at > now() - interval '{QUIET} s' THEN known.began_at ELSE now() END,
       last_at = now()
"""  # noqa: S608  constants


@dataclass
class Untold:
    """What one reason did to this process and no row says yet."""

    waits: int = 0
    refusals: int = 0
    connects: int = 0  # those that waited or were refused, or both

    def add(self, other: "Untold") -> None:
        self.waits += other.waits
        self.refusals += other.refusals
        self.connects += other.connects


def tell(wrapper: BaseDatabaseWrapper, service: str, untold: dict[str, Untold]) -> None:
    """Add it to the rows, in one statement."""
    numbers = [(each.waits, each.refusals, each.connects) for each in untold.values()]
    with wrapper.cursor() as cursor:
        cursor.execute(ADD, [service, list(untold), *map(list, zip(*numbers, strict=True))])
