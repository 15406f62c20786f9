/* decode: what each document comes to, and that it does not depend on where it is cut. */
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
#define F(geometry) "{\"type\":\"Feature\",\"properties\":null,\"geometry\":" geometry "}"
#define FC(features) "{\"type\":\"FeatureCollection\",\"features\":[" features "]}"
#define POINT "{\"type\":\"Point\",\"coordinates\":[1,2]}"

static unsigned char severity[R_COUNT];

static const struct decode_options usual = { severity, 32, 200, 4000, false };
static const struct decode_options named = { severity, 32, 200, 4000, true };
static const struct decode_options tight = { severity, 12, 20, 120, false };

/* One line per feature: index, offset, codes and what it holds; then the end. */
static int on_feature(void *ctx, struct feature *f, struct err *e)
{
	struct buf *b = ctx;

	(void)e;
	buf_printf(b, "%d@%d", (int)f->index, (int)f->offset);
	for (int code = 1; code < R_COUNT; code++) {
		const struct finding *n = feature_finding(f, (enum reject_code)code);
		char path[128];

		if (n != NULL)
			buf_printf(b, " %s%s%s", code == (int)f->fatal ? "!" : "", reject_name(n->code),
			    place_format(f, &n->place, path, sizeof(path)));
	}
	buf_puts(b, " ");
	if (f->fatal == R_NONE)
		encode_feature(b, f);
	else
		buf_append(b, f->raw, f->raw_len);
	return buf_putc(b, '\n');
}

/* Feeds the document in pieces that end at the cuts, the way a caller would, twice where asked. */
static void transcribe(const struct decode_options *o, const char *doc, size_t len, const size_t *cuts,
    size_t cut_count, struct buf *out)
{
	struct err e = ERR_INIT;
	struct decode *d = decode_new(o, on_feature, out, &e);
	int rc = 1;
	size_t head;
	const char *text;

	assert_non_null(d);
	for (int pass = 0; rc == 1 && pass < 2; pass++) {
		size_t at = 0;

		buf_reset(out);
		if (pass == 1)
			buf_puts(out, "again\n");
		rc = 0;
		for (size_t i = 0; i <= cut_count && rc == 0; i++) {
			size_t end = i < cut_count ? cuts[i] : len;
			/* A copy of its own, so that reading past it is seen. */
			char *piece = malloc(end - at + 1);

			memcpy(piece, doc + at, end - at);
			rc = decode_feed(d, piece, end - at, &e);
			memset(piece, '#', end - at);
			free(piece);
			at = end;
		}
		if (rc == 0)
			rc = decode_finish(d, &e);
	}
	text = decode_head(d, &head);
	if (head > 0)
		buf_printf(out, "head %.*s\n", (int)head, text);
	if (decode_crs(d) != NULL)
		buf_printf(out, "crs %s\n", decode_crs(d));
	if (rc == 0)
		buf_puts(out, "end\n");
	else
		buf_printf(out, "%s@%d\n", reject_name((enum reject_code)e.code), (int)decode_offset(d));
	decode_free(&d);
	assert_null(d);
}

struct example {
	const char *doc;
	const char *want;
	const struct decode_options *o;	/* NULL: usual */
};

