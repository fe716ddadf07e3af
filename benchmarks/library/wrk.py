"""Load by wrk (Debian: wrk): it takes a tenth of a core, where a client in Python takes half."""

import re
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

READS = """
request = function()
  return wrk.format("GET", string.format("/api/recommend/user-%05d", math.random(0, {users} - 1)))
end
"""
"""Lists for random users."""

WRITES = """
local headers = {["Content-Type"] = "application/json"}
local event = '{"FeedbackType":"event","UserId":"user-%05d","ItemId":"item-%06d"}'
request = function()
  local events = {}
  for i = 1, {events} do
    events[i] = string.format(event, math.random(0, {users} - 1), math.random(0, {items} - 1))
  end
  return wrk.format("POST", "/api/feedback", headers, "[" .. table.concat(events, ",") .. "]")
end
"""
"""Batches of random events."""


class WrkResult(NamedTuple):
    """Responses per second, those that failed, and the share of a core that the client took."""

    per_second: float
    failed: int
    client_cores: float


def run_wrk(port: int, script: str, *, connections: int, seconds: int, **sizes: int) -> WrkResult:
    """Send the requests of a script back to back on every connection."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("wrk is not installed (Debian: wrk)")
    for name, size in sizes.items():
        script = script.replace(f"{{{name}}}", str(size))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "requests.lua"
        file.write_text(f"math.randomseed(os.time())\n{script}")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(file)]
        url = f"http://127.0.0.1:{port}"
        output = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    bad = re.findall(
        r"Non-2xx or 3xx responses: (\d+)|(?:connect|read|write|timeout) (\d+)", output
    )
    assert rate is not None, output
    failed = sum(int(number) for pair in bad for number in pair if number)
    return WrkResult(round(float(rate[1]), 1), failed, round(used / seconds, 3))
