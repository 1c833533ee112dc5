"""A handler as a function: what it needs of other steps and of the task arrives as parameters."""

from __future__ import annotations

from typing import Any

from stephost import PermanentError
from stephost.functional import depends_on, inputs, step_handler


@step_handler("examples.reserve_stock")
@depends_on(price="price_order")
@inputs("warehouse")
async def reserve_stock(price: dict[str, int], warehouse: str | None) -> dict[str, Any]:
    if warehouse is None:
        raise PermanentError("the task names no `warehouse`")
    return {"warehouse": warehouse, "reserved_cents": price["total_cents"]}
