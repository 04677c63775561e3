"""Files of several processes, read while they are made."""

from __future__ import annotations

from tianji_callback_prometheus.multiprocess import FilesCollector


def test_a_file_that_is_still_empty_is_passed_over(tmp_path):
    (tmp_path / "counter_7.db").touch()
    assert list(FilesCollector(None, str(tmp_path)).collect()) == []
    (tmp_path / "counter_7.db").write_bytes(bytes(1024))
    assert list(FilesCollector(None, str(tmp_path)).collect()) == []
