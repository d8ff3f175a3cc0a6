"""Letters: one customer per item. The shop's outbox is a table."""

from __future__ import annotations

import asyncio

from vocaqueue import Context, Handler, Item, Outcome

from .branches import own_branch
from .database import connection


class LetterHandler(Handler):
    async def run(self, item: Item, ctx: Context) -> Outcome:
        return await asyncio.to_thread(self._send, item.id, ctx)

    def _send(self, customer_id: str, ctx: Context) -> Outcome:
        with connection() as db:
            found = db.execute("SELECT * FROM customers WHERE id = ?", (customer_id,)).fetchone()
            if found is None:
                return Outcome.failed("no_such_customer", f"There is no customer {customer_id}.")
            if found["branch"] != own_branch():
                return Outcome.failed("other_branch", f"{found['name']} is a customer of {found['branch']}.")
            # A worker that died may have written it already: the same letter is one row, of the newest owner.
            db.execute(
                "INSERT INTO letters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET fence = excluded.fence "
                "WHERE excluded.fence >= letters.fence",
                (customer_id, ctx.params.subject, ctx.fence),
            )
        ctx.log.info("a letter to %s", found["email"])
        return Outcome.done()
