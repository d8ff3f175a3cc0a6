"""What happens where a job is submitted: here in the web process, so no handler is imported."""

from __future__ import annotations

from vocaqueue import Estimate, Prepared

from .database import connection
from .job_types import PriceList, SendLetters


def prepare_letters(params: SendLetters) -> Prepared:
    """Says how many of the ids are no customer's; their letters will fail, the others go out."""
    ids = set(params.customer_ids or ())
    with connection() as db:
        known = {row["id"] for row in db.execute("SELECT id FROM customers")}
    if not ids - known:
        return Prepared(params)
    message = f"{len(ids - known)} of the ids are no customer's."
    return Prepared(params, ({"code": "unknown_customers", "count": len(ids - known), "message": message},))


def estimate_price_list(_params: PriceList) -> Estimate:
    """As many items as there are books; nobody is paid for it."""
    with connection() as db:
        (books,) = db.execute("SELECT count(DISTINCT isbn) FROM books").fetchone()
    return Estimate(items=books, cost_usd=0.0)
