/* terms - see terms.h. */
#include "server/terms.h"

#include <stdatomic.h>
#include <stdlib.h>

/* What the reactors share; counted by terms. */
struct shared {
	struct settings *settings;
	struct tls_setup *tls;
	struct rate **rates;
	_Atomic size_t holders;
};

struct own {
	struct terms pub;	/* first: a pointer to one is a pointer to the other */
	struct shared *shared;
	struct keyring *keys;
	size_t holders;
};

static void shared_release(struct shared *s)
{
	if (--s->holders > 0)
		return;
	tls_setup_free(&s->tls);
	for (size_t i = 0; s->rates != NULL && i < s->settings->source_count; i++)
		rate_release(&s->rates[i]);
	free(s->rates);
	settings_free(&s->settings);
	free(s);
}

/* What uploads that began before are yet to spend counts for those after them. */
static int share_rates(struct shared *s, const struct terms *before)
{
	for (size_t i = 0; i < s->settings->source_count; i++) {
		const struct source *src = before != NULL
		    ? settings_source(before->settings, s->settings->sources[i].name) : NULL;

		s->rates[i] = src != NULL ? rate_hold(terms_rate(before, src)) : rate_new();
		if (s->rates[i] == NULL)
			return -1;
	}
	return 0;
}

static struct shared *shared_new(struct settings *set, const struct terms *before, struct err *e)
{
	struct shared *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->rates = calloc(set->source_count + 1, sizeof(*s->rates))) == NULL) {
		free(s);
		err_errno(e, "settings");
		settings_free(&set);
		return NULL;
	}
	s->settings = set;
	s->holders = 1;
	if (share_rates(s, before) != 0) {
		err_errno(e, "settings");
		shared_release(s);
		return NULL;
	}
	if (*set->server.tls_certificate != '\0'
	    && (s->tls = tls_setup_new(set->server.tls_certificate, set->server.tls_key,
	    set->server.tls_min_version == 1, e)) == NULL) {
		shared_release(s);
		return NULL;
	}
	return s;
}

static struct terms *terms_new(struct shared *s, struct err *e)
{
	size_t n = s->settings->source_count;
	struct own *o = calloc(1, sizeof(*o));
	struct terms *t = &o->pub;

	if (o == NULL || (o->keys = calloc(n + 1, sizeof(*o->keys))) == NULL) {
		free(o);
		err_errno(e, "settings");
		return NULL;
	}
	o->shared = s;
	o->holders = 1;
	o->pub = (struct terms){ .settings = s->settings, .keys = o->keys, .rates = s->rates, .tls = s->tls };
	s->holders++;
	if (access_init(&t->access, s->settings, e) != 0
	    || address_ranges_parse(&t->trusted, s->settings->server.trusted_proxies, e) != 0) {
		terms_release(&t);
		return NULL;
	}
	for (size_t i = 0; i < n; i++)
		if (keyring_init(&o->keys[i], &s->settings->sources[i], e) != 0) {
			terms_release(&t);
			return NULL;
		}
	return t;
}

int terms_make(struct terms **all, size_t n, struct settings *set, const struct terms *before, struct err *e)
{
	struct shared *s = shared_new(set, before, e);
	size_t made = 0;

	if (s == NULL)
		return -1;
	while (made < n && (all[made] = terms_new(s, e)) != NULL)
		made++;
	while (made < n && made > 0)
		terms_release(&all[--made]);
	shared_release(s);
	return e->cls == ERR_NONE ? 0 : -1;
}

struct terms *terms_hold(struct terms *t)
{
	((struct own *)t)->holders++;
	return t;
}

void terms_release(struct terms **t)
{
	struct own *o = (struct own *)*t;

	*t = NULL;
	if (o == NULL || --o->holders > 0)
		return;
	for (size_t i = 0; i < o->shared->settings->source_count; i++)
		keyring_clear(&o->keys[i]);
	free(o->keys);
	address_ranges_clear(&o->pub.trusted);
	shared_release(o->shared);
	free(o);
}

const struct keyring *terms_keys(const struct terms *t, const struct source *src)
{
	return src != NULL ? &t->keys[src - t->settings->sources] : NULL;
}

struct rate *terms_rate(const struct terms *t, const struct source *src)
{
	return t->rates[src - t->settings->sources];
}
