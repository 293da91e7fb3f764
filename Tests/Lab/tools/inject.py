#!/usr/bin/python3
"""Sends IPv4 packets of a capture again, as they were or changed, source address and port included:

    inject.py CAPTURE FIRST COUNT [CHANGE...]      packets FIRST, FIRST+1, ... (0 is the first) of a tcpdump file

    ahead=N     with the ESP sequence number N higher       spi=HEX     with another SPI
    keep=each   once cut short to each length               flip=each   once with each bit after the ESP header inverted

Prints how many packets it sent. Must run as root where the way to the destination begins."""
import socket, struct, sys


def packets(path):
    """IPv4 packets of a pcap file whose link type is Ethernet, raw IP or Linux cooked."""
    with open(path, "rb") as file:
        header = file.read(24)
        order = "<" if header[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        skip = {1: 14, 12: 0, 101: 0, 113: 16, 276: 20}[struct.unpack(order + "I", header[20:24])[0]]
        while record := file.read(16):
            length = struct.unpack(order + "IIII", record)[2]
            packet = file.read(length)[skip:]
            if packet and packet[0] >> 4 == 4:
                yield packet


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def with_payload(packet, payload):
    """The same addresses and ports (UDP checksum 0: none), another payload."""
    size = (packet[0] & 15) * 4
    head = bytearray(packet[:size])
    head[2:4] = struct.pack(">H", size + 8 + len(payload))
    head[10:12] = b"\0\0"
    head[10:12] = struct.pack(">H", checksum(bytes(head)))
    return bytes(head) + packet[size:size + 4] + struct.pack(">HH", 8 + len(payload), 0) + payload


def inverted(payload, bit):
    changed = bytearray(payload)
    changed[bit // 8] ^= 0x80 >> bit % 8
    return bytes(changed)


def changed(payload, changes):
    """All payloads that the changes make of one."""
    results = [payload]
    for change in changes:
        name, value = change.split("=")
        if change == "keep=each":
            results = [each[:length] for each in results for length in range(len(each))]
        elif change == "flip=each":
            results = [inverted(each, bit) for each in results for bit in range(64, len(each) * 8)]
        elif name == "ahead":
            results = [each[:4] + struct.pack(">I", int.from_bytes(each[4:8], "big") + int(value) & 0xFFFFFFFF) + each[8:]
                       for each in results]
        elif name == "spi":
            results = [bytes.fromhex(value) + each[4:] for each in results]
        else:
            sys.exit(f"inject.py: what is {change}?")
    return results


def main(path, first, count, changes):
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sent = 0
    for packet in list(packets(path))[first:first + count]:
        size = (packet[0] & 15) * 4
        for payload in changed(packet[size + 8:], changes):
            sender.sendto(with_payload(packet, payload), (socket.inet_ntoa(packet[16:20]), 0))
            sent += 1
    print(sent)


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
