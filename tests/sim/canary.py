# SPDX-License-Identifier: MIT
"""Copy a source file with one edit, which must fit exactly one place: canary.py INPUT OUTPUT OLD NEW"""
import sys

source, target, old, new = sys.argv[1:]
with open(source, encoding="utf-8") as f:
    text = f.read()
if text.count(old) != 1:
    sys.exit(f"{source}: {text.count(old)} places for the edit of {old!r}")
with open(target, "w", encoding="utf-8") as f:
    f.write(text.replace(old, new))
