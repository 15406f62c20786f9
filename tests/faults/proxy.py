#!/usr/bin/python3
"""A bad network between programs and their Redis: unix sockets that pass bytes on, or do not.

In:  a folder and link names as arguments; one JSON object per line on standard input:
     {"link": NAME, "mode": MODE, …} or {"upstream": PATH}, each answered by a line "ok".
Out: a socket FOLDER/NAME.sock per link. Ends with its standard input.

  pass    as it comes                       away   hangs up, and on whoever calls
  slow    each piece `ms` later             stall  holds everything; what was sent meanwhile arrives late
  cut     hangs up in mid-reply, after up to `bytes` of replies
  mute    requests arrive, replies do not; hangs up when back at pass
"""
import asyncio
import json
import os
import random
import sys

PIECE = 1 << 16


class Link:
    def __init__(self, name):
        self.name, self.mode, self.ms, self.bytes = name, "pass", 0, 0
        self.rng = random.Random(name)
        self.changed = asyncio.Event()
        self.connections = set()

    def set(self, mode, ms=0, bytes=0, **_):
        before, self.mode, self.ms, self.bytes = self.mode, mode, ms, bytes
        if mode == "away" or before == "mute":
            for c in list(self.connections):
                c.hang_up()
        for c in self.connections:
            c.left = self.rng.randrange(1, bytes + 1) if mode == "cut" else None
        self.changed.set()
        self.changed.clear()


class Connection:
    def __init__(self, link, down, up):
        self.link, self.down, self.up = link, down, up
        self.left = link.rng.randrange(1, link.bytes + 1) if link.mode == "cut" else None
        self.tasks = []

    def hang_up(self):
        for writer in (self.down, self.up):
            if writer:
                writer.transport.abort()

    async def gate(self, reply):
        """Waits until the link lets a piece through; False if it is to be swallowed."""
        link = self.link
        while link.mode == "stall":
            await link.changed.wait()
        if link.mode == "slow":
            await asyncio.sleep(link.ms / 1000)
        return not (reply and link.mode == "mute")

    async def pump(self, reader, writer, reply):
        try:
            while True:
                data = await reader.read(PIECE)
                if not data:
                    break
                if not await self.gate(reply):
                    continue
                if reply and self.left is not None:
                    if len(data) >= self.left:
                        writer.write(data[:self.left])
                        await writer.drain()
                        break
                    self.left -= len(data)
                writer.write(data)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        # What was sent before the end arrives; then both sides learn of it.
        for w in (self.up, self.down):
            try:
                w.close()
            except OSError:
                pass


class Proxy:
    def __init__(self, folder, names):
        self.folder, self.upstream = folder, None
        self.links = {n: Link(n) for n in names}

    async def serve(self):
        for link in self.links.values():
            async def accept(reader, writer, link=link):
                await self.connected(link, reader, writer)
            await asyncio.start_unix_server(accept, os.path.join(self.folder, link.name + ".sock"))
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        print("ok", flush=True)
        while True:
            line = await reader.readline()
            if not line:
                return
            order = json.loads(line)
            if "upstream" in order:
                self.upstream = order["upstream"]
            else:
                self.links[order.pop("link")].set(**order)
            print("ok", flush=True)

    async def connected(self, link, reader, writer):
        while link.mode == "stall":
            await link.changed.wait()
        try:
            if link.mode == "away":
                raise ConnectionRefusedError
            up_reader, up_writer = await asyncio.open_unix_connection(self.upstream)
        except OSError:
            writer.transport.abort()
            return
        c = Connection(link, writer, up_writer)
        link.connections.add(c)
        await asyncio.gather(c.pump(reader, up_writer, False), c.pump(up_reader, writer, True))
        link.connections.discard(c)


if __name__ == "__main__":
    asyncio.run(Proxy(sys.argv[1], sys.argv[2:]).serve())
