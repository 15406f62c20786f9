"""A Stack whose senders encode what they post: what is tried with plain bodies is so tried with encoded ones."""
from harness import Stack, sign
from encode import ENCODERS     # harness knows the way to tests/fakes


class EncodedStack(Stack):
    def __init__(self, encoding, **kwargs):
        self.encoding = encoding
        super().__init__(**kwargs)

    def post_as_it_is(self, body, **kwargs):
        signed = dict(sign("acme", body), **{"content-encoding": self.encoding})
        return super().post("acme", body, signed=signed, **kwargs)

    def post(self, source, body, content_type="application/geo+json", signed=None, path=None, **kwargs):
        assert source == "acme" and isinstance(body, bytes) and signed is None
        return self.post_as_it_is(ENCODERS[self.encoding](body), content_type=content_type, **kwargs)
