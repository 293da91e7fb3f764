#!/usr/bin/python3
"""A TCP transfer both ways whose bytes are checked: `serve PORT` sends back what it gets, `send ADDRESS PORT BYTES` sends
random bytes, reads them back and compares the SHA-256 of what it sent and of what returned. Exit status 0 if they match."""
import hashlib, os, socket, sys, threading

CHUNK = 1 << 16


def echo(connection):
    with connection:
        while chunk := connection.recv(CHUNK):
            connection.sendall(chunk)


def serve(port):
    listener = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
    print("listening", flush=True)
    while True:
        threading.Thread(target=echo, args=(listener.accept()[0],), daemon=True).start()


def send(address, port, count):
    sent, returned, length = hashlib.sha256(), hashlib.sha256(), 0
    connection = socket.create_connection((address, port), timeout=60)

    def write():
        left = count
        while left > 0:
            chunk = os.urandom(min(CHUNK, left))
            sent.update(chunk)
            connection.sendall(chunk)
            left -= len(chunk)
        connection.shutdown(socket.SHUT_WR)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    while chunk := connection.recv(CHUNK):
        returned.update(chunk)
        length += len(chunk)
    writer.join()
    same = sent.digest() == returned.digest()
    print(f"{count} bytes sent, {length} returned, SHA-256 {'the same' if same else 'DIFFERENT'}")
    return 0 if same else 1


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    sys.exit(send(sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
