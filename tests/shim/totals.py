"""Prints the cases that failed, how many came out in which way, and why others were not run. totals.py CACHE CONFIG"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

cache, config = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
tests = json.loads((cache / "results.json").read_text())["tests"]
names = json.loads((cache / "names.json").read_text())["tests"]
log = (cache / "runner.log").read_text(errors="replace")
for block in re.split(r"\n(?=(?:FAILED|PASSED|UNIMPLEMENTED) \()", log):
    if block.startswith("FAILED"):
        print(block)

# A star stands for anything, as in the runner.
patterns = [(re.compile(".*".join(map(re.escape, pattern.split("*")))), pattern) for pattern in config["DisabledTests"]]
reasons, used = Counter(), set()
for name in names:
    fitting = [pattern for form, pattern in patterns if form.fullmatch(name)]
    used.update(fitting)
    if fitting:
        reasons[config["DisabledTests"][fitting[0]]] += 1
for pattern in sorted(set(config["DisabledTests"]) - used):
    print(f"no case is called {pattern}")

count = Counter(test["actual"] for test in tests.values())
print(f"{len(names):6} cases of the runner")
print(f"{count['PASS']:6} passed")
print(f"{count['FAIL']:6} failed")
print(f"{count['SKIP']:6} not implemented: a flag asks for what is not here")
print(f"{reasons.total():6} not run:")
for reason, number in reasons.most_common():
    print(f"{number:13} {reason}")
print(f"{cache}/runner.log has all of it")
