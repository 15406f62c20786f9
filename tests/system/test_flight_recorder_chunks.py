"""The same as test_flight_recorder, with every document worked on in chunks: plain, and encoded."""
import unittest

import test_flight_recorder
from encoded import EncodedStack
from harness import Stack

SETTINGS = dict(test_flight_recorder.SETTINGS, GEOSLUICE_WORKER_SPLIT_BYTES="1", GEOSLUICE_WORKER_CHUNK_FEATURES="16")


class FlightRecorderInChunks(test_flight_recorder.FlightRecorder):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(environ=SETTINGS, programs={"worker": test_flight_recorder.WORKER})


class FlightRecorderInEncodedChunks(test_flight_recorder.FlightRecorder):
    @classmethod
    def setUpClass(cls):
        cls.stack = EncodedStack("gzip", environ=SETTINGS, programs={"worker": test_flight_recorder.WORKER})


if __name__ == "__main__":
    unittest.main()
