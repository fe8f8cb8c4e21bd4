# SPDX-License-Identifier: MIT
"""Honest clients: COUNT connections for one small file each, WORKERS at a time; prints how many were
served. A connection has LIMIT seconds, its SYNs sent again included.
Usage: clients.py ADDRESS PATH COUNT WORKERS LIMIT"""
import socket
import sys
import threading

address, path, count, workers, limit = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
request = f"GET {path} HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n".encode()
lock = threading.Lock()
left = count
served = 0


def serve_one():
    with socket.create_connection((address, 80), timeout=limit) as s:
        s.sendall(request)
        answer = b""
        while part := s.recv(65536):
            answer += part
        return answer.startswith(b"HTTP/1.1 200 ")


def work():
    global left, served
    while True:
        with lock:
            if left == 0:
                return
            left -= 1
        try:
            good = serve_one()
        except OSError:
            good = False
        with lock:
            served += good


threads = [threading.Thread(target=work) for _ in range(workers)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print(served)
