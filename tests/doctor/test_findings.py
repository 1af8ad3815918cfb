"""A check that raises is a line, and not the end."""

import pytest

from s3im_methods.doctor.findings import Check, Finding, Settings, examine


def fails(error: BaseException):
    def look(settings: Settings) -> Finding:
        raise error

    return look


@pytest.mark.parametrize("error", [RuntimeError("CUDA error: no kernel\nmore"), SystemExit("a plugin left"), OSError()])
def test_what_a_check_raises_becomes_its_finding(error):
    fine = Finding("ok", "fine")
    checks = [Check("first", fails(error)), Check("needed", fails(error), needed=True), Check("last", lambda _: fine)]
    found = dict(examine(checks, Settings()))
    assert [finding.state for finding in found.values()] == ["warning", "broken", "ok"]
    assert type(error).__name__ in found["first"].detail
    assert "\n" not in found["first"].detail


def test_an_interruption_ends_the_report():
    with pytest.raises(KeyboardInterrupt):
        list(examine([Check("slow", fails(KeyboardInterrupt()))], Settings()))
