"""Content codings, as senders make them.

In:  bytes. Out: the same, encoded. Depends on libzstd, which all programs need.
"""
import ctypes
import gzip


def zstd(body):
    lib = ctypes.CDLL("libzstd.so.1")
    lib.ZSTD_compress.restype = lib.ZSTD_compressBound.restype = ctypes.c_size_t
    lib.ZSTD_compress.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int)
    lib.ZSTD_compressBound.argtypes = (ctypes.c_size_t,)
    room = lib.ZSTD_compressBound(len(body))
    out = ctypes.create_string_buffer(room)
    n = lib.ZSTD_compress(out, room, body, len(body), 3)
    return out.raw[:n]


ENCODERS = {"gzip": gzip.compress, "zstd": zstd}
