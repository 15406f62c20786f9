/* scan, head and pipeline_jump: a document in chunks says what it says as a whole, wherever it is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oracle/random_documents.h"
#include "workers/pipeline/decode_names.h"
#include "workers/pipeline/head.h"
#include "workers/pipeline/pipeline.h"
#include "workers/pipeline/scan.h"

#define TEXT_MAX ((size_t)1 << 26)

/* All that came of a document: a line and a text per feature, then how it ended. */
struct result {
	struct buf lines;
	struct collection_reach reach;
	bool failed, again;
};

static size_t max_token_bytes = 1 << 20;

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	struct result *r = ctx;

	(void)e;
	collection_reach_add(&r->reach, v);
	verdict_write(&r->lines, v, NULL);
	buf_putc(&r->lines, '\n');
	if (v->text != NULL)
		buf_append(&r->lines, v->text, v->text_len);
	buf_putc(&r->lines, '\n');
	return 0;
}

static void note_end(struct result *r, struct pipeline *p, int rc, const struct err *e)
{
	struct pipeline_totals t = pipeline_totals(p);
	struct collection_said said;
	struct pipeline_options o;

	r->failed = rc < 0;
	r->again = rc == 1;
	if (rc < 0)
		buf_printf(&r->lines, "%s at %llu\n", reject_name((enum reject_code)e->code),
		    (unsigned long long)pipeline_offset(p));
	else
		buf_printf(&r->lines, "%.*s in %s\n", (int)t.head_len, t.head, t.crs);
	if (rc != 0)
		return;
	pipeline_options_init(&o);
	said = collection_judge(&t.box, &r->reach, t.features, o.severity);
	if (said.code != R_NONE)
		collection_write_note(&r->lines, &said, NULL);
	collection_write_bbox(&r->lines, &said);
}

static int feed(struct pipeline *p, const char *text, size_t n, size_t step, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i += step)
		rc = pipeline_feed(p, text + i, n - i < step ? n - i : step, e);
	return rc;
}

static void as_a_whole(const char *text, size_t n, struct result *r)
{
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct pipeline *p;
	int rc;

	pipeline_options_init(&o);
	o.max_token_bytes = max_token_bytes;
	buf_init(&r->lines, TEXT_MAX);
	r->reach = collection_reach_none;
	p = pipeline_new(&o, on_verdict, r, &e);
	rc = feed(p, text, n, n, &e);
	if (rc == 0)
		rc = pipeline_finish(p, &e);
	note_end(r, p, rc, &e);
	pipeline_free(&p);
}

/* What stands between two boundaries, or from the last to the end. */
struct piece {
	const char *text;
	size_t head_end, from, to, first, features, n;
	bool tail;
	uint64_t twice[4096];
	size_t twice_count;
};

static void one_chunk(const struct piece *c, size_t step, struct result *r)
{
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct pipeline *p;
	int rc;

	pipeline_options_init(&o);
	o.max_token_bytes = max_token_bytes;
	p = pipeline_new(&o, on_verdict, r, &e);
	assert_int_equal(pipeline_feed(p, c->text, c->head_end, &e), 0);
	assert_int_equal(pipeline_jump(p, c->from, c->first, c->twice, c->twice_count, &e), 0);
	rc = feed(p, c->text + c->from, c->to - c->from, step, &e);
	if (rc == 0)
		rc = c->tail ? pipeline_finish(p, &e) : pipeline_settle(p, &e);
	if (rc != 0 || c->tail)
		note_end(r, p, rc, &e);
	else if (pipeline_totals(p).features != c->first + c->features)
		fail_msg("features %llu, not %zu in %.*s", (unsigned long long)pipeline_totals(p).features, c->first + c->features, (int)(c->to - c->from), c->text + c->from);
	pipeline_free(&p);
}

/* The chunk up to this boundary, and then the next begins. */
static void up_to(struct piece *c, size_t behind, size_t elements, bool bare, size_t step, struct result *r)
{
	c->features = elements - c->first;
	c->to = behind + bare;
	one_chunk(c, step, r);
	c->first = elements;
	c->from = behind;
	c->twice_count = 0;
}

