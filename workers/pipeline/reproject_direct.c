/* reproject_direct - see reproject_direct.h. */
#include "workers/pipeline/reproject_direct.h"

#include <stdbool.h>
#include <string.h>

#define SAMPLES 500

/* Positions all over the Earth and beyond its edges, with heights; the same ones each time. */
static void fill(PJ_COORD *at)
{
	for (unsigned i = 0; i < SAMPLES; i++)
		at[i] = proj_coord(-185.3 + (i * 137 % SAMPLES) * 0.7413, -92.1 + (i * 61 % SAMPLES) * 0.36871,
		    i % 3 * 123.4, 0);
}

/* Does the step say of radians what the operation says of degrees? Bit for bit, failures too. */
static bool agrees(PJ *operation, PJ *step)
{
	PJ_COORD degrees[SAMPLES], whole, alone;
	bool same = true;

	fill(degrees);
	for (unsigned i = 0; i < SAMPLES && same; i++) {
		PJ_COORD radians = degrees[i];

		radians.xyz.x *= REPROJECT_RADIAN;
		radians.xyz.y *= REPROJECT_RADIAN;
		whole = proj_trans(operation, PJ_FWD, degrees[i]);
		alone = proj_trans(step, PJ_FWD, radians);
		same = memcmp(&whole.xyz, &alone.xyz, sizeof(whole.xyz)) == 0
		    && proj_errno(operation) == proj_errno(step);
		proj_errno_reset(operation);
		proj_errno_reset(step);
	}
	return same;
}

PJ *reproject_direct_new(PJ_CONTEXT *ctx, PJ *operation)
{
	static const char before[] = "proj=pipeline step proj=unitconvert xy_in=deg xy_out=rad step proj=";
	const char *definition = proj_pj_info(operation).definition, *step;
	PJ *direct;

	if (definition == NULL || strncmp(definition, before, sizeof(before) - 1) != 0)
		return NULL;
	step = definition + sizeof(before) - 1 - strlen("proj=");
	if (strstr(step, " step") != NULL || (direct = proj_create(ctx, step)) == NULL)
		return NULL;
	if (!agrees(operation, direct)) {
		proj_destroy(direct);
		return NULL;
	}
	return direct;
}