static const struct example examples[] = {
	/* kinds of document */
	{ FC(F(POINT) "," F("null")),
	  "0@40 {\"type\":\"Feature\",\"geometry\":" POINT ",\"properties\":null}\n"
	  "1@125 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\nend\n", NULL },
	{ F(POINT), "0@0 {\"type\":\"Feature\",\"geometry\":" POINT ",\"properties\":null}\nend\n", NULL },
	{ " \n" POINT "\n", "0@2 {\"type\":\"Feature\",\"geometry\":" POINT ",\"properties\":null}\nend\n", NULL },
	{ FC(""), "end\n", NULL },
	{ F("null") "\n" POINT "\r\n\n" F("null"),
	  "0@0 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\n"
	  "1@53 {\"type\":\"Feature\",\"geometry\":" POINT ",\"properties\":null}\n"
	  "2@92 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\nend\n", NULL },
	{ "\x1e" F("null") "\n\x1e\x1e" FC(F("null")) "\n",
	  "0@1 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\n"
	  "1@96 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\nend\n", NULL },
	{ "\x1e", "end\n", NULL },

	/* members in any order, with all that is carried through */
	{ "{\"b\":[1, {}],\"features\":[{\"geometry\":{\"coordinates\":[[1,2],[3,4]],\"x\" : 1 ,\"type\":\"LineString\"},"
	  "\"k\":\"\\u00e4\",\"id\":1e400,\"properties\":{\"n\":12345678901234567890},\"bbox\":[1,2,3,4],"
	  "\"type\":\"Feature\"}],\"crs\":null,\"c\": 2,\"type\":\"FeatureCollection\"}",
	  "again\n0@25 CRS_LEGACY {\"type\":\"Feature\",\"id\":1e400,\"geometry\":{\"type\":\"LineString\",\"coordinates\":"
	  "[[1,2],[3,4]],\"x\" : 1},\"properties\":{\"n\":12345678901234567890},\"bbox\":[1,2,3,4],\"k\":\"\\u00e4\"}\n"
	  "head \"b\":[1, {}],\"c\": 2\nend\n", NULL },
	{ "{\"features\":[" F("null") "],\"type\":\"Feature\",\"geometry\":null,\"properties\":null}",
	  "again\n0@0 !MEMBER_MISPLACED/features {\"features\":[" F("null") "],\"type\":\"Feature\","
	  "\"geometry\":null,\"properties\":null}\nend\n", NULL },
	{ "{\"type\":\"Feature\",\"features\":[" F("null") "],\"geometry\":null,\"properties\":null}",
	  "0@0 !MEMBER_MISPLACED/features {\"type\":\"Feature\",\"features\":[" F("null") "],"
	  "\"geometry\":null,\"properties\":null}\nend\n", NULL },

	/* CRS */
	{ "{\"type\":\"Point\",\"coordinates\":[1,2],\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"EPSG:3857\"}}}",
	  "0@0 CRS_LEGACY {\"type\":\"Feature\",\"geometry\":" POINT ",\"properties\":null}\ncrs EPSG:3857\nend\n", NULL },
	{ "{\"type\":\"Point\",\"coordinates\":[1,2],\"crs\":{\"properties\":{\"code\":4326},\"type\":\"EPSG\"}}",
	  "0@0 CRS_LEGACY {\"type\":\"Feature\",\"geometry\":" POINT ",\"properties\":null}\ncrs EPSG:4326\nend\n", NULL },
	{ "{\"type\":\"Point\",\"coordinates\":[1,2],\"crs\":{\"type\":\"link\",\"properties\":{\"href\":\"x\"}}}",
	  "CRS_UNKNOWN@42\n", NULL },

	/* the bytes */
	{ "", "JSON_TRUNCATED@0\n", NULL },
	{ " \n\t ", "JSON_TRUNCATED@4\n", NULL },
	{ "\xef\xbb\xbf" POINT, "0@3 JSON_BOM {\"type\":\"Feature\",\"geometry\":" POINT ",\"properties\":null}\nend\n", NULL },
	{ "\xef\xbb{}", "JSON_UTF8@0\n", NULL },
	{ "\xef\xbb\xbf", "JSON_TRUNCATED@3\n", NULL },
	{ "{\"a\":\"\xc0\x80\"}", "JSON_UTF8@6\n", NULL },
	{ "{\"a\":\"\xed\xa0\x80\"}", "JSON_UTF8@6\n", NULL },
	{ "{\"a\":\"\xf4\x90\x80\x80\"}", "JSON_UTF8@6\n", NULL },
	{ "{\"a\":\"x\xe2\x82\"}", "JSON_UTF8@7\n", NULL },
	{ "{\"type\":\f\"Point\"}", "JSON_SYNTAX@8\n", NULL },
	{ "{\"type\":\v\"Point\"}", "JSON_SYNTAX@8\n", NULL },
	{ "{\"a\":NaN}", "JSON_NONFINITE@5\n", NULL },
	{ "{\"a\":[-Infinity]}", "JSON_NONFINITE@6\n", NULL },
	{ "{\"a\":nan}", "JSON_NONFINITE@5\n", NULL },
	{ "{\"a\":-inf}", "JSON_NONFINITE@5\n", NULL },
	{ "NaN", "JSON_NONFINITE@0\n", NULL },
	{ "{\"a\":nap}", "JSON_SYNTAX@6\n", NULL },
	{ "{\"a\":1,}", "JSON_SYNTAX@7\n", NULL },
	{ "{\"a\":01}", "JSON_SYNTAX@6\n", NULL },
	{ "{\"a\":1 \"bcd\"}", "JSON_SYNTAX@6\n", NULL },
	{ "{\"a\":1 \"infinite\"}", "JSON_SYNTAX@6\n", NULL },
	{ "{\"a\":[1 2]}", "JSON_SYNTAX@8\n", NULL },
	{ "{\"a\":[1", "JSON_TRUNCATED@7\n", NULL },
	{ "{\"a\":\"\\ud8", "JSON_TRUNCATED@10\n", NULL },
	{ POINT " x", "0@0 {\"type\":\"Feature\",\"geometry\":" POINT ",\"properties\":null}\nJSON_TRAILING@37\n", NULL },
	{ FC("") "\n{}", "JSON_TRAILING@43\n", NULL },

	/* several collections go out as one: no name twice */
	{ "\x1e{\"type\":\"FeatureCollection\",\"a\":1,\"b\\u0020\":2,\"features\":[]}\n"
	  "\x1e{\"type\":\"FeatureCollection\",\"a\":3,\"b \":5,\"\\u0063\":4,\"features\":[]}",
	  "head \"a\":1,\"b\\u0020\":2,\"\\u0063\":4\nend\n", NULL },
	{ "\x1e{\"type\":\"FeatureCollection\",\"ab\":1,\"features\":[],\"\":{\"c\":0}}\n"
	  "\x1e{\"ab\":2,\"b\":3,\"c\":4,\"\\\\\":5,\"\":6,\"type\":\"FeatureCollection\",\"features\":[]}\n"
	  "\x1e{\"features\":[],\"c\":7,\"a\":8,\"type\":\"FeatureCollection\"}",
	  "head \"ab\":1,\"\":{\"c\":0},\"b\":3,\"c\":4,\"\\\\\":5,\"a\":8\nend\n", NULL },
	{ POINT "{}", "0@0 {\"type\":\"Feature\",\"geometry\":" POINT ",\"properties\":null}\nJSON_TRAILING@36\n", NULL },
	{ "[1,2]", "ROOT_NOT_OBJECT@0\n", NULL },
	{ "[1,2", "JSON_TRUNCATED@4\n", NULL },
	{ "[1] [", "JSON_TRAILING@4\n", NULL },
	{ " 12 ", "ROOT_NOT_OBJECT@1\n", NULL },
	{ "\"x\"", "ROOT_NOT_OBJECT@0\n", NULL },
	{ "[[[[[[[[[[[[[1]]]]]]]]]]]]]", "JSON_DEPTH@12\n", &tight },
	{ "{\"type\":\"Polygon\",\"coordinates\":[[[[[[[[[[[[[[1", "JSON_DEPTH@43\n", &tight },

	/* faults of one feature leave its neighbours alone */
	{ FC("null,7 , \"x\\\"\",[{}]," F("null")),
	  "0@40 !FEATURE_NOT_OBJECT null\n1@45 !FEATURE_NOT_OBJECT 7\n2@49 !FEATURE_NOT_OBJECT \"x\\\"\"\n"
	  "3@55 !FEATURE_NOT_OBJECT [{}]\n4@60 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\nend\n",
	  NULL },
	{ FC("{\"type\":\"Feature\",\"properties\":{\"a\":\"\\ud800\"},\"geometry\":null}," F("null")),
	  "0@40 !JSON_SURROGATE/properties {\"type\":\"Feature\",\"properties\":{\"a\":\"\\ud800\"},\"geometry\":null}\n"
	  "1@103 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\nend\n", NULL },
	{ FC("{\"type\":\"Feature\",\"properties\":{\"a\":1,\"\\u0061\":2},\"geometry\":null}"),
	  "0@40 !JSON_DUP_MEMBER/properties {\"type\":\"Feature\",\"properties\":{\"a\":1,\"\\u0061\":2},\"geometry\":null}\nend\n",
	  NULL },
	{ FC("{\"type\":\"Feature\",\"type\":\"Feature\",\"properties\":null,\"geometry\":null}"),
	  "0@40 !JSON_DUP_MEMBER/type {\"type\":\"Feature\",\"type\":\"Feature\",\"properties\":null,\"geometry\":null}\nend\n", NULL },
	{ "{\"type\":\"FeatureCollection\",\"a\":1,\"a\":2,\"features\":[]}", "JSON_DUP_MEMBER@0\n", NULL },
	{ "{\"a\":1,\"a\":2}", "TYPE_MISSING@0\n", NULL },

	/* limits */
	{ FC("{\"type\":\"Feature\",\"properties\":{\"a\":\"123456789012345678901\"},\"geometry\":null}," F("null")),
	  "0@40 !TOKEN_TOO_LONG {\"type\":\"Feature\",\"properties\":{\"a\":\"123456789012345678901\"},\"geometry\":null}\n"
	  "1@118 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\nend\n", &tight },
	{ FC("{\"type\":\"Feature\",\"properties\":{\"a\":\"12345678901234567890\"},\"geometry\":null}"),
	  "0@40 {\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"a\":\"12345678901234567890\"}}\nend\n", &tight },
	{ "{\"type\":\"FeatureCollection\",\"a\":\"123456789012345678901\",\"features\":[]}", "TOKEN_TOO_LONG@0\n", &tight },
	{ FC("1234567890.12345678901"), "TOKEN_TOO_LONG@40\n", &tight },
	{ FC(F("{\"type\":\"LineString\",\"coordinates\":[[1,2],[3,4],[5,6],[7,8],[9,10],[11,12]]}") "," F("null")),
	  "0@40 !FEATURE_TOO_LARGE " F("{\"type\":\"LineString\",\"coordinates\":[[1,2],[3,4],[5,6],[7,8],[9,10],[11,12]]}")
	  "\n1@165 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\nend\n", &tight },

	/* the document's own structure */
	{ "{}", "TYPE_MISSING@0\n", NULL },
	{ "{\"type\":\"Foo\"}", "TYPE_UNKNOWN@8\n", NULL },
	{ "{\"type\":1}", "TYPE_UNKNOWN@8\n", NULL },
	{ "{\"type\":\"FeatureCollection\"}", "FEATURES_MISSING@0\n", NULL },
	{ "{\"type\":\"FeatureCollection\",\"features\":{}}", "FEATURES_NOT_ARRAY@39\n", NULL },
	{ "{\"type\":\"FeatureCollection\",\"features\":[],\"properties\":{}}", "MEMBER_MISPLACED@55\n", NULL },
	{ "{\"type\":\"FeatureCollection\",\"features\":[],\"bbox\":[1,2,3]}", "BBOX_LENGTH@49\n", NULL },
	{ "{\"type\":\"FeatureCollection\",\"features\":[],\"bbox\":[1,2,3,\"4\"]}", "BBOX_TYPE@49\n", NULL },

	/* named as one, with a first record that is broken: how its line ends says whether others may have several */
	{ "{\"a\":tru[\n{\"type\":\"Point\",\n\"coordinates\":[1,2]}",
	  "0@0 !SEQ_RECORD {\"a\":tru[\n1@10 {\"type\":\"Feature\",\"geometry\":" POINT ",\"properties\":null}\nend\n", &named },
	{ "{\"a\":trux}\n{\"type\":\"Point\",\n\"coordinates\":[1,2]}",
	  "0@0 !SEQ_RECORD {\"a\":trux}\n1@11 !SEQ_RECORD {\"type\":\"Point\",\n"
	  "2@28 !SEQ_RECORD \"coordinates\":[1,2]}\nend\n", &named },

	/* sequences: the broken record only */
	{ "\x1e{\"a\":}\n\x1e" F("null") "\n\x1e{\"type\":\"Point\",\"coo",
	  "0@1 !SEQ_RECORD {\"a\":}\n\n1@9 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\n"
	  "2@63 !SEQ_RECORD {\"type\":\"Point\",\"coo\nend\n", NULL },
	{ "\x1e{\"a\":\"\xff\x1e" F("null") "\x1e[1]\x1e{} x\x1e",
	  "0@1 !SEQ_RECORD {\"a\":\"\xff\n1@9 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\n"
	  "2@62 !SEQ_RECORD [1]\n3@66 !TYPE_MISSING {}\n4@69 !SEQ_RECORD x\nend\n", NULL },
	{ F("null") "\n{\"a\":\"x\n" F("null") "\nnull\n" F("null") " 1\n",
	  "0@0 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\n1@53 !SEQ_RECORD {\"a\":\"x\n"
	  "2@61 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\n3@114 !SEQ_RECORD null\n"
	  "4@119 {\"type\":\"Feature\",\"geometry\":null,\"properties\":null}\n5@172 !SEQ_RECORD 1\nend\n", NULL },
};

