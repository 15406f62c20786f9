/* args - see args.h. */
#include "workers/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void args_init(struct args *a, size_t max_bytes)
{
	memset(a, 0, sizeof(*a));
	buf_init(&a->text, max_bytes);
}

void args_clear(struct args *a)
{
	free(a->ends);
	buf_clear(&a->text);
	args_init(a, a->text.max);
}

void args_reset(struct args *a, size_t keep_bytes)
{
	buf_trim(&a->text, keep_bytes);
	a->count = 0;
	a->failed = false;
}

static int grow(struct args *a)
{
	size_t room = a->room == 0 ? 64 : a->room * 2;
	size_t *ends = realloc(a->ends, room * sizeof(*ends));

	if (ends == NULL)
		return -1;
	a->ends = ends;
	a->room = room;
	return 0;
}

void args_bytes(struct args *a, const void *p, size_t n)
{
	if (a->failed || (a->count == a->room && grow(a) != 0) || buf_append(&a->text, p, n) != 0) {
		a->failed = true;
		return;
	}
	a->ends[a->count++] = a->text.len;
}

void args_str(struct args *a, const char *s)
{
	args_bytes(a, s, strlen(s));
}

void args_uint(struct args *a, uint64_t v)
{
	char s[24];

	snprintf(s, sizeof(s), "%llu", (unsigned long long)v);
	args_str(a, s);
}

void args_to_cmd(const struct args *a, struct redis_cmd *c)
{
	size_t begin = 0;

	for (size_t i = 0; i < a->count; i++) {
		cmd_bytes(c, a->ends[i] == begin ? "" : a->text.data + begin, a->ends[i] - begin);
		begin = a->ends[i];
	}
	if (a->failed)
		c->failed = true;
}
