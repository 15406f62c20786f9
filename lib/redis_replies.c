/*
 * redis_replies - memory for hiredis's replies, given back all at once.
 *
 * In:  a connection. Out: its replies on an arena. Depends on hiredis, and arena.
 *
 * hiredis makes two allocations of each string and one of each number. A transaction is answered by a string for every
 * command of it that was queued, and a number or a string for its effect: a dozen allocations for a small document.
 */
#include "lib/arena.h"
#include "lib/redis_internal.h"

#if HIREDIS_MAJOR < 1
typedef int elements_t;
#else
typedef size_t elements_t;
#endif

/* A reply in its place among the elements of the one that it belongs to. */
static redisReply *reply_new(const redisReadTask *task)
{
	redisReply *r = arena_calloc(task->privdata, 1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->type = task->type;
	if (task->parent != NULL)
		((redisReply *)task->parent->obj)->element[task->idx] = r;
	return r;
}

static void *new_string(const redisReadTask *task, char *text, size_t n)
{
	redisReply *r = reply_new(task);

	if (r == NULL || (r->str = arena_strndup(task->privdata, text, n)) == NULL)
		return NULL;
	r->len = n;
	return r;
}

static void *new_array(const redisReadTask *task, elements_t n)
{
	redisReply *r = reply_new(task);

	if (r == NULL || (n > 0 && (r->element = arena_calloc(task->privdata, (size_t)n, sizeof(*r->element))) == NULL))
		return NULL;
	r->elements = (size_t)n;
	return r;
}

static void *new_integer(const redisReadTask *task, long long value)
{
	redisReply *r = reply_new(task);

	if (r != NULL)
		r->integer = value;
	return r;
}

static void *new_nil(const redisReadTask *task)
{
	redisReply *r = reply_new(task);

	if (r != NULL)
		r->type = REDIS_REPLY_NIL;	/* the task is of a string or an array, of which there is none */
	return r;
}

static void free_nothing(void *reply)
{
	(void)reply;
}

void redis_replies_on(redisContext *c, struct arena *a)
{
	static redisReplyObjectFunctions functions = {
		.createString = new_string,
		.createArray = new_array,
		.createInteger = new_integer,
		.createNil = new_nil,
		.freeObject = free_nothing,
	};

	c->reader->fn = &functions;
	c->reader->privdata = a;
}
