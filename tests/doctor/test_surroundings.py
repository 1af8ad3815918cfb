"""What is around Python: each check where all is well, and where something is not."""

import os
import shutil
import socket
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from s3im_methods.doctor import surroundings
from s3im_methods.doctor.findings import Settings

HERE = Settings()


def test_missing_system_libraries_are_named_with_their_packages(monkeypatch):
    monkeypatch.setattr(surroundings, "missing_libraries", lambda: ["libusb-1.0.so.0"])
    finding = surroundings.look_at_system_libraries(HERE)
    assert (finding.state, finding.detail) == ("broken", "libusb-1.0.so.0 cannot be loaded")
    assert finding.remedy.endswith("apt-get install libusb-1.0-0")
    monkeypatch.setattr(surroundings, "missing_libraries", list)
    assert surroundings.look_at_system_libraries(HERE).state == "ok"


@pytest.mark.parametrize(
    ("container", "state", "free"),
    [(None, "ok", 12.0), ((8.0, 7.0), "warning", 1.0), ((8.0, 5.9), "ok", 2.1), ((64.0, 1.0), "ok", 12.0)],
)
def test_memory_is_what_the_container_leaves(container, state, free, monkeypatch):
    memory = SimpleNamespace(available=12 * 2**30, total=16 * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(surroundings, "container_memory", lambda: container)
    finding = surroundings.look_at_memory(HERE)
    assert (finding.state, finding.numbers["free_gib"]) == (state, free)


def test_a_containers_limits_are_read(tmp_path):
    (tmp_path / "memory.max").write_text(f"{4 * 2**30}\n")
    (tmp_path / "memory.current").write_text(f"{2**30}\n")
    assert surroundings.container_memory(tmp_path) == (4.0, 1.0)
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {2**29}\n")
    assert surroundings.container_memory(tmp_path) == (4.0, 0.5)
    (tmp_path / "memory.max").write_text("max\n")
    assert surroundings.container_memory(tmp_path) is None
    assert surroundings.container_memory(tmp_path / "none") is None


@pytest.mark.parametrize(("limit", "found"), [(4 * 2**30, (4.0, 0.75)), (2**63 - 4096, None)])
def test_limits_of_the_kernels_first_version_are_read(limit, found, tmp_path):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory/memory.limit_in_bytes").write_text(f"{limit}\n")
    (tmp_path / "memory/memory.usage_in_bytes").write_text(f"{2**30}\n")
    (tmp_path / "memory/memory.stat").write_text(f"inactive_file 0\ntotal_inactive_file {2**28}\n")
    assert surroundings.container_memory(tmp_path) == found


@pytest.mark.parametrize(("quota", "cores"), [(150000, 1.5), (-1, 64)])
def test_cores_of_the_kernels_first_version(quota, cores, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(64), raising=False)
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert surroundings.usable_cores(tmp_path) == cores


@pytest.mark.parametrize(("text", "cores"), [("50000 100000", 0.5), ("max 100000", 64), ("", 64)])
def test_cores_are_what_the_container_may_use(text, cores, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(64), raising=False)
    (tmp_path / "cpu.max").write_text(text)
    assert surroundings.usable_cores(tmp_path) == cores


@pytest.mark.parametrize(
    ("omp", "cores", "state"), [("2", 2.0, "ok"), ("8", 2.0, "warning"), (None, 2.0, "warning"), (None, 4.0, "ok")]
)
def test_threads_without_a_core_are_a_warning(omp, cores, state, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(4), raising=False)
    monkeypatch.setattr(surroundings, "usable_cores", lambda: cores)
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if omp:
        monkeypatch.setenv("OMP_NUM_THREADS", omp)
    finding = surroundings.look_at_cores(HERE)
    assert finding.state == state
    assert ("OMP_NUM_THREADS" in finding.remedy) == (state == "warning")


def test_an_output_folder_below_a_file_is_broken(tmp_path):
    (tmp_path / "file").write_text("")
    assert surroundings.look_at_output_space(Settings(tmp_path / "file" / "runs")).state == "broken"


@pytest.mark.parametrize(("free", "state"), [(1e9, "warning"), (100e9, "ok")])
def test_a_full_disk_is_a_warning(free, state, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free))
    assert surroundings.look_at_output_space(Settings(tmp_path / "runs")).state == state
    assert not (tmp_path / "runs").exists()


def test_little_shared_memory_is_a_warning(monkeypatch):
    monkeypatch.setattr(Path, "is_dir", lambda self: True)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=64e6))
    finding = surroundings.look_at_shared_memory(HERE)
    assert finding.state == "warning" and "--shm-size" in finding.remedy


def test_a_port_that_is_taken_is_a_warning():
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finding = surroundings.look_at_port(Settings(port=port))
        # compat.viewer_address lets the run take the next one and print it.
        assert finding.state == "warning" and "takes the next one" in finding.detail and not finding.remedy
    assert surroundings.look_at_port(Settings(port=port)).state == "ok"


def test_a_port_that_does_not_exist_is_to_be_replaced():
    finding = surroundings.look_at_port(Settings(port=70000))
    assert finding.state == "warning" and "1 to 65535" in finding.remedy


def test_ffmpeg_and_colmap(monkeypatch):
    monkeypatch.setattr("s3im_methods.compat.ffmpeg.put_ffmpeg_on_path", lambda: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert surroundings.look_at_ffmpeg(HERE).state == surroundings.look_at_colmap(HERE).state == "missing"
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert surroundings.look_at_ffmpeg(HERE).detail == "/usr/bin/ffmpeg"
    assert surroundings.look_at_colmap(HERE).detail == "/usr/bin/colmap"


def test_where_kernels_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kernels"))
    assert str(tmp_path / "kernels") in surroundings.look_at_kernel_cache(HERE).detail
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    finding = surroundings.look_at_kernel_cache(HERE)
    assert finding.state == "warning" and "NUMBA_CACHE_DIR" in finding.remedy
