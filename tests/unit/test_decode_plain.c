/*
 * decode_plain: coordinates that go past the parser come to what the parser would have made of them, in
 * documents sound and broken, wherever they are cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/buf.h"
#include "workers/pipeline/decode.h"
#include "workers/pipeline/encode.h"

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static unsigned char severity[R_COUNT];

static const struct decode_options limits[] = {
	{ severity, 32, 200, 4000, false },
	{ severity, 8, 40, 300, false },
	{ severity, 7, 20, 120, true },
};

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed >> 11;
}

static int on_feature(void *ctx, struct feature *f, struct err *e)
{
	struct buf *b = ctx;

	(void)e;
	buf_printf(b, "%d@%d+%d ", (int)f->index, (int)f->offset, (int)f->length);
	for (size_t i = 0; i < f->finding_count; i++) {
		const struct finding *n = &f->findings[i];
		char path[128];

		buf_printf(b, "%s%s@%d ", reject_name(n->code), place_format(f, &n->place, path, sizeof(path)),
		    (int)n->offset);
	}
	if (f->fatal == R_NONE)
		encode_feature(b, f);
	else
		buf_append(b, f->raw, f->raw_len);
	return buf_putc(b, '\n');
}

/* What the document comes to in pieces of `first` bytes, then of `next` bytes each. */
static void transcribe(const struct decode_options *o, bool alone, const char *doc, size_t len, size_t first,
    size_t next, struct buf *out)
{
	struct err e = ERR_INIT;
	struct decode *d = decode_new(o, on_feature, out, &e);
	int rc = 1;

	assert_non_null(d);
	if (alone)
		decode_by_parser_alone(d);
	for (int pass = 0; rc == 1 && pass < 2; pass++) {
		buf_reset(out);
		rc = 0;
		for (size_t at = 0, n = first; at < len && rc == 0; at += n, n = next) {
			char *piece;	/* of its own, so that reading past it is seen */

			n = n < len - at ? n : len - at;
			piece = malloc(n + 1);
			memcpy(piece, doc + at, n);
			rc = decode_feed(d, piece, n, &e);
			free(piece);
		}
		if (rc == 0)
			rc = decode_finish(d, &e);
	}
	buf_printf(out, "%d %s@%d parsed %d", rc, rc == 0 ? "" : reject_name((enum reject_code)e.code),
	    (int)decode_offset(d), (int)decode_parsed(d));
	decode_free(&d);
}

static void compare(const struct decode_options *o, const char *doc, size_t len)
{
	struct buf want, got;

	buf_init(&want, 1 << 20);
	buf_init(&got, 1 << 20);
	transcribe(o, true, doc, len, len, len, &want);
	for (size_t first = 1; first <= len + 4; first++) {
		size_t next = first <= len ? len : first - len;		/* two pieces; then many small ones */

		transcribe(o, false, doc, len, first <= len ? first : next, next, &got);
		if (want.len != got.len || memcmp(want.data, got.data, want.len) != 0)
			fail_msg("%.*s\ncut at %zu, then %zu\nparser: %s\nplain:  %s", (int)len, doc, first, next,
			    buf_cstr(&want), buf_cstr(&got));
	}
	buf_clear(&want);
	buf_clear(&got);
}

/* Numbers, and what is none, that a reader of digits may get wrong. */
static const char *const numbers[] = {
	"0", "-0", "1", "12", "-7", "180", "1.5", "-0.5", "8.376", "47.235", "-122.419416", "-122.41941550000001",
	"8.412345678901234", "8.41234567890123456", "0.12345678901234567890", "12345678.12345678",
	"12345678.123456789012", "123456789.5", "1e2", "1E+2", "-1.5e-3", "0e0", "0.0", "-0.0", "9007199254740993",
	"18446744073709551616", "1e400", "-1e400", "1e-400", "00", "01", "-01", "+1", "1.", ".5", "-", "-.5", "1.e5",
	"1e", "1e+", "1.5.5", "1-2", "--1", "1 2", "NaN", "nan", "-Infinity", "inf", "0x1", "1_000", "1,", "",
	"1234567890123456789012345", "0.00000000000000000000000000001", "1.000000000000000000000000000000000000001",
	"123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
};

static const char *const others[] = {
	"null", "true", "fals", "\"1\"", "\"a[1,2]\"", "\"\\\"coordinates\\\":[1,2\"", "{}", "{\"coordinates\":[1,2]}",
	"{\"a\":1 2}", "[]", "[[]]", "[[[[[1]]]]]", "[[[[[[[[1]]]]]]]]", "]", "[", ",", ",,", "}", ":", "\"", "\\", "x",
	"\"0123456789012345678901234567890123456789012345678901234567890123456789\"",
};

