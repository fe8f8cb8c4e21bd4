#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks of the house rules that a compiler does not make: rooms, lengths, licences, dead words."""
import pathlib
import re
import subprocess
import sys

# What each room may include, besides itself and include/weir.
ROOMS = {
    'base': set(),
    'wire': {'base'},
    'trace': {'base', 'wire'},
    'net': {'base', 'wire'},
    'udp': {'base', 'wire', 'net'},
    'tcp': {'base', 'wire', 'net'},
    'core': {'base', 'wire', 'net', 'udp', 'tcp'},
    'driver': {'base', 'wire', 'trace', 'core'},
    'sock': {'base', 'wire', 'net', 'udp', 'tcp', 'core'},
    'sim': {'base', 'wire', 'trace', 'core', 'driver', 'sock'},
    'drill': {'base', 'wire', 'trace', 'core', 'driver', 'sock', 'sim'},
}
FREESTANDING = {'base', 'wire', 'net', 'udp', 'tcp', 'core'}
FREESTANDING_HEADERS = {'stddef.h', 'stdint.h', 'stdbool.h', 'limits.h'}
# Vector intrinsics: platform files of base, never built for a bare board.
PLATFORM_HEADERS = {'immintrin.h', 'arm_neon.h'}
LINES_MAX, COLUMNS_MAX, FUNCTION_LINES_MAX = 1000, 100, 70
WORDS = re.compile(r'\b(TODO|FIXME|XXX|HACK)\b')

problems = []


def report(path, line, text):
    problems.append(f'{path}:{line}: {text}')


def check_includes(path, room, number, line):
    match = re.match(r'\s*#\s*include\s+["<]([^">]+)[">]', line)
    if not match:
        return
    name = match[1]
    if '<' in line:
        if room in FREESTANDING and name not in FREESTANDING_HEADERS | PLATFORM_HEADERS:
            report(path, number, f'a freestanding room includes <{name}>')
        return
    top = name.split('/')[0]
    if top in ROOMS and top != room and top not in ROOMS[room]:
        report(path, number, f'room {room} may not include room {top}')


def check_functions(path, lines):
    start = None
    for number, line in enumerate(lines, 1):
        if line == '{':
            start = number
        elif line == '}' and start is not None:
            if number - start - 1 > FUNCTION_LINES_MAX:
                report(path, start, f'function of {number - start - 1} lines (limit {FUNCTION_LINES_MAX})')
            start = None
        elif start is not None and re.match(r'\s*#\s*(if|ifdef|ifndef|elif|else)\b', line):
            report(path, number, '#if inside a function body')


def check_file(path):
    lines = path.read_text().split('\n')
    text = path.suffix in {'.c', '.h'}
    if not any('SPDX-License-Identifier: MIT' in line for line in lines[:3]):
        report(path, 1, 'no SPDX line')
    if len(lines) - 1 > LINES_MAX:
        report(path, len(lines), f'more than {LINES_MAX} lines')
    room = path.parts[1] if path.parts[0] == 'src' else None
    for number, line in enumerate(lines, 1):
        if text and len(line) > COLUMNS_MAX + 5:
            report(path, number, f'{len(line)} columns (limit {COLUMNS_MAX})')
        if line != line.rstrip():
            report(path, number, 'space at the end of the line')
        if path.name != 'tidy.py' and WORDS.search(line):
            report(path, number, 'a word that rots: make it an issue or remove it')
        if room:
            check_includes(path, room, number, line)
    if text and path.parts[0] in {'src', 'cli', 'include'}:
        check_functions(path, lines)


def main():
    names = subprocess.run(['git', 'ls-files', '-co', '--exclude-standard', '*.c', '*.h', '*.sh', '*.py'],
                           check=True, capture_output=True, text=True).stdout.split()
    for name in names:
        if pathlib.Path(name).exists():
            check_file(pathlib.Path(name))
    print('\n'.join(problems) or f'tidy: {len(names)} files')
    return 1 if problems else 0


sys.exit(main())
