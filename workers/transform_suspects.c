/*
 * transform_suspects - what is done about features that processes died of. See transform.h and suspects.h.
 *
 * In:  a job's suspects. Out: a trial of each alone; those that killed who decoded them are masked, those that died
 * twice are rejected by the gate in transform.c.
 */
#include "lib/log.h"
#include "workers/pipeline/pipeline.h"
#include "workers/transform_parts.h"

/* ---- not shown to the decoder ---- */

int transform_find_masked(struct transform *t, uint64_t at, uint64_t to, struct err *e)
{
	bool all = false;
	const char *bytes;
	size_t n;
	int rc = 0;

	while (!all && at < to && (rc = transform_next_bytes(t, &bytes, &n, e)) == 0) {
		if (n > to - at)
			n = to - at;
		all = mask_find(&t->mask, bytes, n);
		at += n;
		if (transform_go_on(t, e) != 0)
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

int transform_feed(struct transform *t, uint64_t at, const char *bytes, size_t n, struct err *e)
{
	if (mask_apply(&t->mask, at, &bytes, n, e) != 0)
		return -1;
	return pipeline_feed(t->pipeline, bytes, n, e);
}

int transform_unmask(struct transform *t, struct feature *f, struct err *e)
{
	const struct mask_range *r;

	switch (mask_feature(&t->mask, f->index, f->offset, &r)) {
	case MASK_WRONG:
		return err_set(e, ERR_LIMIT, R_FEATURE_CRASH, "feature %llu cannot be told from its neighbours without "
		    "reading it", (unsigned long long)f->index);
	case MASK_IS:
		f->raw = r->text.data;
		f->raw_len = r->text.len;
		return 0;
	default:
		return 0;
	}
}

/* ---- tried alone ---- */

/* What a process died of, alone. 0: it was survived (or never met). -1: e. */
static int try_alone(struct transform *t, const struct pipeline_options *o, struct err *e)
{
	struct err why = ERR_INIT;
	int rc;

	log_info("feature_trial", LOG_STR("job", t->job->id), LOG_INT("feature", t->suspect.feature));
	t->trial = true;
	t->trial_over = false;
	if ((rc = t->open(t, o, &why)) == 0)
		rc = t->pass(t, &why);
	transform_close(t);
	t->trial = false;
	if (rc < 0 && !t->trial_over && why.cls == ERR_RETRY)
		return err_set(e, why.cls, why.code, "%s", why.text);
	return suspects_tried(t->commands, t->job->id, t->suspect.feature, e);
}

/* Features that a process died of once. 0: go on. 1: a fresh process has to. -1: e. */
static int trials(struct transform *t, const struct pipeline_options *o, uint64_t first, uint64_t behind,
    struct err *e)
{
	if (!suspects_untried(t->job->suspects, first, behind, &t->suspect))
		return 0;
	if (t->worked)
		return 1;
	if (try_alone(t, o, e) != 0)
		return -1;
	return suspects_untried(t->job->suspects, t->suspect.feature + 1, behind, &t->suspect) ? 1 : 0;
}

/* Those that killed who read them are not read again. */
static void mask_undecodable(struct transform *t, uint64_t first, uint64_t behind)
{
	struct suspect s;

	mask_reset(&t->mask);
	for (; suspects_undecodable(t->job->suspects, first, behind, &s); first = s.feature + 1) {
		mask_add(&t->mask, s.feature);
		log_info("feature_masked", LOG_STR("job", t->job->id), LOG_INT("feature", s.feature));
	}
}

int transform_unreadable(const struct suspect *s, struct err *why)
{
	return err_set(why, ERR_LIMIT, (int)s->code, "feature %llu: %s", (unsigned long long)s->feature, s->reason);
}

int transform_work(struct transform *t, const struct pipeline_options *o, uint64_t first, uint64_t behind,
    struct err *why)
{
	uint64_t decoded = t->part != NULL ? first : 0;
	struct suspect s;
	int rc;

	t->fresh = !t->worked;
	if (suspects_unreadable(t->job->suspects, decoded, behind, &s))
		return transform_unreadable(&s, why);
	mask_undecodable(t, decoded, behind);
	if ((rc = trials(t, o, first, behind, why)) == 1)
		return TRANSFORM_WORK_AGAIN;
	if (rc == 0 && (rc = t->open(t, o, why)) == 0)
		rc = t->pass(t, why);
	if (rc < 0 && t->again && why->cls == ERR_RETRY && !t->stale)
		return t->fresh ? TRANSFORM_WORK_FULL : TRANSFORM_WORK_AGAIN;
	return rc;
}

