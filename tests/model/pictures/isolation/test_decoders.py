"""Decoding in processes of their own gives what decoding here gives, and harms nobody else."""

from __future__ import annotations

import io
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from encoded import encode
from PIL import Image

from model.pictures import (
    BrokenPicture,
    Limits,
    NoSuchChannel,
    NoSuchPage,
    NotAPicture,
    Origin,
    PagesDiffer,
    PictureError,
    PictureTooLarge,
    Projection,
    TooManyFrames,
    decode_reduced,
    whole,
)
from model.pictures.isolation import wire
from model.pictures.isolation.decoders import Decoders
from model.pictures.isolation.nursery import obey
from model.pictures.isolation.wire import receive, send
from tests.tiffs import tiff_of

ROOT = Path(__file__).parents[4]
LARGE = (1200, 900)
SMALL = encode(64, 48, "PNG")


def tiff_of_channels(number: int) -> bytes:
    """A small page that says it has so many channels."""
    few = 5
    data = tiff_of(np.zeros((48, 64, few), np.uint16))
    tag = struct.pack("<HHII", 277, 4, 1, few)
    assert tag in data
    return data.replace(tag, tag[:-4] + struct.pack("<I", number))


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    decoders = Decoders()
    yield decoders
    decoders.close()


def children(process: int) -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def nursery(process: int = os.getpid()) -> int:
    """The one of `decoders`, which is the last that this process started."""
    return [pid for pid in children(process) if b"nursery" in Path(f"/proc/{pid}/cmdline").read_bytes()][-1]


def working() -> int:
    """The decoder that was forked last."""
    return children(nursery())[-1]


