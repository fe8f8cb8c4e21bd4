#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Does every row of the attack catalogue have a test or a waiver?

A test covers a row by carrying its id in its name: ATK_IP4_07_..., or ATK_FRG_09_10_... for two;
a packet script by naming it, ATK-IP4-07, in the comment it begins with. Only tests that are
registered with cmocka count, and scripts that tests/drill/meson.build has run. Fails for a row with
neither test nor waiver, a row with both, an id that is no row, a waiver without feature or date, a
script that nothing runs, and when more than 5 % of the rows are waived.
Usage: catalogue.py [ROOT]"""
import pathlib
import re
import sys

WAIVED_PERCENT_MAX = 5
TEST = re.compile(r"cmocka_unit_test\w*\(\s*(?:test_)?ATK_([A-Z0-9]+)_(\d\d(?:_\d\d)*)_")
NAMED = re.compile(r"\bATK[-_][\w.-]*\w")
ROW = re.compile(r"ATK-[A-Z0-9]+-\d\d")
WAIVER = re.compile(r"(ATK-\w+-\d\d) \| (\S.*) \| (\d{4}-\d\d-\d\d)")


def lines(path):
    """The lines of a file that are neither empty nor comments."""
    text = path.read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]


def tested_ids(root):
    """Each id in the name of a registered test, with how many tests carry it."""
    count = {}
    for path in sorted((root / "tests").rglob("*.c")):
        for group, numbers in TEST.findall(path.read_text(encoding="utf-8")):
            for number in numbers.split("_"):
                row = f"ATK-{group}-{number}"
                count[row] = count.get(row, 0) + 1
    return count


def scripts_run(root):
    """The directories of scripts that are run: the suites of tests/drill/meson.build."""
    build = lines(root / "tests/drill/meson.build")
    suites = re.findall(r"foreach name : \[(.*?)\]", " ".join(build))
    return {name for suite in suites for name in re.findall(r"'([^']+)'", suite)}


def opening_comment(path):
    """The comment lines that a script begins with."""
    comment = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith(("//", "#")):
            break
        comment.append(line)
    return "\n".join(comment)


def count_scripts(root, count, faults):
    """Add the scripts that name an id to the count."""
    run = scripts_run(root)
    for path in sorted((root / "tests/drill").rglob("*.pkt")):
        name = path.relative_to(root / "tests/drill")
        if len(name.parts) != 2 or name.parts[0] not in run:
            faults.append(f"tests/drill/{name}: in no suite of tests/drill/meson.build")
            continue
        for row in sorted(set(NAMED.findall(opening_comment(path)))):
            if ROW.fullmatch(row):
                count[row] = count.get(row, 0) + 1
            else:
                faults.append(f"tests/drill/{name}: {row} is no id")


def waived_ids(path, faults):
    waived = set()
    for line in lines(path):
        match = WAIVER.fullmatch(line)
        if match is None:
            faults.append(f"waiver is not 'ID | absent feature | date': {line}")
        elif match[1] in waived:
            faults.append(f"{match[1]}: waived twice")
        else:
            waived.add(match[1])
    return waived


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    rows = lines(root / "tests/attack/rows.txt")
    groups = {row.split("-")[1] for row in rows}
    faults = []
    tested = tested_ids(root)
    count_scripts(root, tested, faults)
    waived = waived_ids(root / "tests/attack/waivers.txt", faults)

    if len(set(rows)) != len(rows):
        faults.append("rows.txt names a row twice")
    for row in rows:
        if row in waived and row in tested:
            faults.append(f"{row}: waived, though there is a test")
        elif row not in waived and row not in tested:
            faults.append(f"{row}: neither test nor waiver")
    for row in sorted(tested):
        if row.split("-")[1] in groups and row not in rows:
            faults.append(f"{row}: in the name of a test, but no row")
    faults += [f"{row}: waived, but no row" for row in sorted(waived - set(rows))]
    if len(waived) * 100 > len(rows) * WAIVED_PERCENT_MAX:
        faults.append(f"{len(waived)} of {len(rows)} rows waived: more than {WAIVED_PERCENT_MAX} %")

    for group in sorted(groups):
        of_group = [row for row in rows if row.split("-")[1] == group]
        print(f"ATK-{group}: {len(of_group)} rows,"
              f" {sum(tested.get(row, 0) for row in of_group)} tests,"
              f" {sum(row in waived for row in of_group)} waived")
    print(f"{len(rows)} rows, {sum(row in tested for row in rows)} tested, {len(waived)} waived"
          f" ({100 * len(waived) / len(rows):.1f} %)")
    for fault in faults:
        print(f"catalogue: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
