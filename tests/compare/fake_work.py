"""What takes the place of a run: it follows the first of the job's arguments.

Runs' processes import it by its name, which a test's own functions do not have.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from s3im_methods.compare import worker
from s3im_methods.compare.job import Job


def make_run(job: Job) -> dict:
    """Wait for a second run, sleep, leave a process, name libraries, be killed, fail, or be done."""
    what = job.arguments[0]
    print("threads", os.environ["OMP_NUM_THREADS"], flush=True)
    if what == "meet":
        meeting = Path(job.out) / "meeting"
        meeting.mkdir(exist_ok=True)
        (meeting / job.id).touch()
        while len(list(meeting.iterdir())) < 2:
            time.sleep(0.05)
    if what == "sleep":
        # As nerfstudio's own methods start some to draw rays.
        other = subprocess.Popen(["sleep", "1000"])
        print("begun", os.getpid(), other.pid, flush=True)
        time.sleep(1000)
    if what == "leave":
        print("left", subprocess.Popen(["sleep", "1000"]).pid, flush=True)
    if what == "libraries":
        print("nerfstudio.configs.method_configs" in sys.modules, flush=True)
    if what in ("killed", "ended"):
        os.kill(os.getpid(), signal.SIGKILL if what == "killed" else signal.SIGTERM)
        time.sleep(60)
    if what == "fail":
        raise SystemExit("The reason.\n\n")
    return {"id": job.id}


def work(job_text: str) -> None:
    """As the real one, but for the training."""
    worker.make_run = make_run
    worker.work(job_text)