def data_bytes(process: int) -> int:
    """What of its memory RLIMIT_DATA bounds."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmData:")[1].split()[0]) * 1024


def is_running(process: int) -> bool:
    try:
        return ") Z" not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def wait_until_gone(*processes: int) -> None:
    end = time.monotonic() + 10
    while any(map(is_running, processes)):
        assert time.monotonic() < end, "a process is left"
        time.sleep(0.01)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF"])
@pytest.mark.parametrize("size", [(97, 61), LARGE])
def test_the_pixels_are_those_of_decoding_here(decoders: Decoders, kind: str, size: tuple[int, int]) -> None:
    data = encode(*size, kind)
    here, there = decode_reduced(data, whole), decoders.decode(data, whole)
    np.testing.assert_array_equal(there.image, here.image)
    assert there.size == here.size
    assert not there.image.flags.writeable


def test_decoders_wait_for_pictures_though_sockets_of_this_process_have_a_default_timeout() -> None:
    """Apache Beam sets one, and decoders that did not wait would end, as if a picture had crashed them."""
    socket.setdefaulttimeout(60)
    decoders = Decoders()
    try:
        decoders.decode(SMALL, whole)
        first = nursery(), working()
        time.sleep(0.2)  # no order comes meanwhile
        decoders.decode(SMALL, whole)
        assert (nursery(), working()) == first
    finally:
        socket.setdefaulttimeout(None)
        decoders.close()


def test_a_jpeg_is_reduced_to_what_is_enough(decoders: Decoders) -> None:
    asked: list[tuple[int, int]] = []

    def enough(size: tuple[int, int]) -> tuple[int, int]:
        asked.append(size)
        return 300, 200

    data = encode(1200, 800, "JPEG")
    found = decoders.decode(data, enough)
    np.testing.assert_array_equal(found.image, decode_reduced(data, enough).image)
    assert (found.image.shape, found.size) == ((200, 300, 3), (1200, 800))
    assert asked == [(1200, 800)] * 2


def test_what_it_will_take_is_told_before_it_is_taken(decoders: Decoders) -> None:
    told: list[tuple[tuple[int, int], int, int]] = []
    for size in ((64, 48), LARGE):
        decoders.decode(encode(*size, "PNG"), whole, before_pixels=lambda *how: told.append(how))
    (small_size, small, _), (large_size, large, _) = told
    assert (small_size, large_size) == ((64, 48), LARGE)
    assert small < large
    assert large > LARGE[0] * LARGE[1] * 3


def test_a_large_picture_leaves_no_process_behind_that_has_grown(decoders: Decoders) -> None:
    decoders.decode(encode(64, 48, "PNG"), whole)
    (before, *_) = children(nursery())
    assert decoders.decode(encode(3000, 3000, "JPEG"), whole).size == (3000, 3000)
    assert before not in children(nursery())


@pytest.mark.parametrize(
    ("data", "how", "kind"),
    [
        (b"GIF", {}, NotAPicture),
        (SMALL[:100], {}, BrokenPicture),
        (encode(64, 48, "PNG"), {"page": 1}, NoSuchPage),
        (encode(64, 48, "PNG"), {"channel": 7}, NoSuchChannel),
        (encode(64, 48, "PNG"), {"limits": Limits(max_pixels=64 * 48 - 1)}, PictureTooLarge),
        (encode(64, 48, "GIF"), {"limits": Limits(max_frames=0)}, TooManyFrames),
        (tiff_of_channels(2**31), {}, PictureTooLarge),
    ],
)
def test_a_refusal_is_that_of_decoding_here(
    decoders: Decoders, data: bytes, how: dict[str, int], kind: type[PictureError]
) -> None:
    with pytest.raises(PictureError) as here:
        decode_reduced(data, whole, **how)  # type: ignore[arg-type]
    with pytest.raises(PictureError) as there:
        decoders.decode(data, whole, **how)  # type: ignore[arg-type]
    assert type(there.value) is type(here.value) is kind
    assert str(there.value) == str(here.value)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (signal.SIGSEGV, BrokenPicture),  # a codec crashed
        (signal.SIGABRT, BrokenPicture),  # or gave up
        (signal.SIGXCPU, PictureTooLarge),  # the time limit
        (signal.SIGKILL, MemoryError),  # the kernel wanted its memory
        (signal.SIGBUS, MemoryError),  # or had none for a page
    ],
)
def test_a_decoder_that_dies_costs_its_own_picture_only(
    decoders: Decoders, number: signal.Signals, expected: type[Exception]
) -> None:
    with pytest.raises(expected):
        decoders.decode(encode(*LARGE, "PNG"), whole, before_pixels=lambda *_: os.kill(working(), number))
    assert decoders.decode(encode(64, 48, "PNG"), whole).size == (64, 48)


def test_where_the_machine_has_no_memory_the_picture_is_not_called_broken(decoders: Decoders) -> None:
    def leave_none(size: tuple[int, int], needed: int, pages: int) -> None:
        limit = 50_000_000  # less than any process of Python has
        resource.prlimit(working(), resource.RLIMIT_AS, (limit, limit))

    for kind in ("PNG", "JPEG", "TIFF", "WEBP", "AVIF"):
        with pytest.raises(MemoryError):
            decoders.decode(encode(*LARGE, kind), whole, before_pixels=leave_none)


def refuse_one(decoders: Decoders) -> int:
    """Have a decoder refuse a file, which leaves it ready for the next one; says which it is."""
    with pytest.raises(BrokenPicture):
        decoders.decode(SMALL[:100], whole)
    return working()


def test_what_a_refused_file_was_allowed_does_not_bound_the_next_one(decoders: Decoders) -> None:
    decoders.close()
    decoder = refuse_one(decoders)
    _, hard = resource.prlimit(decoder, resource.RLIMIT_DATA)
    # As if its file had been so small, and the next one so large.
    resource.prlimit(decoder, resource.RLIMIT_DATA, (data_bytes(decoder), hard))
    assert decoders.decode(encode(*LARGE, "BMP"), whole).size == LARGE
    assert working() == decoder


def test_a_decoder_without_memory_for_the_file_does_not_call_it_broken(decoders: Decoders) -> None:
    decoders.close()
    limit = data_bytes(refuse_one(decoders))
    resource.prlimit(nursery(), resource.RLIMIT_DATA, (limit, limit))  # of decoders that it forks from now on
    for decoder in children(nursery()):
        resource.prlimit(decoder, resource.RLIMIT_DATA, (limit, limit))
    try:
        with pytest.raises(MemoryError):
            decoders.decode(encode(3000, 3000, "BMP"), whole)
    finally:
        decoders.close()


def test_what_waits_for_a_picture_may_give_up_at_any_moment(decoders: Decoders) -> None:
    class LeftError(Exception):
        pass

    def leave(*_: object) -> None:
        raise LeftError

    def stop(size: tuple[int, int], needed: int, pages: int) -> None:
        os.kill(working(), signal.SIGSTOP)

    data = encode(*LARGE, "PNG")
    calls: list[dict[str, Callable[..., object]]] = [
        {"before_pixels": leave},
        {"before_pixels": stop, "check": leave},
    ]
    for call in calls:
        decoders.decode(encode(64, 48, "PNG"), whole)
        before = children(nursery())
        with pytest.raises(LeftError):
            decoders.decode(data, whole, **call)  # type: ignore[arg-type]
        assert set(children(nursery())) <= set(before)  # the decoder is not left to work for nobody


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "AVIF", "GIF"])
def test_a_picture_that_is_not_wanted_once_its_size_is_known_ends_no_decoder(
    decoders: Decoders, kind: str
) -> None:
    class UnwantedError(Exception):
        pass

    def refuse(*_: object) -> None:
        raise UnwantedError

    small, large = encode(64, 48, "PNG"), encode(600, 450, kind)
    decoders.decode(small, whole)
    before = children(nursery())
    for _ in range(3):
        with pytest.raises(UnwantedError):
            decoders.decode(large, whole, before_pixels=refuse)
        assert decoders.decode(small, whole).size == (64, 48)
    assert children(nursery()) == before


def test_a_decoder_or_a_nursery_that_is_killed_while_idle_is_replaced(decoders: Decoders) -> None:
    data = encode(64, 48, "PNG")
    decoders.decode(data, whole)
    for process in (*children(nursery()), nursery()):
        os.kill(process, signal.SIGKILL)
        wait_until_gone(process)
        assert decoders.decode(data, whole).size == (64, 48)


def test_a_nursery_that_is_killed_at_work_costs_no_picture(decoders: Decoders) -> None:
    kills = iter([signal.SIGKILL])

    def kill_once(size: tuple[int, int], needed: int, pages: int) -> None:
        for number in kills:
            os.kill(nursery(), number)

    found = decoders.decode(encode(*LARGE, "PNG"), whole, before_pixels=kill_once)
    assert found.size == LARGE


def test_where_nurseries_are_killed_again_and_again_the_picture_is_not_called_broken(
    decoders: Decoders,
) -> None:
    with pytest.raises(MemoryError):
        decoders.decode(
            encode(*LARGE, "PNG"),
            whole,
            before_pixels=lambda *_: os.kill(nursery(), signal.SIGKILL),
        )
    assert decoders.decode(encode(64, 48, "PNG"), whole).size == (64, 48)


def test_a_nursery_that_is_stopped_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_TALK_SECONDS", 3)
    decoders = Decoders()
    decoders.decode(encode(64, 48, "PNG"), whole)
    stopped = nursery()
    os.kill(working(), signal.SIGKILL)
    os.kill(stopped, signal.SIGSTOP)
    monkeypatch.setattr(wire, "_TALK_SECONDS", 10)
    assert decoders.decode(encode(64, 48, "PNG"), whole).size == (64, 48)
    assert nursery() != stopped
    decoders.close()


def test_a_nursery_that_cannot_fork_says_so_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", fail)
    ours, its = socket.socketpair()
    connection, other = socket.socketpair()
    with ours, its, connection, other:
        send(ours, {"fork": True}, other.fileno())
        obey(its)
        assert receive(ours).values == {"process": None}


def test_decoders_see_nothing_of_the_service_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKSERVE_API_KEYS", "secret")
    decoders = Decoders()
    decoders.decode(encode(64, 48, "PNG"), whole)
    assert b"secret" not in Path(f"/proc/{working()}/environ").read_bytes()
    decoders.close()


def test_no_process_outlives_the_service() -> None:
    source = """if True:
        import sys, time
        from model.pictures import whole
        from model.pictures.isolation.decoders import Decoders
        decoders = Decoders()
        decoders.decode(sys.stdin.buffer.read(), whole)
        print("decoded", flush=True)
        time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", source], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as service:
        assert service.stdin and service.stdout
        service.stdin.write(encode(64, 48, "PNG"))
        service.stdin.close()
        assert service.stdout.readline() == b"decoded\n"
        processes = [nursery(service.pid), *children(nursery(service.pid))]
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # to its group or its control group
            os.kill(processes[0], number)
            os.kill(processes[1], number)
        time.sleep(0.1)
        assert all(map(is_running, processes))
        service.kill()
    wait_until_gone(*processes)


