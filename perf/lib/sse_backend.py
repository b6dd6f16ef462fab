"""A backend that streams paced events: sse_backend.py PORT EVENTS GAP_SECONDS. Raw sockets, one thread."""
import asyncio
import sys

import loads


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((int(line.split(b":")[1]) for line in head.split(b"\r\n")
                           if line.lower().startswith(b"content-length:")), 0)
            await reader.readexactly(length)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
            frame = b"%x\r\n%s\r\n" % (len(loads.EVENT), loads.EVENT)
            for _ in range(EVENTS):
                writer.write(frame)
                await asyncio.sleep(GAP)
            writer.write(b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", PORT, backlog=1024)
    async with server:
        await server.serve_forever()


PORT, EVENTS, GAP = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
asyncio.run(main())
