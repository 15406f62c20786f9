/* stage - see stage.h. */
#include "tests/fakes/stage.h"

#include <stdio.h>
#include <string.h>

#include "tests/fakes/seed.h"

int stage_begin(struct stage *s, const char *conf, const char *appendonly)
{
	struct err e = ERR_INIT;

	if (conf != NULL && (s->settings = settings_parse(conf, strlen(conf), &e)) == NULL)
		fprintf(stderr, "stage: %s\n", e.text);
	else if (private_redis_start(&s->server, appendonly) != 0)
		fprintf(stderr, "stage: Redis does not start\n");
	else
		return stage_connect(s);
	return -1;
}

int stage_connect(struct stage *s)
{
	struct err e = ERR_INIT;

	redis_close(&s->redis);
	redis_close(&s->body);
	if ((s->redis = redis_open(s->server.url, 5000, &e)) != NULL
	    && (s->body = redis_open(s->server.url, 5000, &e)) != NULL)
		return 0;
	fprintf(stderr, "stage: %s\n", e.text);
	return -1;
}

int stage_end(struct stage *s)
{
	redis_close(&s->redis);
	redis_close(&s->body);
	private_redis_stop(&s->server);
	settings_free(&s->settings);
	return 0;
}

int stage_fresh(struct stage *s)
{
	seed_drop(s->redis, "FLUSHALL", NULL);
	return 0;
}