/* Cut behind each `per` features, fed in steps: as splitter.c and transform_part.c do it. false: it has no features. */
static bool in_chunks(const char *text, size_t n, size_t per, size_t step, struct result *r)
{
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct head *head;
	struct scan s;
	struct ids ids = { .slot = NULL };
	static struct piece c;
	enum scan_event event = SCAN_MORE;
	uint64_t head_end = 0, last, last_elements;
	bool bare = false;
	int rc = HEAD_MORE;

	pipeline_options_init(&o);
	o.max_token_bytes = max_token_bytes;
	head = head_new(&o, &e);
	for (size_t i = 0; rc == HEAD_MORE && i < n; i += step)
		rc = head_feed(head, text + i, n - i < step ? n - i : step, &head_end);
	head_free(&head);
	if (rc != HEAD_FOUND)
		return false;
	buf_init(&r->lines, TEXT_MAX);
	r->failed = r->again = false;
	r->reach = collection_reach_none;
	c = (struct piece){ .text = text, .head_end = head_end, .from = head_end };
	scan_init(&s, head_end, 0, o.max_feature_bytes, o.max_token_bytes);
	last = head_end;
	last_elements = 0;
	while (s.at < n && !r->failed) {
		size_t room = n - s.at < step ? n - s.at : step;

		scan_run(&s, text + s.at, room, &event);
		if (event == SCAN_END || event == SCAN_LOST)
			break;
		if (event != SCAN_MORE) {
			last = s.at;
			last_elements = s.elements;
			bare = event == SCAN_BARE;
			if (s.has_id && ids_add(&ids, s.id_hash) && c.twice_count < 4096)
				c.twice[c.twice_count++] = s.elements - 1 - c.first;
			if (s.elements - c.first >= per)
				up_to(&c, last, last_elements, bare, step, r);
		}
	}
	if (last_elements > c.first && !r->failed)
		up_to(&c, last, last_elements, bare, step, r);
	if (!r->failed) {
		c.tail = true;
		c.to = n;
		one_chunk(&c, step, r);
	}
	scan_clear(&s);
	ids_clear(&ids);
	return true;
}

static unsigned compared;

/* Where the end says that all is to be read again, chunks are given up: nothing is compared then. */
static void compare(const char *name, const char *text, size_t n)
{
	static const size_t pers[] = { 1, 2, 3, 1000 }, steps[] = { 1, 7, 64, 100000 };
	struct result want = { 0 };

	as_a_whole(text, n, &want);
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 4 && (n < 20000 || k > 1); k++) {
			struct result have = { 0 };

			if (!in_chunks(text, n, pers[i], steps[k], &have))
				break;
			assert_int_equal(have.again, want.again);
			if (!want.again && strcmp(buf_cstr(&want.lines), buf_cstr(&have.lines)) != 0)
				fail_msg("%s, %zu features a chunk, fed by %zu:\n%s\nis\n%s", name, pers[i], steps[k],
				    buf_cstr(&want.lines), buf_cstr(&have.lines));
			buf_clear(&have.lines);
			compared++;
		}
	buf_clear(&want.lines);
}

static void read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char piece[4096];
	size_t n;

	assert_non_null(f);
	buf_init(out, TEXT_MAX);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_append(out, piece, n);
	fclose(f);
}

static void each_file(const char *folder)
{
	DIR *d = opendir(folder);
	const struct dirent *entry;
	char path[1024];
	struct buf text;

	assert_non_null(d);
	while ((entry = readdir(d)) != NULL) {
		const char *dot = strrchr(entry->d_name, '.');

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR) {
			each_file(path);
		} else if (dot != NULL && (strcmp(dot, ".geojson") == 0 || strcmp(dot, ".json") == 0)) {
			read_file(path, &text);
			compare(path, buf_cstr(&text), text.len);
			buf_clear(&text);
		}
	}
	closedir(d);
}

static void each_fixture(void **state)
{
	(void)state;
	compared = 0;
	each_file("fixtures");
	assert_true(compared > 500);
}

