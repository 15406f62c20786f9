/* wire - see wire.h and wire.md. */
#include "schema/wire.h"

#include <string.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define PREFIX "gs:{p" TEXT(WIRE_PARTITION) "}:"

static const char crockford[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* A request names half a dozen keys: no printf. What does not fit is cut. */
static void put(struct key *k, size_t *at, const char *s)
{
	size_t n = strlen(s), room = sizeof(k->text) - 1 - *at;

	if (n > room)
		n = room;
	memcpy(k->text + *at, s, n);
	*at += n;
	k->text[*at] = '\0';
}

struct key wire_key(const char *what, const char *id)
{
	struct key k;
	size_t at = 0;

	put(&k, &at, PREFIX);
	put(&k, &at, what);
	if (id != NULL) {
		put(&k, &at, ":");
		put(&k, &at, id);
	}
	return k;
}

struct key wire_seen_key(const char *source, const char *delivery)
{
	struct key k = wire_key("seen", source);
	size_t at = strlen(k.text);

	put(&k, &at, ":");
	put(&k, &at, delivery);
	return k;
}

void wire_job_id(char out[JOB_ID_LEN + 1], unsigned long long now_ms, const unsigned char random[JOB_ID_DICE])
{
	char *p = out;

	*p++ = (char)('0' + WIRE_PARTITION);
	*p++ = '-';
	for (int shift = 45; shift >= 0; shift -= 5)
		*p++ = crockford[now_ms >> shift & 31];
	for (int half = 0; half < 2; half++) {
		unsigned long long bits = 0;

		for (int i = 0; i < 5; i++)
			bits = bits << 8 | random[half * 5 + i];
		for (int shift = 35; shift >= 0; shift -= 5)
			*p++ = crockford[bits >> shift & 31];
	}
	*p = '\0';
}

bool wire_is_job_id(const char *s)
{
	if (strlen(s) != JOB_ID_LEN || s[0] != '0' + WIRE_PARTITION || s[1] != '-')
		return false;
	return strspn(s + 2, crockford) == JOB_ID_LEN - 2;
}

const char *wire_letter_stream_id(const char *s)
{
	size_t ms, seq;

	if (s[0] != '0' + WIRE_PARTITION || s[1] != '-')
		return NULL;
	ms = strspn(s + 2, "0123456789");
	if (ms == 0 || ms > 19 || s[2 + ms] != '-')
		return NULL;
	seq = strspn(s + 3 + ms, "0123456789");
	return seq > 0 && seq <= 19 && s[3 + ms + seq] == '\0' ? s + 2 : NULL;
}
