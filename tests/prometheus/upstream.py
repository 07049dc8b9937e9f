"""A resolver for tests: it prints its port, and answers questions about example.org over UDP and TCP.

Names that begin with "fail" are SERVFAIL, with "no" NXDOMAIN; all others have an address.
"""

import socket
import struct
import threading

SOA = b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x3c\x00\x16" + bytes(22)
ADDRESS = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01"


def reply(query):
    end = 12
    while query[end]:
        end += 1 + query[end]
    question, label = query[12 : end + 5], query[13 : 13 + query[12]]
    rcode, counts, record = 0, (1, 1, 0, 0), ADDRESS
    if label.startswith(b"fail"):
        rcode, counts, record = 2, (1, 0, 0, 0), b""
    elif label.startswith(b"no") or not question.endswith(b"\x00\x01\x00\x01"):
        rcode, counts, record = 3, (1, 0, 1, 0), SOA
    return query[:2] + struct.pack("!H4H", 0x8180 | rcode, *counts) + question + record


def serve_tcp(listener):
    while True:
        stream, _ = listener.accept()
        threading.Thread(target=serve_stream, args=(stream.makefile("rwb"),), daemon=True).start()


def serve_stream(stream):
    while length := stream.read(2):
        message = reply(stream.read(struct.unpack("!H", length)[0]))
        stream.write(struct.pack("!H", len(message)) + message)
        stream.flush()


datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 0))
listener = socket.create_server(("127.0.0.1", datagrams.getsockname()[1]))
threading.Thread(target=serve_tcp, args=(listener,), daemon=True).start()
print(datagrams.getsockname()[1], flush=True)
while True:
    message, client = datagrams.recvfrom(4096)
    datagrams.sendto(reply(message), client)
