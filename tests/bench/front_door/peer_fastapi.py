"""The peer of geosluice-server: FastAPI with redis.asyncio, doing the same work.

In:  PEER_REDIS (a unix socket), PEER_SECRET. Out: POST /v1/ingest/{source} answers 202 once the body, checked by its
     HMAC, is in Redis: 256 KiB segments while it arrives, the last one and the job in one transaction that counts its
     bytes to what the source holds.
"""
import hashlib
import hmac
import os
import time
import uuid

import redis.asyncio
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

SEGMENT = 262144
SECRET = os.environ["PEER_SECRET"].encode()
store = redis.asyncio.Redis(unix_socket_path=os.environ["PEER_REDIS"])
app = FastAPI()


@app.post("/v1/ingest/{source}")
async def ingest(source: str, request: Request):
    claimed = request.headers.get("x-hub-signature-256", "")
    if not claimed.startswith("sha256="):
        return JSONResponse({"title": "The signature is missing."}, 401)
    job, mac, digest = uuid.uuid4().hex, hmac.new(SECRET, digestmod=hashlib.sha256), hashlib.sha256()
    raw, segment, number, length = "peer:raw:" + job, bytearray(), 0, 0
    async for piece in request.stream():
        mac.update(piece)
        digest.update(piece)
        length += len(piece)
        segment += piece
        while len(segment) > SEGMENT:
            number += 1
            await store.xadd(raw, {"d": bytes(segment[:SEGMENT])}, id="%d-0" % number)
            del segment[:SEGMENT]
    if not hmac.compare_digest(mac.hexdigest(), claimed[7:]):
        await store.delete(raw)
        return JSONResponse({"title": "The signature is wrong."}, 401)
    now = int(time.time() * 1000)
    async with store.pipeline(transaction=True) as commit:
        commit.xadd(raw, {"d": bytes(segment)}, id="%d-0" % (number + 1))
        commit.hset("peer:job:" + job, mapping={
            "state": "accepted", "source": source, "bytes": length, "segments": number + 1,
            "hash": digest.hexdigest(), "created": now, "updated": now,
            "type": request.headers.get("content-type", "")})
        commit.xadd("peer:jobs", {"job": job})
        commit.zadd("peer:index", {job: now})
        commit.hincrby("peer:room", "queued:" + source, length)
        await commit.execute()
    return JSONResponse({"jobID": job, "status": "accepted", "created": now}, 202,
                        {"Location": "/v1/jobs/" + job})
