/* repair - see repair.h and docs/repair.md: the steps in their order. */
#include <stdlib.h>

#include "workers/pipeline/repair/apart.h"
#include "workers/pipeline/repair/arrangement.h"
#include "workers/pipeline/repair/small.h"

struct repair {
	struct repair_limits limits;
	struct work w;
	struct arrangement a;
	bool swept;		/* all has been found that meets in the rings as they came */
	bool crosses;
	bool arranged;
};

static void init(struct repair *r, const struct geometry *in, const struct repair_limits *l, struct err *e)
{
	*r = (struct repair){ .limits = *l };
	r->w = (struct work){ .in = in, .limits = &r->limits, .err = e };
	r->a.w = &r->w;
}

static void clear(struct repair *r)
{
	arrangement_clear(&r->a);
	work_free(&r->w);
}

static int sweep(struct repair *r)
{
	bool clean = !r->w.faulty;

	r->swept = true;
	if (split_begin(&r->w) == -1)
		return -1;
	r->crosses = clean && r->w.faulty;
	return 0;
}

/* Nothing is left to be arranged where all rings collapse. */
static int arrange(struct repair *r)
{
	r->arranged = true;
	if (split_until_noded(&r->w) == -1)
		return -1;
	if (r->w.v.count == 0)
		return 0;
	work_forget_events(&r->w);
	return chain_edges(&r->a) == -1 || faces_build(&r->a) == -1 || winding_fill(&r->a) == -1
	    || assemble_outlines(&r->a) == -1 ? -1 : 0;
}

/* 1 if there is a fault, 0 if not, -1. */
static int judge(struct repair *r)
{
	int apart;

	if (work_load(&r->w) == -1)
		return -1;
	if (r->w.faulty || r->w.ring_count == 0)
		return r->w.faulty;
	if (sweep(r) == -1)
		return -1;
	/* One ring that does not meet itself is sound. Others may lie where they must not. */
	if (r->w.faulty || r->w.ring_count == 1)
		return r->w.faulty;
	if (r->w.stats.events == 0 && (apart = apart_all(&r->w)) != 0)
		return apart == 1 ? 0 : -1;
	return arrange(r) == -1 ? -1 : !assemble_is_input(&r->a);
}

static struct geometry *finish(struct repair *r, struct arena *a, struct repair_stats *stats)
{
	struct geometry *out = NULL;

	if (r->w.v.count > 0 && ((!r->swept && sweep(r) == -1) || (!r->arranged && arrange(r) == -1)))
		goto out;
	if (r->a.outline_count > 0)
		out = emit_geometry(&r->a, a);
	else
		err_set(r->w.err, ERR_INPUT, R_REPAIR_EMPTY, "the geometry encloses no area");
 out:
	if (stats != NULL)
		*stats = r->w.stats;
	return out;
}

int repair_suspect(const struct geometry *in, const struct repair_limits *l, struct err *e)
{
	struct repair r;
	int rc;

	if (small_is_sound(in))
		return 0;
	init(&r, in, l, e);
	r.w.stop_at_fault = true;
	rc = judge(&r);
	clear(&r);
	return rc;
}

struct geometry *repair_areal(const struct geometry *in, struct arena *a,
    const struct repair_limits *l, struct repair_stats *stats, struct err *e)
{
	struct geometry *out = NULL;
	struct repair r;

	init(&r, in, l, e);
	if (work_load(&r.w) == 0)
		out = finish(&r, a, stats);
	else if (stats != NULL)
		*stats = r.w.stats;
	clear(&r);
	return out;
}

int repair_open(struct repair **out, const struct geometry *in, const struct repair_limits *l, struct err *e)
{
	struct repair *r;
	int rc;

	*out = NULL;
	if (small_is_sound(in))
		return 0;
	if ((r = malloc(sizeof(*r))) == NULL)
		return err_set(e, ERR_SYSTEM, 0, "repair: out of memory");
	init(r, in, l, e);
	if ((rc = judge(r)) != 1)
		repair_close(&r);
	*out = r;
	return rc;
}

bool repair_crosses(const struct repair *r)
{
	return r->crosses;
}

struct geometry *repair_finish(struct repair **r, struct arena *a, struct repair_stats *stats, struct err *e)
{
	struct geometry *out;

	(*r)->w.err = e;
	out = finish(*r, a, stats);
	repair_close(r);
	return out;
}

void repair_close(struct repair **r)
{
	if (*r == NULL)
		return;
	clear(*r);
	free(*r);
	*r = NULL;
}
