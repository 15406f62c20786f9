/*
 * bench_decode - how fast is the decoder beside a tokeniser that does nothing?
 *
 * In:  a GeoJSON file. Out: one JSON line with seconds and MB/s of both, each the median of runs
 * that take turns, and their ratio: bare yajl with empty callbacks is 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yajl/yajl_parse.h>

#include "workers/pipeline/pipeline.h"

#define RUNS 5
#define PIECE ((size_t)256 << 10)

static int nothing(void *ctx)
{
	(void)ctx;
	return 1;
}

static int no_bool(void *ctx, int v)
{
	(void)v;
	return nothing(ctx);
}

static int no_number(void *ctx, const char *s, size_t n)
{
	(void)s;
	(void)n;
	return nothing(ctx);
}

static int no_string(void *ctx, const unsigned char *s, size_t n)
{
	(void)s;
	(void)n;
	return nothing(ctx);
}

static const yajl_callbacks empty = {
	.yajl_null = nothing, .yajl_boolean = no_bool, .yajl_number = no_number, .yajl_string = no_string,
	.yajl_start_map = nothing, .yajl_map_key = no_string, .yajl_end_map = nothing,
	.yajl_start_array = nothing, .yajl_end_array = nothing,
};

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);	/* what others do does not count */
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double run_yajl(const char *doc, size_t len)
{
	double begin = now_s();
	yajl_handle h = yajl_alloc(&empty, NULL, NULL);
	yajl_status status = yajl_status_ok;

	for (size_t at = 0; at < len && status == yajl_status_ok; at += PIECE)
		status = yajl_parse(h, (const unsigned char *)doc + at, len - at < PIECE ? len - at : PIECE);
	if (status != yajl_status_ok || yajl_complete_parse(h) != yajl_status_ok)
		exit(2);
	yajl_free(h);
	return now_s() - begin;
}

static int count_positions(void *ctx, const struct verdict *v, struct err *e)
{
	const struct geometry *g = v->feature->geometry;

	(void)e;
	if (g != NULL)
		*(size_t *)ctx += g->positions;
	return 0;
}

static double run_decode(const char *doc, size_t len, size_t *positions)
{
	struct pipeline_options o;
	struct err e = ERR_INIT;
	struct pipeline *p;
	double begin = now_s();

	pipeline_options_init(&o);
	o.decode_only = true;
	*positions = 0;
	if ((p = pipeline_new(&o, count_positions, positions, &e)) == NULL)
		exit(2);
	for (size_t at = 0; at < len; at += PIECE)
		if (pipeline_feed(p, doc + at, len - at < PIECE ? len - at : PIECE, &e) != 0) {
			fprintf(stderr, "bench_decode: %s\n", e.text);
			exit(2);
		}
	if (pipeline_finish(p, &e) != 0)
		exit(2);
	pipeline_free(&p);
	return now_s() - begin;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	double yajl[RUNS], decode[RUNS];
	size_t len, positions = 0;
	char *doc;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0) {
		fprintf(stderr, "usage: bench_decode FILE (plain GeoJSON)\n");
		return 2;
	}
	len = (size_t)ftell(f);
	rewind(f);
	doc = malloc(len + 1);
	if (doc == NULL || fread(doc, 1, len, f) != len)
		return 2;
	fclose(f);
	for (int i = 0; i < RUNS; i++) {
		yajl[i] = run_yajl(doc, len);
		decode[i] = run_decode(doc, len, &positions);
	}
	qsort(yajl, RUNS, sizeof(*yajl), by_value);
	qsort(decode, RUNS, sizeof(*decode), by_value);
	printf("{\"bytes\":%zu,\"positions\":%zu,\"yajl_s\":%.4f,\"decode_s\":%.4f,\"yajl_mb_s\":%.1f,"
	    "\"decode_mb_s\":%.1f,\"ratio\":%.3f}\n", len, positions, yajl[RUNS / 2], decode[RUNS / 2],
	    (double)len / 1e6 / yajl[RUNS / 2], (double)len / 1e6 / decode[RUNS / 2],
	    yajl[RUNS / 2] / decode[RUNS / 2]);
	free(doc);
	return 0;
}
