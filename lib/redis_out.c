/* redis_out - see redis_out.h. */
#include "lib/redis_out.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/decimal.h"

#define BLOCK_BYTES ((size_t)65536)
#define BEHIND_BYTES ((size_t)1024)	/* behind what was given: the end of its command, the next one's head */
#define BLOCKS_PER_WRITE 16
#define HEAD_MAX (1 + DECIMAL_MAX + 2)	/* "*12\r\n", "$12\r\n" */

static const char multi[] = "*1\r\n$5\r\nMULTI\r\n", exec[] = "*1\r\n$4\r\nEXEC\r\n";

struct redis_out_block {
	struct redis_out_block *next;
	size_t written, len, room;
	char *bytes;	/* its own, or given */
	char own[];
};

void redis_out_init(struct redis_out *o)
{
	memset(o, 0, sizeof(*o));
}

static void free_block(struct redis_out_block *b)
{
	if (b->bytes != b->own)
		free(b->bytes);
	free(b);
}

static void free_list(struct redis_out_block *b)
{
	for (struct redis_out_block *next; b != NULL; b = next) {
		next = b->next;
		free_block(b);
	}
}

void redis_out_clear(struct redis_out *o)
{
	free_list(o->first);
	free(o->spare);
	redis_out_init(o);
}

static struct redis_out_block *block_new(size_t room)
{
	struct redis_out_block *b = malloc(sizeof(*b) + room);

	if (b == NULL)
		return NULL;
	*b = (struct redis_out_block){ .room = room };
	b->bytes = b->own;
	return b;
}

static void append(struct redis_out *o, struct redis_out_block *b)
{
	*(o->last != NULL ? &o->last->next : &o->first) = b;
	o->last = b;
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
	} else if ((b = block_new(n > BLOCK_BYTES ? n : BLOCK_BYTES)) == NULL) {
		return NULL;
	}
	b->written = b->len = 0;
	b->next = NULL;
	append(o, b);
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

static char *put_arguments(char *at, const struct redis_cmd *c, size_t from, size_t end)
{
	for (size_t i = from; i < end; i++) {
		at = put_head(at, '$', c->lens[i]);
		at = put(at, c->argv[i], c->lens[i]);
		at = put(at, "\r\n", 2);
	}
	return at;
}

/* Arguments from to below end, as one command. */
static char *put_command(char *at, const struct redis_cmd *c, size_t from, size_t end)
{
	return put_arguments(put_head(at, '*', end - from), c, from, end);
}

/* The most that those take, without what is given. */
static size_t length_of(const struct redis_cmd *c, size_t from, size_t end)
{
	size_t n = HEAD_MAX;

	for (size_t i = from; i < end; i++)
		n += HEAD_MAX + (c->given == 0 || i != c->given ? c->lens[i] : 0) + 2;
	return n;
}

/* All commands of c, between what is to stand before and behind them. */
static int put_all(struct redis_out *o, const struct redis_cmd *c, const char *before, const char *behind)
{
	size_t ahead = strlen(before), after = strlen(behind), from = 0;
	size_t n = ahead + after + c->parts * HEAD_MAX + length_of(c, 0, c->argc);
	struct redis_out_block *b;
	char *at;

	assert(c->given == 0);	/* its memory would be copied here, and never freed */
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

/* c between whose arguments the memory of one stands as it is. */
static int put_around(struct redis_out *o, const struct redis_cmd *c)
{
	size_t n = length_of(c, c->given, c->argc);
	struct redis_out_block *ahead, *given = NULL, *behind = NULL;
	char *at;

	assert(c->parts == 0);	/* it would go as one command */
	if (c->failed || (ahead = block_for(o, length_of(c, 0, c->given + 1))) == NULL || (given = block_new(0)) == NULL
	    || (behind = block_new(n > BEHIND_BYTES ? n : BEHIND_BYTES)) == NULL) {
		free(given);
		return -1;
	}
	at = put_head(ahead->bytes + ahead->len, '*', c->argc);
	at = put_arguments(at, c, 0, c->given);
	at = put_head(at, '$', c->lens[c->given]);
	ahead->len = (size_t)(at - ahead->bytes);
	given->bytes = (char *)c->argv[c->given];
	given->len = given->room = c->lens[c->given];
	at = put(behind->bytes, "\r\n", 2);
	behind->len = (size_t)(put_arguments(at, c, c->given + 1, c->argc) - behind->bytes);
	append(o, given);
	append(o, behind);
	return 1;
}

static int put_transaction(struct redis_out *o, const struct redis_cmd *c)
{
	int replies = put_all(o, c, multi, exec);

	return replies > 0 ? replies + 2 : replies;
}

int redis_out_add(struct redis_out *o, const struct redis_cmd *c)
{
	if (c->given > 0)
		return put_around(o, c);
	return c->parts > 0 ? put_transaction(o, c) : put_all(o, c, "", "");
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
	if (o->spare == NULL && b->bytes == b->own && b->room == BLOCK_BYTES)
		o->spare = b;
	else
		free_block(b);
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