static void documents_by_hand(void **state)
{
#define P(x, y) "{\"type\":\"Feature\",\"properties\":null,\"geometry\":{\"type\":\"Point\",\"coordinates\":[" \
	#x "," #y "]}}"
#define F(id) "{\"type\":\"Feature\",\"id\":" id ",\"properties\":null,\"geometry\":null}"
#define C(features) "{\"type\":\"FeatureCollection\",\"name\":\"x\",\"features\":[" features "],\"tail\":{\"a\":[1,{}]}}"
	static const char *const docs[] = {
		C(""), C(" "), C(F("1")), C(F("1") " , " F("1") " "), C(F("1") "," F("1.0") "," F("\"1\"") "," F("1e0")),
		C(F("\"a\"") "," F("\"\\u0061\"") "," F("\"\\\"\"") "," F("\"\\\\\"") "," F("\"\\\"\"")),
		C(F("\"\xc3\xa9\"") "," F("\"\\u00e9\"") "," F("\"\\ud83d\\ude00\"") "," F("\"\xf0\x9f\x98\x80\"")),
		C("{\"\\u0069d\":1,\"type\":\"Feature\",\"properties\":null,\"geometry\":null}," F("1")),
		C("{\"id\":1,\"id\":2,\"type\":\"Feature\",\"properties\":null,\"geometry\":null}," F("1") "," F("2")),
		C("{\"id\":1,\"type\":\"Point\"}," F("1") "," F("1")),
		C("{\"id\":[1],\"type\":\"Feature\",\"properties\":{\"id\":1},\"geometry\":null}," F("1")),
		C("{\"id\":{\"id\":1},\"type\":\"\\u0046eature\",\"properties\":null,\"geometry\":null}," F("1")),
		C(F("1") ",null,5,\"x]}\",[1,[2]],true," F("1")), C("null"), C("5"), C("[]"), C(F("1") ",5"), C(F("1") ",[{}] "),
		C(F("1") ",\"a\\\"b\" ,-1.5e3 "), C("1,2," F("1") "," F("1") ",3"),
		C("1,2,3,4"), C("null ,true\t,-0.5e-7\n,\"\",[],[[1]],\"]\" , 7 "), C("\"a\"NaN,1"), C("[1]5,1"), C("1,\"a\"]"),
		C("1NaN,2"), C("12 3,4"), C("1,[2]Infinity,3"), C("tru,1"), C("1]2"), C("1}2"), C("[1],-,2"), C("1,2:3"), C("1,01,2"),
		C("," F("1")), C(F("1") ","), C(F("1") ",," F("2")), C(F("1") " " F("2")), C(F("1") "]," F("2")),
		C(F("1") "}" F("2")), C(F("1") ",{\"a\":[1}," F("2")), C(F("1") ",{\"a\":1]," F("2")), C(F("NaN") "," F("2")),
		C(F("1") ",nul," F("2")), C(F("1") ",\"" ), C(F("1") ",{\"a\":\"\x01\"}," F("2")),
		C(F("1") "," F("\"\xff\"") "," F("1")), C(F("1") ",{\"type\" \"Feature\"}," F("2")),
		C(F("1") "," F("\"\\ud800\"") "," F("1")), C(F("01") "," F("1")), C(F("1") ";" F("1")),
		"\xef\xbb\xbf" C(F("1") "," F("2")), " \n" C(F("1")) " \n", C(F("1")) "x", C(F("1") "," F("2")) C(F("3")),
		"{\"features\":[" F("1") "," F("1") "],\"type\":\"FeatureCollection\"}",
		"{\"features\":[" F("1") "],\"type\":\"Feature\"}", "{\"features\":[" F("1") "]}",
		"{\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"EPSG:3857\"}},\"type\":\"FeatureCollection\",\"features\":["
		F("1") "," F("2") "]}",
		"{\"type\":\"FeatureCollection\",\"features\":[" F("1") "," F("2") "],\"crs\":{\"type\":\"name\",\"properties\":"
		"{\"name\":\"EPSG:3857\"}}}",
		"{\"type\":\"FeatureCollection\",\"features\":[" F("1") "," F("2") "],\"features\":[" F("3") "]}",
		"{\"type\":\"FeatureCollection\",\"bbox\":[1,2],\"features\":[" F("1") "],\"coordinates\":1}",
		"{\"type\":\"FeatureCollection\",\"bbox\":[0,0,9,9],\"features\":[" P(1, 2) "," P(3, 9.5) "]}",
		"{\"bbox\":[170,0,-170,9],\"features\":[" P(170, 2) "," F("1") "," P(-175, 9) "],\"type\":\"FeatureCollection\"}",
		"{\"features\":[" P(1, 2) "," P(400, 2) "," P(3, 4) "],\"bbox\":[0,0,9,9],\"type\":\"FeatureCollection\"}",
		"{\"a\":1,\"type\":\"FeatureCollection\",\"features\":[" F("1") "],\"a\":2,\"b\":3}",
	};

#undef P
	(void)state;
	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++) {
		compare(docs[i], docs[i], strlen(docs[i]));
		for (size_t n = 0; n < strlen(docs[i]); n++)	/* cut off anywhere */
			compare(docs[i], docs[i], n);
	}
}