def test_what_libraries_say_of_a_file_is_no_line_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    decoders = Decoders()
    deep = cv2.imencode(".png", np.zeros((32, 32, 3), np.uint16))[1].tobytes()  # which OpenCV reads
    broken = deep[:60] + bytes(byte ^ 255 for byte in deep[60:-12]) + deep[-12:]
    for data in (broken, encode(64, 48, "TIFF")[:2000]):
        with pytest.raises(PictureError):
            decoders.decode(data, whole)
    decoders.close()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("how", ["max", "mean"])
def test_a_projection_is_made_as_here_and_counts_every_page(decoders: Decoders, how: Projection) -> None:
    file = io.BytesIO()
    noise = [Image.effect_noise((64, 48), 30 * spread) for spread in (1, 2, 3)]
    noise[0].save(file, "TIFF", save_all=True, append_images=noise[1:])
    told: list[tuple[tuple[int, int], int, int]] = []

    found = decoders.decode(
        file.getvalue(), whole, projection=how, before_pixels=lambda *how: told.append(how)
    )

    here = decode_reduced(file.getvalue(), whole, projection=how)
    np.testing.assert_array_equal(found.image, here.image)
    assert found.origin == here.origin
    ((size, _, pages),) = told
    assert (size, pages) == ((64, 48), 3)


def test_what_the_file_tells_of_its_picture_comes_along(decoders: Decoders) -> None:
    file = io.BytesIO()
    Image.new("L", (8, 6)).save(file, "PNG", dpi=(25_400, 50_800))

    assert decoders.decode(file.getvalue(), whole).origin == Origin(
        pages=1, page=0, channels=1, pixel_size=(1.0, 0.5)
    )


def test_pages_that_differ_are_refused_as_here(decoders: Decoders) -> None:
    file = io.BytesIO()
    Image.new("L", (8, 6)).save(file, "TIFF", save_all=True, append_images=[Image.new("L", (8, 7))])

    with pytest.raises(PagesDiffer, match="pages of one size"):
        decoders.decode(file.getvalue(), whole, projection="max")
