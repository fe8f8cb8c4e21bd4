#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Would the segment matrix see a fault? Each entry of faults.txt is one edit of one source file: build the
matrix (or the walks) with it, run a part of it, and see it fail.

    tests/model/faults.py [--every N] BUILDDIR [NAME...]

BUILDDIR is a meson build directory in which test_model_matrix and test_model_walk were built. Nothing in it is
changed. With --every N only each Nth fault is tried, as the test does; all of them take minutes."""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = {'matrix': 'tests/model/test_model_matrix', 'walk': 'tests/model/test_model_walk'}
SECONDS_MAX = 120


def read_faults():
    """Blocks of 'name:', 'file:', 'old:', 'new:' and 'run:' (arguments of the matrix)."""
    faults = []
    for number, line in enumerate((HERE / 'faults.txt').read_text().splitlines(), 1):
        key, separator, value = line.partition(':')
        if not line.strip() or line.startswith('#'):
            continue
        if not separator or key not in ('name', 'file', 'old', 'new', 'run'):
            sys.exit(f'faults.txt:{number}: what is this?')
        if key == 'name':
            faults.append({})
        # One space after the colon; "old" and "new" may go on over several lines.
        value = value[1:]
        faults[-1][key] = faults[-1][key] + '\n' + value if key in faults[-1] else value
    return faults


class Build:
    def __init__(self, directory):
        self.directory = pathlib.Path(directory).resolve()
        database = json.loads((self.directory / 'compile_commands.json').read_text())
        self.compile = {}
        for entry in database:
            source = (self.directory / entry['file']).resolve()
            self.compile.setdefault(str(source), shlex.split(entry['command']))
        self.good = {} # what was run without a fault, and whether all was well
        self.link = {name: self.last_command(path) for name, path in PROGRAMS.items()}

    def last_command(self, target):
        done = subprocess.run(['ninja', '-C', str(self.directory), '-t', 'commands', target], check=True,
                              capture_output=True, text=True)
        return shlex.split(done.stdout.splitlines()[-1])

    def is_good(self, name, arguments):
        key = (name, *arguments)
        if key not in self.good: # two may find it missing and both run it
            self.good[key] = run(self.directory / PROGRAMS[name], arguments) == 0
        return self.good[key]

    def run(self, command):
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())

    def make(self, name, scratch, source, text):
        """The program with `text` in the place of a source file: it is linked before the archive has it."""
        edited, made = scratch / source.name, scratch / (source.name + '.o')
        edited.write_text(text)
        command = []
        skip = False
        for word in self.compile[str(source)]:
            if skip or word in ('-MD', '-Werror'): # a fault may leave something unused
                skip = False
                continue
            if word in ('-MQ', '-MF', '-o', '-c'):
                skip = True
                continue
            command.append(word)
        self.run(command + ['-o', str(made), '-c', str(edited)])
        program = scratch / name
        link = list(self.link[name])
        at = link.index('-o')
        link[at + 1] = str(program)
        link.insert(at + 2, str(made))
        self.run(link)
        return program


def run(program, arguments):
    """The exit code; below zero when it was killed, None when it does not end."""
    try:
        return subprocess.run([str(program), '--first'] + arguments, capture_output=True,
                              timeout=SECONDS_MAX).returncode
    except subprocess.TimeoutExpired:
        return None


def judge(build, fault):
    """'caught' and how, or why not."""
    source = ROOT / fault['file']
    name, *arguments = shlex.split(fault['run'])
    text = source.read_text()
    if text.count(fault['old']) != 1:
        return f"its text stands {text.count(fault['old'])} times in {fault['file']}"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            program = build.make(name, pathlib.Path(scratch), source, text.replace(fault['old'], fault['new']))
        except RuntimeError as error:
            return f'it does not build: {error}'
        code = run(program, arguments)
    if not build.is_good(name, arguments):
        return 'nothing was seen: this fails without it, too'
    if code is None or code < 0:
        return 'caught, by an assertion' if code is not None else 'caught, it does not end'
    return 'missed' if code == 0 else 'caught'


def main():
    arguments, every = sys.argv[1:], 1
    if arguments[:1] == ['--every']:
        every, arguments = int(arguments[1]), arguments[2:]
    if not arguments:
        sys.exit(__doc__)
    build = Build(arguments[0])
    faults = [f for f in read_faults() if len(arguments) == 1 or f['name'] in arguments[1:]][::every]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = pool.map(lambda fault: judge(build, fault), faults)
        for number, (fault, verdict) in enumerate(zip(faults, verdicts), 1):
            good = verdict.startswith('caught')
            failed += not good
            print(f"{'' if good else 'not '}ok {number} - {fault['name']}: {verdict}", flush=True)
    print(f'1..{len(faults)}')
    return 1 if failed or not faults else 0


sys.exit(main())
