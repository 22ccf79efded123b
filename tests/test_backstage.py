from __future__ import annotations

import os
import threading

import pytest

from sockwright.backstage import stand_back

pytestmark = pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="Linux alone knows threads that stand back")


def test_the_thread_that_stands_back_is_the_only_one() -> None:
    found: list[int] = []

    def work() -> None:
        stand_back()
        found.append(os.sched_getscheduler(threading.get_native_id()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [os.SCHED_BATCH]
    assert os.sched_getscheduler(threading.get_native_id()) == os.SCHED_OTHER