/* A feature's geometry, or all of it where it begins with the brace's "type":"Feature". */
static const struct {
	const char *text, *codes;
} features[] = {
	{ "{\"type\":\"Feature\",\"properties\":{}}", " !FEATURE_GEOMETRY_MISSING" },
	{ "{\"type\":\"Feature\",\"geometry\":null}", " !FEATURE_PROPERTIES_MISSING" },
	{ "{\"properties\":{},\"geometry\":null}", " !TYPE_MISSING" },
	{ "{\"type\":\"feature\",\"properties\":{},\"geometry\":null}", " !TYPE_UNKNOWN/type" },
	{ POINT, " !FEATURE_NOT_OBJECT/type" },
	{ "{\"type\":\"Feature\",\"properties\":[],\"geometry\":null}", " !PROPERTIES_TYPE/properties" },
	{ "{\"type\":\"Feature\",\"id\":{},\"properties\":{},\"geometry\":null}", " !ID_TYPE/id" },
	{ "{\"type\":\"Feature\",\"id\":null,\"properties\":{},\"geometry\":null}", " !ID_TYPE/id" },
	{ "{\"type\":\"Feature\",\"coordinates\":[],\"properties\":{},\"geometry\":null}", " !MEMBER_MISPLACED/coordinates" },
	{ "{\"type\":\"Feature\",\"bbox\":[1,2,3],\"properties\":{},\"geometry\":null}", " !BBOX_LENGTH/bbox" },
	{ "{\"type\":\"Feature\",\"bbox\":[1,2,3,null],\"properties\":{},\"geometry\":null}", " !BBOX_TYPE/bbox" },
	{ "{\"type\":\"Feature\",\"bbox\":\"\",\"properties\":{},\"geometry\":null}", " !BBOX_TYPE/bbox" },
	{ "{\"type\":\"Feature\",\"crs\":{\"type\":\"none\"},\"properties\":{},\"geometry\":null}", " CRS_LEGACY/crs" },
	{ F("[]"), " !GEOMETRY_TYPE/geometry" },
	{ F("7"), " !GEOMETRY_TYPE/geometry" },
	{ F("{\"type\":\"Feature\"}"), " !GEOMETRY_TYPE/geometry" },
	{ F("{}"), " !TYPE_MISSING/geometry" },
	{ F("{\"type\":\"point\",\"coordinates\":[1,2]}"), " !TYPE_UNKNOWN/geometry/type" },
	{ F("{\"type\":\"Point\",\"coordinates\":[1,2],\"properties\":{}}"), " !MEMBER_MISPLACED/geometry/properties" },
	{ F("{\"type\":\"Point\"}"), " !COORDS_MISSING/geometry" },
	{ F("{\"type\":\"Point\",\"coordinates\":\"1,2\"}"), " !COORDS_MISSING/geometry/coordinates" },
	{ F("{\"type\":\"GeometryCollection\"}"), " !COORDS_MISSING/geometry" },
	{ F("{\"type\":\"Point\",\"coordinates\":[[1,2]]}"), " !COORDS_DEPTH/geometry/coordinates" },
	{ F("{\"type\":\"LineString\",\"coordinates\":[1,2]}"), " !COORDS_DEPTH/geometry/coordinates" },
	{ F("{\"type\":\"LineString\",\"coordinates\":[[1,2],3]}"), " !COORDS_DEPTH/geometry/coordinates" },
	{ F("{\"type\":\"LineString\",\"coordinates\":[[1,2],[3,[4]]]}"), " !COORDS_DEPTH/geometry/coordinates/1" },
	{ F("{\"type\":\"LineString\",\"coordinates\":[[1,2],[[]]]}"), " !COORDS_DEPTH/geometry/coordinates" },
	{ F("{\"type\":\"Point\",\"coordinates\":[[[[[[1,2]]]]]]}"), " !COORDS_DEPTH/geometry/coordinates/0/0/0" },
	{ F("{\"type\":\"Point\",\"coordinates\":[1,\"2\"]}"), " !POSITION_TYPE/geometry/coordinates" },
	{ F("{\"type\":\"Polygon\",\"coordinates\":[[[1,2],[3,4]],[[1,2],[3,null]]]}"),
	  " !POSITION_TYPE/geometry/coordinates/1/1" },
	{ F("{\"type\":\"Point\",\"coordinates\":[{\"x\":[1]},2]}"), " !POSITION_TYPE/geometry/coordinates" },
	{ F("{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[3]]}"), " !POSITION_SHORT/geometry/coordinates/1" },
	{ F("{\"type\":\"MultiPoint\",\"coordinates\":[[]]}"), " !POSITION_SHORT/geometry/coordinates" },
	{ F("{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[]]}"), " !POSITION_SHORT/geometry/coordinates/1" },
	{ F("{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[1,-1e400]]}"), " !NUM_OVERFLOW/geometry/coordinates/1" },
	{ F("{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[1,2,3,4]]}"),
	  " POSITION_EXTRA/geometry/coordinates/1 DIM_MIXED/geometry/coordinates/1" },
	{ F("{\"coordinates\":[[1,2],[1,2,3],[4,5]],\"type\":\"MultiPoint\"}"), " DIM_MIXED/geometry/coordinates/1" },
	{ F("{\"type\":\"Point\",\"coordinates\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]}"),
	  " !FEATURE_TOO_LARGE/geometry/coordinates" },
	{ F("{\"type\":\"GeometryCollection\",\"geometries\":[" POINT ",7]}"), " !COLLECTION_MEMBER/geometry/geometries" },
	{ F("{\"type\":\"GeometryCollection\",\"geometries\":[" POINT "," F("null") "]}"),
	  " !MEMBER_MISPLACED/geometry/geometries/1/geometry !COLLECTION_MEMBER/geometry/geometries/1" },
	{ F("{\"type\":\"GeometryCollection\",\"geometries\":[" POINT ",{\"type\":\"GeometryCollection\",\"geometries\":"
	    "[{\"type\":\"Point\",\"coordinates\":[1]}]}]}"),
	  " !POSITION_SHORT/geometry/geometries/1/geometries/0/coordinates COLLECTION_NESTED/geometry/geometries/1" },
	{ F("{\"type\":\"GeometryCollection\",\"geometries\":[" POINT ",{\"coordinates\":[[[1,2]],[]],"
	    "\"type\":\"MultiLineString\",\"x\":[0]}],\"bbox\":[0,0,1,1]}"), "" },
	{ F("{\"type\":\"Point\",\"coordinates\":[]}"), "" },
	{ F("{\"type\":\"LineString\",\"coordinates\":[]}"), "" },
	{ F("{\"type\":\"MultiPolygon\",\"coordinates\":[[],[[]],[[[1,2,3],[4,5,6]],[[7,8,9]]]]}"), "" },
	{ F("{\"type\":\"MultiPolygon\",\"coordinates\":[]}"), "" },
};

