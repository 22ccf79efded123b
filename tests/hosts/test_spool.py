from __future__ import annotations

import gc
import warnings

from sockwright.hosts.spool import Spool


def test_what_was_written_is_read_from_its_beginning() -> None:
    spool = Spool()
    spool.write(b"abc")
    spool.write(b"def")
    spool.rewind()
    assert (spool.file.read(4), spool.file.read(), spool.size) == (b"abcd", b"ef", 6)
    spool.close()
    spool.close()


def test_one_that_is_forgotten_closes_its_file() -> None:
    spool = Spool()
    file = spool.file
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del spool
        gc.collect()
    assert file.closed
