#!/usr/bin/python3
"""Numbered UDP datagrams whose bytes follow from their number: `receive PORT SECONDS` counts what came twice, with wrong bytes,
or late; `send ADDRESS PORT COUNT PER-SECOND` sends them, in sizes of 8 to 1300 bytes. The receiver ends when nothing has come for
SECONDS and prints `received=N twice=N wrong=N reordered=N`."""
import hashlib, socket, sys, time


def datagram(number):
    seed = hashlib.sha256(number.to_bytes(8, "big")).digest()
    length = 8 + int.from_bytes(seed[:2], "big") % 1293
    return (number.to_bytes(8, "big") + seed * 41)[:length]


def receive(port, seconds):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    listener.bind(("", port))
    print("listening", flush=True)
    seen, twice, wrong, reordered, highest = set(), 0, 0, 0, -1
    while True:
        try:
            data = listener.recv(65536)
        except TimeoutError:
            break
        listener.settimeout(seconds)
        number = int.from_bytes(data[:8], "big")
        if data != datagram(number):
            wrong += 1
            continue
        twice += number in seen
        reordered += number < highest
        highest = max(highest, number)
        seen.add(number)
    print(f"received={len(seen)} twice={twice} wrong={wrong} reordered={reordered}", flush=True)


def send(address, port, count, rate):
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect((address, port))
    start = time.monotonic()
    for number in range(count):
        ahead = start + number / rate - time.monotonic()
        if ahead > 0.01:
            time.sleep(ahead)
        sender.send(datagram(number))


if sys.argv[1] == "receive":
    receive(int(sys.argv[2]), float(sys.argv[3]))
else:
    send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
