"""What the shop does in bulk. Every process reads this file, so it imports nothing heavy."""

from __future__ import annotations

from pydantic import Field

from vocaqueue import JobParams, JobType, Limits, Rate


class SendLetters(JobParams):
    """Write a letter to customers."""

    customer_ids: tuple[str, ...] | None = None
    subject: str = Field(min_length=1, max_length=200)


class PriceList(JobParams):
    """Put the prices of all books of the branch into a file."""

    percent_off: float = 0.0


JOB_TYPES = (
    JobType(
        name="send-letters",
        params=SendLetters,
        items="customer_ids",
        prepare="bookshop.preparing:prepare_letters",
        handler="bookshop.letters:LetterHandler",
        limits=Limits(concurrency=2, item_concurrency=5, rate=Rate(200, 1.0), item_timeout_s=20),
    ),
    JobType(
        name="price-list",
        params=PriceList,
        estimate="bookshop.preparing:estimate_price_list",
        handler="bookshop.price_list:PriceListHandler",
        limits=Limits(concurrency=1, chunk_max=100),
    ),
)
