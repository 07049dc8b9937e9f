"""Asks a Prometheus every expression of a file, and says what is not as the file says.

  ask.py URL scraped COUNT   waits until each target was scraped so often
  ask.py URL queries FILE    asks
"""

import json
import math
import sys
import time
import urllib.parse
import urllib.request

PATIENCE_SECS = 30


def query(url, expression):
    """The values of a vector."""
    address = f"{url}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    try:
        with urllib.request.urlopen(address, timeout=10) as response:
            result = json.load(response)["data"]["result"]
    except urllib.error.HTTPError as error:
        raise ValueError(json.load(error).get("error", str(error))) from error
    return [float(series["value"][1]) for series in result]


def wait_for_scrapes(url, count):
    """Counts what was scraped since the call."""
    begun, seen = time.time(), 0.0
    while time.time() < begun + PATIENCE_SECS:
        try:
            since = math.ceil(time.time() - begun) or 1
            counts = query(url, f"count_over_time(up[{since}s])")
            seen = min(counts, default=0.0)
        except (OSError, ValueError):
            pass
        if seen >= count:
            return 0
        time.sleep(0.2)
    print(f"{seen} scrapes after {PATIENCE_SECS} s")
    return 1


def wrong(url, wanted, expression):
    """What is wrong with an answer, if anything."""
    try:
        values = query(url, expression)
    except ValueError as error:
        return str(error)
    if wanted == "none":
        return f"it fires: {values}" if values else None
    if not values:
        return "no series"
    return "NaN" if any(math.isnan(value) for value in values) else None


def ask_all(url, file):
    lines = [line.strip() for line in open(file) if line.strip() and not line.startswith("#")]
    failed = 0
    for line in lines:
        wanted, expression = line.split(" ", 1)
        if wanted not in ("some", "none"):
            sys.exit(f"{file}: {line}")
        complaint = wrong(url, wanted, expression)
        if complaint:
            failed += 1
            print(f"{complaint}: {expression}")
    print(f"{len(lines) - failed} of {len(lines)} expressions are answered")
    return 1 if failed or not lines else 0


_, url, what, argument = sys.argv
sys.exit(wait_for_scrapes(url, int(argument)) if what == "scraped" else ask_all(url, argument))
