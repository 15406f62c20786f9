/* decode_id - see decode_id.h. */
#include "workers/pipeline/decode_id.h"

#include <string.h>
#include <yajl/yajl_parse.h>

#include "workers/pipeline/decode_names.h"
#include "workers/pipeline/number.h"

enum { KIND_NUMBER = 1, KIND_STRING };	/* a seed of each, so that 1 is not "1" */

uint64_t id_hash_number(const char *text, size_t len)
{
	double v;

	if (number_parse(text, len, &v) && v > -0x1p53 && v < 0x1p53) {
		v += 0.0;	/* -0 is 0 */
		return name_hash((const char *)&v, sizeof(v), KIND_NUMBER);
	}
	return name_hash(text, len, KIND_NUMBER);
}

uint64_t id_hash_string(const char *text, size_t len)
{
	return name_hash(text, len, KIND_STRING);
}

struct reading {
	const char *name;	/* compare with this, or NULL: hash */
	bool same;
	uint64_t hash;
	bool read;
};

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	struct reading *r = ctx;

	r->read = true;
	if (r->name != NULL)
		r->same = strlen(r->name) == len && memcmp(r->name, text, len) == 0;
	else
		r->hash = id_hash_string((const char *)text, len);
	return 1;
}

/* A string with escapes: they are yajl's to read. */
static void read_escaped(const struct buf *text, struct reading *r)
{
	static const yajl_callbacks callbacks = { .yajl_string = on_string };
	yajl_handle h = yajl_alloc(&callbacks, NULL, r);

	if (h == NULL)
		return;
	yajl_config(h, yajl_dont_validate_strings, 1);
	if (yajl_parse(h, (const unsigned char *)"\"", 1) == yajl_status_ok &&
	    yajl_parse(h, (const unsigned char *)text->data, text->len) == yajl_status_ok)
		yajl_parse(h, (const unsigned char *)"\" ", 2);
	yajl_free(h);
}

static bool is_plain(const struct buf *text)
{
	return text->len == 0 || memchr(text->data, '\\', text->len) == NULL;
}

bool decode_id_is(const struct buf *text, const char *name)
{
	struct reading r = { .name = name };
	size_t n = strlen(name);

	if (text->failed)
		return false;
	if (is_plain(text))
		return text->len == n && memcmp(text->data, name, n) == 0;
	if (text->len > 6 * n)	/* more than its every character escaped */
		return false;
	read_escaped(text, &r);
	return r.same;
}

bool decode_id_string(const struct buf *text, uint64_t *hash)
{
	struct reading r = { .name = NULL };

	if (text->failed)
		return false;
	if (is_plain(text)) {
		*hash = id_hash_string(text->len > 0 ? text->data : "", text->len);
		return true;
	}
	read_escaped(text, &r);
	*hash = r.hash;
	return r.read;
}

bool decode_id_number(const struct buf *text, uint64_t *hash)
{
	if (text->failed || text->len == 0 || strchr("-0123456789", text->data[0]) == NULL)
		return false;
	*hash = id_hash_number(text->data, text->len);
	return true;
}
