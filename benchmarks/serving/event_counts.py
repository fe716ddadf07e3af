"""Count acknowledged events in the database: is any lost or doubled?"""

from collections import Counter
from collections.abc import Mapping

import sqlalchemy as sa

from benchmarks.serving.requests import EVENTS_PER_BATCH
from polyrec.database.database import Database
from polyrec.database.tables import FEEDBACK, LOG


def count_events(url: str, batches: Mapping[str, int], prefix: str) -> dict[str, int]:
    """Return how many events are lost or doubled, in the feedback and in the log.

    `batches` is user -> status of the batch; the users' ids begin with `prefix`.
    """
    database = Database.open(url)
    with database.read() as connection:
        counts = {
            name: Counter(connection.scalars(sa.select(table.c.user_id).where(*where)))
            for name, table, where in (
                ("feedback", FEEDBACK, (FEEDBACK.c.user_id.like(f"{prefix}-%"),)),
                ("log", LOG, (LOG.c.user_id.like(f"{prefix}-%"), LOG.c.action == "feedback")),
            )
        }
    database.close()
    acknowledged = [user for user, status in batches.items() if status == 200]
    refused = [user for user, status in batches.items() if status != 200]
    rows = counts.values()
    return {
        "acknowledged events": EVENTS_PER_BATCH * len(acknowledged),
        "lost": sum(max(0, EVENTS_PER_BATCH - row[user]) for row in rows for user in acknowledged),
        "doubled": sum(max(0, row[user] - EVENTS_PER_BATCH) for row in rows for user in batches),
        "refused batches": len(refused),
        "refused batches that are there all the same": sum(
            counts["feedback"][user] > 0 for user in refused
        ),
    }