static const char *pick(const char *const *list, size_t n)
{
	return list[rnd() % n];
}

static void blank(struct buf *b)
{
	static const char *const blanks[] = { " ", "\n", "\r\n", "\t", "\n              ", "                     " };

	if (rnd() % 8 == 0)
		buf_puts(b, pick(blanks, COUNT(blanks)));
}

static void number(struct buf *b, unsigned odd)
{
	if (rnd() % 64 < odd)
		buf_puts(b, pick(numbers, COUNT(numbers)));
	else if (rnd() % 8 == 0)
		buf_printf(b, "%d", (int)(rnd() % 360) - 180);
	else
		buf_printf(b, "%.*f", (int)(rnd() % 18), ((double)(rnd() % 3600000) - 1800000) / 1e4);
}

/* Coordinates `levels` deep, of which some things are odd: so many of 64. */
static void coordinates(struct buf *b, unsigned levels, unsigned odd)
{
	size_t n = levels > 1 ? rnd() % 4 + (rnd() % 8 != 0) : rnd() % 16 == 0 ? rnd() % 6 : 2;

	if (rnd() % 64 < odd) {
		buf_puts(b, pick(others, COUNT(others)));
		return;
	}
	buf_putc(b, '[');
	for (size_t i = 0; i < n; i++) {
		blank(b);
		if (i > 0)
			buf_putc(b, ',');
		blank(b);
		if (levels > 1)
			coordinates(b, levels - 1, odd);
		else
			number(b, odd);
	}
	blank(b);
	if (rnd() % 64 >= odd || rnd() % 4 != 0)
		buf_putc(b, ']');
}

static void geometry(struct buf *b, unsigned odd)
{
	static const char *const types[] = {
		"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"
	};
	static const unsigned levels[] = { 1, 2, 2, 3, 3, 4 };
	static const char *const names[] = { "\"coordinates\":", "\"coordinates\" :", "\"coordinates\":\n",
		"\"coordinate\\u0073\":", "\"coordinates\":[1],\"coordinates\":", "\"coordinates \":" };
	size_t t = rnd() % COUNT(types);

	buf_printf(b, "{\"type\":\"%s\",%s", types[t], rnd() % 8 == 0 ? pick(names, COUNT(names)) : names[0]);
	coordinates(b, rnd() % 64 < odd ? 1 + (unsigned)rnd() % 5 : levels[t], odd);
	buf_puts(b, rnd() % 16 == 0 ? ",\"bbox\":[1,2,3,4]}" : "}");
}

static void document(struct buf *b, unsigned odd)
{
	bool lines = rnd() % 4 == 0;
	size_t n = 1 + rnd() % 2;

	buf_reset(b);
	if (!lines)
		buf_puts(b, "{\"type\":\"FeatureCollection\",\"features\":[");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			buf_putc(b, lines ? '\n' : ',');
		buf_puts(b, "{\"type\":\"Feature\",\"properties\":null,\"geometry\":");
		if (rnd() % 8 == 0) {
			buf_puts(b, "{\"type\":\"GeometryCollection\",\"geometries\":[");
			geometry(b, odd);
			buf_putc(b, ',');
			geometry(b, odd);
			buf_puts(b, "]}");
		} else {
			geometry(b, odd);
		}
		buf_puts(b, "}");
	}
	if (!lines)
		buf_puts(b, "]}");
}

static void documents_at_random_come_to_the_same(void **state)
{
	static const unsigned odd[] = { 0, 1, 1, 3, 6 };
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < 150; i++) {
		document(&b, odd[i % COUNT(odd)]);
		compare(&limits[i % 7 < 5 ? 0 : i % 7 - 4], buf_cstr(&b), b.len < 700 ? b.len : 700);
	}
	buf_clear(&b);
}

/* One to three bytes are changed, lost or come in. */
static void mutate(struct buf *b)
{
	static const char bytes[] = "[[[]]],,,::{}\"\"\\.-+eE0123456789  \n\ttnNaIf\x1e\x01\xc3\xff";

	for (size_t k = 1 + rnd() % 3; k > 0 && b->len > 2; k--) {
		size_t at = rnd() % b->len, kind = rnd() % 3;
		char c = bytes[rnd() % (sizeof(bytes) - 1)];

		if (kind == 0) {
			b->data[at] = c;
		} else if (kind == 1) {
			memmove(b->data + at, b->data + at + 1, b->len - at - 1);
			b->len--;
		} else if (buf_putc(b, ' ') == 0) {
			memmove(b->data + at + 1, b->data + at, b->len - at - 1);
			b->data[at] = c;
		}
	}
}