static int faults;

static void check_all_cuts(const struct decode_options *o, const char *doc, const char *want, size_t pairs_up_to)
{
	size_t len = strlen(doc), cuts[2];
	struct buf out;

	buf_init(&out, 1 << 20);
	transcribe(o, doc, len, NULL, 0, &out);
	if (strcmp(buf_cstr(&out), want) != 0) {
		print_error("%s\nwant: %s\ncame: %s\n", doc, want, buf_cstr(&out));
		faults++;
		buf_clear(&out);
		return;
	}
	for (cuts[0] = 0; cuts[0] <= len; cuts[0]++)
		for (cuts[1] = cuts[0]; cuts[1] <= (len <= pairs_up_to ? len : cuts[0]); cuts[1]++) {
			transcribe(o, doc, len, cuts, 2, &out);
			if (strcmp(buf_cstr(&out), want) != 0)
				fail_msg("%s\ncut at %zu and %zu\nwant: %s\ncame: %s", doc, cuts[0], cuts[1], want,
				    buf_cstr(&out));
		}
	buf_clear(&out);
}

static void documents(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(examples); i++)
		check_all_cuts(examples[i].o != NULL ? examples[i].o : &usual, examples[i].doc, examples[i].want, 60);
	assert_int_equal(faults, 0);
}

