/* redis_out - see redis_out.h. */
#include "lib/redis_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/decimal.h"

#define BLOCK_BYTES ((size_t)65536)
#define BLOCKS_PER_WRITE 16
#define HEAD_MAX (1 + DECIMAL_MAX + 2)	/* "*12\r\n", "$12\r\n" */

static const char multi[] = "*1\r\n$5\r\nMULTI\r\n", exec[] = "*1\r\n$4\r\nEXEC\r\n";

struct redis_out_block {
	struct redis_out_block *next;
	size_t written, len, room;
	char bytes[];
};

void redis_out_init(struct redis_out *o)
{
	memset(o, 0, sizeof(*o));
}

static void free_list(struct redis_out_block *b)
{
	for (struct redis_out_block *next; b != NULL; b = next) {
		next = b->next;
		free(b);
	}
}

void redis_out_clear(struct redis_out *o)
{
	free_list(o->first);
	free(o->spare);
	redis_out_init(o);
}

/* The block that n more bytes go to. */
static struct redis_out_block *block_for(struct redis_out *o, size_t n)
{
	struct redis_out_block *b = o->last;

	if (b != NULL && b->room - b->len >= n)
		return b;
	if (n <= BLOCK_BYTES && o->spare != NULL) {
		b = o->spare;
		o->spare = NULL;
	} else {
		size_t room = n > BLOCK_BYTES ? n : BLOCK_BYTES;

		if ((b = malloc(sizeof(*b) + room)) == NULL)
			return NULL;
		b->room = room;
	}
	b->written = b->len = 0;
	b->next = NULL;
	*(o->last != NULL ? &o->last->next : &o->first) = b;
	o->last = b;
	return b;
}

static char *put(char *at, const void *bytes, size_t n)
{
	memcpy(at, bytes, n);
	return at + n;
}

static char *put_head(char *at, char kind, size_t n)
{
	*at++ = kind;
	at += decimal(at, n);
	return put(at, "\r\n", 2);
}

/* Arguments from to below end, as one command. */
static char *put_command(char *at, const struct redis_cmd *c, size_t from, size_t end)
{
	at = put_head(at, '*', end - from);
	for (size_t i = from; i < end; i++) {
		at = put_head(at, '$', c->lens[i]);
		at = put(at, c->argv[i], c->lens[i]);
		at = put(at, "\r\n", 2);
	}
	return at;
}

/* All commands of c, between what is to stand before and behind them. */
static int put_all(struct redis_out *o, const struct redis_cmd *c, const char *before, const char *behind)
{
	size_t ahead = strlen(before), after = strlen(behind), n = ahead + after + (c->parts + 1) * HEAD_MAX, from = 0;
	struct redis_out_block *b;
	char *at;

	for (size_t i = 0; i < c->argc; i++)
		n += HEAD_MAX + c->lens[i] + 2;
	if (c->failed || (b = block_for(o, n)) == NULL)
		return -1;
	at = put(b->bytes + b->len, before, ahead);
	for (size_t i = 0; i < c->parts; i++) {
		at = put_command(at, c, from, c->begins[i]);
		from = c->begins[i];
	}
	at = put_command(at, c, from, c->argc);
	at = put(at, behind, after);
	b->len = (size_t)(at - b->bytes);
	return (int)c->parts + 1;
}

int redis_out_add(struct redis_out *o, const struct redis_cmd *c)
{
	int replies = c->parts > 0 ? put_all(o, c, multi, exec) : put_all(o, c, "", "");

	return replies > 1 ? replies + 2 : replies;
}

static int put_word(struct redis_out *o, const char *word, size_t n)
{
	struct redis_out_block *b = block_for(o, n);

	if (b == NULL)
		return -1;
	memcpy(b->bytes + b->len, word, n);
	b->len += n;
	return 1;
}

int redis_out_begin(struct redis_out *o)
{
	return put_word(o, multi, sizeof(multi) - 1);
}

int redis_out_part(struct redis_out *o, const struct redis_cmd *c)
{
	return put_all(o, c, "", "");
}

int redis_out_end(struct redis_out *o)
{
	return put_word(o, exec, sizeof(exec) - 1);
}

static void retire(struct redis_out *o)
{
	struct redis_out_block *b = o->first;

	if ((o->first = b->next) == NULL)
		o->last = NULL;
	if (o->spare == NULL && b->room == BLOCK_BYTES)
		o->spare = b;
	else
		free(b);
}

int redis_out_write(struct redis_out *o, int fd)
{
	while (o->first != NULL) {
		struct iovec pieces[BLOCKS_PER_WRITE];
		struct msghdr m = { .msg_iov = pieces };
		ssize_t n;

		for (struct redis_out_block *b = o->first; b != NULL && m.msg_iovlen < BLOCKS_PER_WRITE; b = b->next) {
			pieces[m.msg_iovlen].iov_base = b->bytes + b->written;
			pieces[m.msg_iovlen++].iov_len = b->len - b->written;
		}
		n = sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 1 : -1;
		for (size_t left = (size_t)n; o->first != NULL; left -= o->first->len - o->first->written, retire(o)) {
			if (left < o->first->len - o->first->written) {
				o->first->written += left;
				break;
			}
		}
	}
	return 0;
}