static void documents_that_were_damaged_come_to_the_same(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < 200; i++) {
		do
			document(&b, 0);
		while (b.len > 500);
		mutate(&b);
		compare(&limits[i % 7 < 5 ? 0 : i % 7 - 4], b.data, b.len);
	}
	buf_clear(&b);
}

/* Each odd thing in each place among plain ones. */
static void each_odd_thing_comes_to_the_same(void **state)
{
	static const char *const around[] = {
		"[#,2.25]", "[1.125,#]", "[1,2#]", "[[8.376,47.235],[#,47.234],[8.377,47.233],[8.378,47.233]]",
		"[[8.376,47.235],[8.377,#],[8.377,47.233],[8.378,47.233]]",
		"[[[8.376,47.235],[8.377,47.234],#,[8.377,47.233],[8.378,47.233]]]",
		"[[[8.376,47.235],[8.377,47.234],[8.377,47.233] ,[8.376,47.235]#],[[8.376,47.235]]]",
	};
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	for (size_t i = 0; i < COUNT(around); i++)
		for (size_t k = 0; k < COUNT(numbers) + COUNT(others); k++) {
			const char *thing = k < COUNT(numbers) ? numbers[k] : others[k - COUNT(numbers)];
			const char *here = strchr(around[i], '#');

			buf_reset(&b);
			buf_printf(&b, "{\"type\":\"Feature\",\"properties\":null,\"geometry\":{\"type\":\"%s\","
			    "\"coordinates\":", i < 3 ? "Point" : i < 5 ? "LineString" : "Polygon");
			buf_append(&b, around[i], (size_t)(here - around[i]));
			buf_printf(&b, "%s%s}}", thing, here + 1);
			compare(&limits[k % 3], b.data, b.len);
		}
	buf_clear(&b);
}

/* Long numbers where a piece, a line or what the parser gets at once ends: these differed. */
static void listed_documents_come_to_the_same(void **state)
{
	static const char *const docs[] = {
		"{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"properties\":null,\"geometry\":"
		"{\"type\":\"MultiPoint\",\"coordinates\":[\t[108,\n-99.9938\n]                     ,"
		"[-26.81340000000,119]\n,[-175.7157000000, -10.56700000000000]],\"bbox\":[1,2,3,4]}},"
		"{\"type\":\"Feature\",\"properties\":null,\"geometry\":{\"type\":\"MultiPoint\",\"coordinates\":"
		"[[1e+,-179.3601]\n              ,[127.52150000000000,160]]}}]}",
		"{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\",\"properties\":null,\"gemetry\":"
		"{\"type\":\"Polygon\",\"coordinates\":[[[ -28.69079999999999941\n              ,26.1754000],"
		"[-145.9022000000000,-51.3547000]]]}}]}",
		"{\"type\":\"Feature\",\"properties\":null,\"geometry\":{\"type\":\"oint\",\"coordinates\":"
		"[98,-104.23359999999999559\n              ]}}\n{\"type\":\"Feature\",\"properties\":null}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(docs); i++)
		for (size_t k = 0; k < COUNT(limits); k++)
			compare(&limits[k], docs[i], strlen(docs[i]));
}

/* What is longer than a piece, with numbers across its ends. */
static void large_features_come_to_the_same(void **state)
{
	static const struct decode_options large = { severity, 32, 200, 1 << 20, false };
	struct buf b, want, got;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_init(&want, 1 << 22);
	buf_init(&got, 1 << 22);
	for (size_t shift = 0; shift < 40; shift++) {
		buf_reset(&b);
		buf_printf(&b, "%*s{\"type\":\"LineString\",\"coordinates\":[", (int)shift, "");
		for (int i = 0; i < 9000; i++)
			buf_printf(&b, "%s[%.*f, %.6f]", i == 0 ? "" : shift % 2 == 0 ? "," : ",\n      ", i % 17,
			    i * 0.012345678, i * -0.0098765);
		buf_puts(&b, "]}");
		transcribe(&large, true, b.data, b.len, b.len, b.len, &want);
		transcribe(&large, false, b.data, b.len, b.len, b.len, &got);
		assert_true(want.len > b.len / 2);
		assert_int_equal(want.len, got.len);
		assert_memory_equal(want.data, got.data, want.len);
	}
	buf_clear(&b);
	buf_clear(&want);
	buf_clear(&got);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_odd_thing_comes_to_the_same),
		cmocka_unit_test(listed_documents_come_to_the_same),
		cmocka_unit_test(documents_at_random_come_to_the_same),
		cmocka_unit_test(documents_that_were_damaged_come_to_the_same),
		cmocka_unit_test(large_features_come_to_the_same),
	};

	for (int code = 1; code < R_COUNT; code++)
		severity[code] = (unsigned char)reject_info((enum reject_code)code)->severity;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