/* As element of a collection, as the document, and as a record: the same codes. */
static void features_anywhere(void **state)
{
	struct buf doc, want;

	(void)state;
	buf_init(&doc, 1 << 16);
	buf_init(&want, 1 << 16);
	for (size_t i = 0; i < COUNT(features); i++) {
		const char *codes = features[i].codes;

		buf_reset(&doc);
		buf_reset(&want);
		buf_printf(&doc, FC("%s"), features[i].text);
		transcribe(&usual, doc.data, doc.len, NULL, 0, &want);
		assert_memory_equal(want.data, "0@40", 4);
		/* Codes stand in the table's order; the one that rejects is the first that does. */
		if (strncmp(want.data + 4, codes, strlen(codes)) != 0 &&
		    strstr(codes, "MISPLACED") == NULL)
			fail_msg("%s\nwant: %s\ncame: %s", features[i].text, codes, buf_cstr(&want));
		check_all_cuts(&usual, buf_cstr(&doc), buf_cstr(&want), 0);
	}
	buf_clear(&doc);
	buf_clear(&want);
}

static void texts_come_back(void **state)
{
	static const char *const texts[] = {
		"{\"type\":\"Feature\",\"geometry\":{\"type\":\"MultiPolygon\",\"coordinates\":[[],[[]],[[[1,2,3],[4,5,6]],[[7,8,9]]]]},\"properties\":null}",
		"{\"type\":\"Feature\",\"id\":\"\\u0000\",\"geometry\":{\"type\":\"GeometryCollection\",\"geometries\":"
		"[" POINT ",{\"type\":\"MultiLineString\",\"coordinates\":[[[1,2],[3.5,-0]],[]],\"bbox\":[1],\"x\":[0]}]},"
		"\"properties\":{\"a\" : 1.0},\"bbox\":[0,0,1,1.0],\"z\":true}",
		"{\"type\":\"Feature\",\"geometry\":{\"type\":\"MultiPoint\",\"coordinates\":[[1,2],[1,2,3],[4,5]]},\"properties\":{}}",
		"{\"type\":\"Feature\",\"geometry\":{\"type\":\"Point\",\"coordinates\":[],\"geometries\":7},\"properties\":{}}",
	};
	struct buf out;

	(void)state;
	severity[R_BBOX_LENGTH] = SEV_WARN;
	buf_init(&out, 1 << 16);
	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *text;

		transcribe(&usual, texts[i], strlen(texts[i]), NULL, 0, &out);
		text = strchr(buf_cstr(&out), '{');
		assert_non_null(text);
		assert_memory_equal(text, texts[i], strlen(texts[i]));
	}
	buf_clear(&out);
	severity[R_BBOX_LENGTH] = SEV_REJECT;
}

