/* work - see work.h: scratch memory and budgets. */
#include "workers/pipeline/repair/work.h"

#include <stdlib.h>

void *work_alloc(struct work *w, size_t count, size_t size)
{
	void *p = count > SIZE_MAX / 2 / size ? NULL : malloc(count * size + 1);

	if (p == NULL)
		err_set(w->err, ERR_SYSTEM, 0, "repair: out of memory");
	return p;
}

void *work_calloc(struct work *w, size_t count, size_t size)
{
	void *p = calloc(count + 1, size);

	if (p == NULL)
		err_set(w->err, ERR_SYSTEM, 0, "repair: out of memory");
	return p;
}

int work_grow(struct work *w, void *p, size_t count, size_t *room, size_t size)
{
	void **array = p, *more;
	size_t want = *room < 64 ? 64 : *room * 2;

	if (count < *room)
		return 0;
	if (want > SIZE_MAX / 2 / size || (more = realloc(*array, want * size)) == NULL)
		return err_set(w->err, ERR_SYSTEM, 0, "repair: out of memory");
	*array = more;
	*room = want;
	return 0;
}

static int ask(struct work *w)
{
	if (w->limits->interrupted != NULL && w->limits->interrupted(w->limits->ctx))
		return err_set(w->err, ERR_LIMIT, R_FEATURE_TIMEOUT, "repair: interrupted");
	return 0;
}

int work_poll(struct work *w)
{
	return ++w->ticks % 4096 == 0 ? ask(w) : 0;
}

int work_spend(struct work *w, uint64_t pairs)
{
	uint64_t before = w->stats.pairs;

	w->stats.pairs += pairs;
	if (w->stats.pairs > w->limits->max_pairs)
		return err_set(w->err, ERR_LIMIT, R_REPAIR_FAILED,
		    "repair: too many segments lie close together");
	return before >> 17 != w->stats.pairs >> 17 ? ask(w) : 0;
}

int work_vertices(struct work *w, struct vertices *v, size_t room)
{
	v->count = 0;
	v->at = work_alloc(w, room, sizeof(*v->at));
	v->source = work_alloc(w, room, sizeof(*v->source));
	v->next = work_alloc(w, room, sizeof(*v->next));
	v->ring = work_alloc(w, room, sizeof(*v->ring));
	v->flags = work_alloc(w, room, sizeof(*v->flags));
	return v->at && v->source && v->next && v->ring && v->flags ? 0 : -1;
}

void work_vertices_free(struct vertices *v)
{
	free(v->at);
	free(v->source);
	free(v->next);
	free(v->ring);
	free(v->flags);
}

void work_forget_events(struct work *w)
{
	free(w->splits);
	free(w->merges);
	point_map_free(&w->made);
	w->splits = NULL;
	w->merges = NULL;
	w->split_count = w->split_room = w->merge_count = w->merge_room = 0;
}

void work_free(struct work *w)
{
	free(w->rings);
	free(w->parts);
	work_vertices_free(&w->v);
	boxes_clear(&w->index);
	work_forget_events(w);
}
