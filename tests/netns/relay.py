#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Carries Ethernet frames between two interfaces, and loses, doubles, damages, delays and reorders some:
    relay.py INTERFACE INTERFACE LOSS DOUBLE DAMAGE DELAY JITTER
The first three are probabilities, the others seconds. The same seed makes the same choices, but the frames
come as they come."""
import heapq
import random
import select
import socket
import sys
import time

ALL_PROTOCOLS, OUTGOING, HEADERS = 3, 4, 34


def open_interface(name):
    ear = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ALL_PROTOCOLS))
    ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    ear.bind((name, 0))
    ear.setblocking(False)
    return ear


def damaged(frame):
    """One bit of it, behind the headers of Ethernet and IPv4, is another."""
    at = random.randrange(HEADERS, len(frame))
    return frame[:at] + bytes([frame[at] ^ 1 << random.randrange(8)]) + frame[at + 1:]


def main():
    left, right = open_interface(sys.argv[1]), open_interface(sys.argv[2])
    loss, double, damage, delay, jitter = map(float, sys.argv[3:8])
    random.seed(7)
    waiting, count = [], 0
    print('ready', flush=True)
    while True:
        wait = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for ear in select.select([left, right], [], [], wait)[0]:
            frame, sender = ear.recvfrom(1 << 16)
            if sender[2] == OUTGOING or random.random() < loss:
                continue
            for _ in range(2 if random.random() < double else 1):
                bad = len(frame) > HEADERS and random.random() < damage
                count += 1
                heapq.heappush(waiting, (time.monotonic() + delay + random.random() * jitter, count,
                                         right if ear is left else left, damaged(frame) if bad else frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, mouth, frame = heapq.heappop(waiting)
            try:
                mouth.send(frame)
            except OSError:
                pass  # lost, then


main()
