/*
 * decode_yajl - the parser: bytes in, the callbacks of decode_tree.c out. See decode_parts.h. Depends on
 * yajl.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "workers/pipeline/decode_parts.h"

/*
 * yajl does not look whether it got memory, so an allocation that fails leaves it by longjmp.
 * Its handle can be freed afterwards, except while it is being made: then `made` is freed.
 */
struct yajl {
	yajl_handle handle;
	yajl_alloc_funcs memory;
	jmp_buf no_memory;
	void *made[8];
	size_t made_count;
};

static void *yajl_more(void *ctx, void *p, size_t n)
{
	struct yajl *y = ctx;
	size_t i = 0;
	void *more;

	while (i < y->made_count && (p == NULL || y->made[i] != p))
		i++;
	if ((more = realloc(p, n)) == NULL)
		longjmp(y->no_memory, 1);
	if (y->handle == NULL && i < COUNT(y->made)) {
		y->made[i] = more;
		y->made_count += i == y->made_count;
	}
	return more;
}

static void *yajl_new(void *ctx, size_t n)
{
	return yajl_more(ctx, NULL, n);
}

static void yajl_done(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static const yajl_callbacks callbacks = {
	.yajl_null = tree_null,
	.yajl_boolean = tree_boolean,
	.yajl_number = tree_number,
	.yajl_string = tree_string,
	.yajl_start_map = tree_start_map,
	.yajl_map_key = tree_map_key,
	.yajl_end_map = tree_end_map,
	.yajl_start_array = tree_start_array,
	.yajl_end_array = tree_end_array,
};

struct yajl *parser_new(void)
{
	struct yajl *y = calloc(1, sizeof(*y));

	if (y != NULL)
		y->memory = (yajl_alloc_funcs){ yajl_new, yajl_more, yajl_done, y };
	return y;
}

void parser_free(struct yajl **y)
{
	if (*y != NULL)
		parser_close(*y);
	free(*y);
	*y = NULL;
}

void parser_close(struct yajl *y)
{
	if (y->handle != NULL)
		yajl_free(y->handle);
	y->handle = NULL;
}

int parser_open(struct decode *d)
{
	struct yajl *y = d->yajl;
	yajl_handle handle;

	parser_close(y);
	y->made_count = 0;
	if (setjmp(y->no_memory) != 0) {
		while (y->made_count > 0)
			free(y->made[--y->made_count]);
		return decode_oom(d) - 1;
	}
	handle = yajl_alloc(&callbacks, &y->memory, d);
	yajl_config(handle, yajl_dont_validate_strings, 1);	/* bytes.c has */
	yajl_parse(handle, (const unsigned char *)"", 0);	/* makes what it makes late */
	y->handle = handle;
	y->made_count = 0;
	return 0;
}

enum parser_status parser_feed(struct decode *d, const char *p, size_t n)
{
	yajl_handle h = d->yajl->handle;
	yajl_status status;

	if (setjmp(d->yajl->no_memory) != 0) {
		decode_oom(d);
		return PARSER_STOPPED;
	}
	status = p == NULL ? yajl_complete_parse(h) : yajl_parse(h, (const unsigned char *)p, n);
	return status == yajl_status_ok ? PARSER_OK : status == yajl_status_error ? PARSER_FAULT : PARSER_STOPPED;
}

size_t parser_used(const struct decode *d)
{
	return yajl_get_bytes_consumed(d->yajl->handle);
}

uint64_t decode_here(const struct decode *d)
{
	return d->parse_at + parser_used(d);
}

void parser_fault(struct decode *d, const char *p, size_t n)
{
	yajl_handle h = d->yajl->handle;
	unsigned char *words;

	if (setjmp(d->yajl->no_memory) != 0) {
		decode_oom(d);
		return;
	}
	words = yajl_get_error(h, 0, NULL, 0);
	fault_syntax(d, p, n, yajl_get_bytes_consumed(h), (const char *)words);
	yajl_free_error(h, words);
}