/* Of a feature with a string that is too long nobody knows the id: another may have it. */
static void long_strings(void **state)
{
#define P(members) "{\"type\":\"Feature\",\"id\":1," members ",\"geometry\":null}"
	static const char *const docs[] = {
		C(P("\"properties\":{\"a\":\"1234567890123456789012345\"}") "," F("1") "," F("1")),
		C(P("\"properties\":{\"a\":\"123456789012345678901234\"}") "," F("1")),
		C(P("\"properties\":{\"1234567890123456789012345\":0}") "," F("1") "," F("1")),
		C(P("\"properties\":null,\"a\":\"1234567890123456789012345\"") "," F("1") "," F("1")),
		C(P("\"properties\":null,\"a\":\"\\\"12345678901234567890\\\\\"") "," F("1") "," F("1")),
		C(P("\"properties\":null,\"1234567890123456789012345\":0") "," F("1") "," F("1")),
		C("\"1234567890123456789012345\"," F("1") "," F("1")),
	};

	(void)state;
	max_token_bytes = 24;
	for (size_t i = 0; i < sizeof(docs) / sizeof(docs[0]); i++)
		compare(docs[i], docs[i], strlen(docs[i]));
	max_token_bytes = 1 << 20;
}

static void random_documents(void **state)
{
	struct document d = { .arena = arena_new((size_t)1 << 26), .shuffle = true, .blanks = true, .faults = true };
	struct buf text;

	(void)state;
	buf_init(&text, TEXT_MAX);
	for (uint64_t seed = 1; seed <= 150; seed++) {
		char name[32];

		d.content.state = seed;
		d.style.state = seed * 77;
		buf_reset(&text);
		arena_reset(d.arena, 0);
		document_write(&d, &text, (unsigned)(seed % 12));
		snprintf(name, sizeof(name), "seed %llu", (unsigned long long)seed);
		compare(name, buf_cstr(&text), text.len);
		for (size_t at = 11; at < text.len; at += text.len / 7 + 13) {	/* a byte that is wrong */
			char was = text.data[at];

			text.data[at] = "]}{[,:\"\\x"[at % 9];
			compare(name, buf_cstr(&text), text.len);
			text.data[at] = was;
		}
	}
	buf_clear(&text);
	arena_free(&d.arena);
}

static void long_runs_of_brackets_are_counted(void **state)
{
	struct buf text;
	struct scan s;
	enum scan_event event;
	size_t end;

	(void)state;
	buf_init(&text, TEXT_MAX);
	buf_puts(&text, "{\"c\":[");
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "%s[%d.5,[%d]]", i ? "," : "", i, i);
	buf_puts(&text, "]}");
	end = text.len;
	buf_puts(&text, "]");
	for (size_t step = 1; step < 700; step += 33) {
		scan_init(&s, 0, 0, TEXT_MAX, TEXT_MAX);
		event = SCAN_MORE;
		while (event == SCAN_MORE)
			scan_run(&s, text.data + s.at, text.len - s.at < step ? text.len - s.at : step, &event);
		assert_int_equal(event, SCAN_FEATURE);
		assert_int_equal(s.at, end);
		assert_int_equal(s.vertices, 10000);
		scan_clear(&s);
	}
	buf_clear(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fixture),
		cmocka_unit_test(documents_by_hand),
		cmocka_unit_test(long_strings),
		cmocka_unit_test(random_documents),
		cmocka_unit_test(long_runs_of_brackets_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