static void line_breaks_go(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 16);
	assert_int_equal(encode_text(&out, "{ \"a b\\\"\\\\\" :\n\t[1 ,2]\r\n}", 25), 0);
	assert_string_equal(buf_cstr(&out), "{\"a b\\\"\\\\\":[1,2]}");
	buf_clear(&out);
}

static void ids_are_told_apart(void **state)
{
	static const char doc[] = FC(
	    "{\"type\":\"Feature\",\"id\":1,\"geometry\":null,\"properties\":null},"
	    "{\"type\":\"Feature\",\"id\":\"1\",\"geometry\":null,\"properties\":null},"
	    "{\"type\":\"Feature\",\"id\":\"\\u0031\",\"geometry\":null,\"properties\":null},"
	    "{\"type\":\"Feature\",\"id\":10e-1,\"geometry\":null,\"properties\":null},"
	    "{\"type\":\"Feature\",\"id\":9007199254740993,\"geometry\":null,\"properties\":null},"
	    "{\"type\":\"Feature\",\"id\":9007199254740992,\"geometry\":null,\"properties\":null}");
	static const int twice[] = { 0, 0, 1, 1, 0, 0 };
	struct buf out;
	char *line;

	(void)state;
	buf_init(&out, 1 << 16);
	transcribe(&usual, doc, strlen(doc), NULL, 0, &out);
	line = out.data;
	for (size_t i = 0; i < COUNT(twice); i++) {
		char *end = strchr(line, '\n');

		*end = '\0';
		assert_int_equal(strstr(line, "ID_DUPLICATE/id") != NULL, twice[i]);
		line = end + 1;
	}
	buf_clear(&out);
}

