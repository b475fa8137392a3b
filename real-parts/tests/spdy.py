"""SPDY/3.1 as kubectl speaks it for exec and port-forward, from the server's side: streams over any pair of send and receive.

No flow control: neither kubectl nor the kubelet has any.
"""

import queue
import struct
import threading
import zlib

WORDS = """options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow
authorization cache-control connection content-base content-encoding content-language content-length content-location
content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range
if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer
retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status 200_OK
version HTTP/1.1 url public set-cookie keep-alive origin""".split()
REST = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative "
    "Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal "
    "Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, "
    "Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
    "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8"
    "charset=iso-8859-1,utf-,*,enq=0.")
DICTIONARY = b"".join(struct.pack(">I", len(w)) + w.replace("_", " ").encode() for w in WORDS) + REST.encode()

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, GOAWAY = 1, 2, 3, 6, 7
FIN = 1


class Stream:
    """What comes is read with `.read()` until None; what goes is written until `.close()`."""

    def __init__(self, connection, number, headers):
        self.connection, self.number, self.headers = connection, number, headers
        self.incoming = queue.Queue()

    def read(self):
        return self.incoming.get()

    def write(self, data):
        for at in range(0, len(data), 1 << 15):
            self.connection.data(self.number, data[at:at + (1 << 15)], 0)

    def close(self):
        self.connection.data(self.number, b"", FIN)


class Connection:
    """Calls `opened(stream)` for each stream that the client opens, in a thread of its own."""

    def __init__(self, receive, send, opened):
        self.receive, self.send, self.opened = receive, send, opened
        self.inflate, self.deflate = zlib.decompressobj(zdict=DICTIONARY), zlib.compressobj(zdict=DICTIONARY)
        self.streams, self.lock = {}, threading.Lock()

    def run(self):
        """Until the connection ends."""
        try:
            while True:
                head = self.receive(8)
                flags, length = head[4], int.from_bytes(head[5:8], "big")
                body = self.receive(length) if length else b""
                if head[0] & 0x80:
                    self.control(int.from_bytes(head[2:4], "big"), flags, body)
                else:
                    self.arrived(int.from_bytes(head[:4], "big"), flags, body)
        except (OSError, EOFError):
            pass
        for stream in self.streams.values():
            stream.incoming.put(None)

    def control(self, kind, flags, body):
        if kind == SYN_STREAM:
            number = int.from_bytes(body[:4], "big") & 0x7FFFFFFF
            stream = self.streams[number] = Stream(self, number, self.headers(body[10:]))
            with self.lock:
                block = self.deflate.compress(struct.pack(">I", 0)) + self.deflate.flush(zlib.Z_SYNC_FLUSH)
                self.frame(SYN_REPLY, 0, struct.pack(">I", number) + block)
            if flags & FIN:
                stream.incoming.put(None)
            threading.Thread(target=self.opened, args=(stream,), daemon=True).start()
        elif kind == RST_STREAM and (stream := self.streams.get(int.from_bytes(body[:4], "big"))):
            stream.incoming.put(None)
        elif kind == PING:
            with self.lock:
                self.frame(PING, 0, body)
        elif kind == GOAWAY:
            raise EOFError

    def arrived(self, number, flags, body):
        stream = self.streams.get(number)
        if stream and body:
            stream.incoming.put(body)
        if stream and flags & FIN:
            stream.incoming.put(None)

    def headers(self, block):
        text = self.inflate.decompress(block)
        count, at, found = int.from_bytes(text[:4], "big"), 4, {}
        for _ in range(count):
            pair = []
            for _ in range(2):
                length = int.from_bytes(text[at:at + 4], "big")
                pair.append(text[at + 4:at + 4 + length].decode())
                at += 4 + length
            found[pair[0]] = pair[1]
        return found

    def frame(self, kind, flags, body):
        self.send(struct.pack(">HHB", 0x8003, kind, flags) + len(body).to_bytes(3, "big") + body)

    def data(self, number, body, flags):
        with self.lock:
            self.send(struct.pack(">IB", number, flags) + len(body).to_bytes(3, "big") + body)
