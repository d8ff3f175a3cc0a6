"""Random lives of a ledger, with every fault in them, against a model made from its contract."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from vocaqueue.store.ledger import Ledger

from .machine import LedgerMachine

EXAMPLES = int(os.environ.get("VOCAQUEUE_MODEL_EXAMPLES", "200"))
STEPS = int(os.environ.get("VOCAQUEUE_MODEL_STEPS", "50"))


@pytest.mark.timeout(600 + 3 * EXAMPLES)  # a failure is made small before it is shown, which takes minutes
def test_every_invariant_holds_in_every_life(make_ledger: Callable[..., Ledger]) -> None:
    """
    After each step of any interleaving with faults the invariants hold, and without faults all jobs end.
    """

    class Machine(LedgerMachine):
        pass

    Machine.make_ledger = staticmethod(make_ledger)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.target, Phase.shrink),
        ),
    )
