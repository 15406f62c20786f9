/* repair - see repair.h and docs/repair.md: the steps in their order. */
#include "workers/pipeline/repair/arrangement.h"

static int arrange(struct arrangement *a)
{
	work_forget_events(a->w);
	return chain_edges(a) == -1 || faces_build(a) == -1 || winding_fill(a) == -1
	    || assemble_outlines(a) == -1 ? -1 : 0;
}

int repair_suspect(const struct geometry *in, const struct repair_limits *l, struct err *e)
{
	struct work w = { .in = in, .limits = l, .err = e, .stop_at_fault = true };
	struct arrangement a = { .w = &w };
	int rc = -1;

	if (work_load(&w) == -1)
		goto out;
	rc = w.faulty;
	if (rc != 0 || w.ring_count == 0 || (rc = split_until_noded(&w)) == -1)
		goto out;
	rc = w.faulty;
	/* One ring that does not meet itself is sound. Others may lie where they must not. */
	if (rc == 0 && w.ring_count > 1)
		rc = arrange(&a) == -1 ? -1 : !assemble_is_input(&a);
 out:
	arrangement_clear(&a);
	work_free(&w);
	return rc;
}

struct geometry *repair_areal(const struct geometry *in, struct arena *arena,
    const struct repair_limits *l, struct repair_stats *stats, struct err *e)
{
	struct work w = { .in = in, .limits = l, .err = e };
	struct arrangement a = { .w = &w };
	struct geometry *out = NULL;

	if (work_load(&w) == -1)
		goto out;
	if (w.v.count > 0 && (split_until_noded(&w) == -1 || (w.v.count > 0 && arrange(&a) == -1)))
		goto out;
	if (a.outline_count > 0)
		out = emit_geometry(&a, arena);
	else
		err_set(e, ERR_INPUT, R_REPAIR_EMPTY, "the geometry encloses no area");
 out:
	if (stats != NULL)
		*stats = w.stats;
	arrangement_clear(&a);
	work_free(&w);
	return out;
}