/* Many names in one object: found however they are compared. */
static void long_objects(void **state)
{
	static const struct decode_options large = { severity, 32, 200, 1 << 20, false };
	struct buf doc, out;

	(void)state;
	buf_init(&doc, 1 << 20);
	buf_init(&out, 1 << 20);
	for (int twice = 0; twice < 2; twice++) {
		buf_reset(&doc);
		buf_puts(&doc, "{\"type\":\"Feature\",\"geometry\":null,\"properties\":{\"n\":{");
		for (int i = 0; i < 300; i++)
			buf_printf(&doc, "\"%d\":{\"0\":0},", i);
		buf_printf(&doc, "\"%d\":0}}}", twice ? 150 : 300);
		transcribe(&large, doc.data, doc.len, NULL, 0, &out);
		assert_int_equal(strstr(buf_cstr(&out), "JSON_DUP_MEMBER") != NULL, twice);
	}
	buf_clear(&doc);
	buf_clear(&out);
}

static size_t large_features;

static int count_large(void *ctx, struct feature *f, struct err *e)
{
	(void)ctx;
	(void)e;
	assert_int_equal(f->fatal, R_TOKEN_TOO_LONG);
	assert_true(f->raw_len < 300000);
	large_features++;
	return 0;
}

/* 64 MB of one token: the text goes by, and what is kept stays small. */
static void endless_tokens(void **state)
{
	static const struct {
		const char *begin, *end;
		char fill;
		enum reject_code code;
	} tokens[] = {
		{ "{\"type\":\"FeatureCollection\",\"features\":[1", "]}", '1', R_TOKEN_TOO_LONG },
		{ "{\"type\":\"FeatureCollection\",\"a\":\"", "\"}", 'x', R_FEATURE_TOO_LARGE },
		{ "{\"type\":\"FeatureCollection\",\"features\":[", "]}", ' ', R_NONE },
		{ "[", "]", '[', R_JSON_DEPTH },
	};
	struct decode_options o = { severity, 64, 1 << 17, 1 << 22, false };
	static char fill[1 << 20];

	(void)state;
	for (size_t i = 0; i < COUNT(tokens); i++) {
		struct err e = ERR_INIT;
		struct decode *d = decode_new(&o, count_large, NULL, &e);
		int rc = decode_feed(d, tokens[i].begin, strlen(tokens[i].begin), &e);

		memset(fill, tokens[i].fill, sizeof(fill));
		for (int k = 0; k < 64 && rc == 0; k++)
			rc = decode_feed(d, fill, sizeof(fill), &e);
		if (rc == 0)
			rc = decode_feed(d, tokens[i].end, strlen(tokens[i].end), &e);
		if (rc == 0)
			rc = decode_finish(d, &e);
		assert_int_equal(e.code, tokens[i].code);
		assert_int_equal(rc, tokens[i].code == R_NONE ? 0 : -1);
		decode_free(&d);
	}
}

static void endless_string_of_a_feature(void **state)
{
	static const char begin[] = "{\"type\":\"FeatureCollection\",\"features\":[{\"a\":\"", end[] = "\"}]}";
	struct decode_options o = { severity, 64, 1 << 17, (size_t)1 << 30, false };
	static char fill[1 << 16];
	struct err e = ERR_INIT;
	struct decode *d = decode_new(&o, count_large, NULL, &e);

	(void)state;
	memset(fill, 'x', sizeof(fill));
	large_features = 0;
	assert_int_equal(decode_feed(d, begin, strlen(begin), &e), 0);
	for (int k = 0; k < 4; k++)
		assert_int_equal(decode_feed(d, fill, sizeof(fill), &e), 0);
	assert_int_equal(decode_feed(d, end, strlen(end), &e), 0);
	assert_int_equal(decode_finish(d, &e), 0);
	assert_int_equal(large_features, 1);
	decode_free(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents),
		cmocka_unit_test(features_anywhere),
		cmocka_unit_test(texts_come_back),
		cmocka_unit_test(line_breaks_go),
		cmocka_unit_test(ids_are_told_apart),
		cmocka_unit_test(long_objects),
		cmocka_unit_test(endless_tokens),
		cmocka_unit_test(endless_string_of_a_feature),
	};

	for (int code = 0; code < R_COUNT; code++)
		severity[code] = (unsigned char)reject_info((enum reject_code)code)->severity;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
