/* transform - see transform.h. */
#include "cli/transform.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/input.h"
#include "workers/pipeline/number.h"

#define READ_BYTES ((size_t)256 << 10)

const char transform_help[] =
	"  --from CRS        CRS of the file (default: what it says itself, else OGC:CRS84)\n"
	"  --to CRS          CRS to write (default: OGC:CRS84)\n"
	"  --precision N     round coordinates to N decimals\n"
	"  --set CODE=WHAT   treat CODE as WHAT: reject, warn or fix; may be repeated\n"
	"  --max-area-loss X share of the area that a repair may lose, 0 to 1 (default 0.5)\n"
	"  --limit NAME=N    max_depth, max_token_bytes, max_feature_bytes or feature_timeout_ms of a\n"
	"                    worker; may be repeated\n"
	"  -s, --summary     say on stderr how many features came to what\n"
	"  -h, --help        show this\n";

static int set_severity(struct transform *t, const char *text)
{
	const char *equals = strchr(text, '=');
	char name[64];
	enum reject_code code;

	if (equals == NULL || (size_t)(equals - text) >= sizeof(name)) {
		fprintf(stderr, "geosluice: --set %s: write CODE=reject, CODE=warn or CODE=fix\n", text);
		return -1;
	}
	memcpy(name, text, (size_t)(equals - text));
	name[equals - text] = '\0';
	if ((code = reject_find(name)) == R_NONE) {
		fprintf(stderr, "geosluice: --set %s: there is no code %s\n", text, name);
		return -1;
	}
	for (int s = SEV_REJECT; s <= SEV_FIX; s++)
		if (strcmp(equals + 1, severity_name((enum severity)s)) == 0 &&
		    (reject_info(code)->allowed >> s & 1)) {
			t->o.severity[code] = (unsigned char)s;
			return 0;
		}
	fprintf(stderr, "geosluice: --set %s: %s can be", text, name);
	for (int s = SEV_REJECT; s <= SEV_FIX; s++)
		if (reject_info(code)->allowed >> s & 1)
			fprintf(stderr, " %s", severity_name((enum severity)s));
	fprintf(stderr, "\n");
	return -1;
}

static int set_number(const char *option, const char *text, double low, double high, double *out)
{
	size_t n = strlen(text), digits = strspn(text, "0123456789"), point = text[digits] == '.';

	/* As JSON writes it, so that no locale has a say. */
	if (digits > 0 && digits + point + strspn(text + digits + point, "0123456789") == n &&
	    number_parse(text, n, out) && *out >= low && *out <= high)
		return 0;
	fprintf(stderr, "geosluice: %s %s: a number from %g to %g is wanted\n", option, text, low, high);
	return -1;
}

/* NAME=N, within the range that the worker's setting of this name has. */
static int set_limit(struct transform *t, const char *text)
{
	static const struct {
		const char *section, *name;
		double low, high;
	} settings[] = {
#define SETTING(section, name, kind, fallback, low, high, unit, help) { #section, #name, low, high },
#include "schema/limits.def"
	}, *it;
	size_t name = strcspn(text, "=");
	double n = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		it = &settings[i];
		if (strcmp(it->section, "worker") != 0 || strlen(it->name) != name ||
		    strncmp(it->name, text, name) != 0 || text[name] != '=')
			continue;
		if (set_number("--limit", text + name + 1, it->low, it->high, &n) != 0)
			return -1;
		if (strcmp(it->name, "max_depth") == 0)
			t->o.max_depth = (size_t)n;
		else if (strcmp(it->name, "max_token_bytes") == 0)
			t->o.max_token_bytes = (size_t)n;
		else if (strcmp(it->name, "max_feature_bytes") == 0)
			t->o.max_feature_bytes = (size_t)n;
		else if (strcmp(it->name, "feature_timeout_ms") == 0)
			t->o.feature_timeout_ms = (unsigned)n;
		else
			break;
		return 0;
	}
	fprintf(stderr, "geosluice: --limit %s: max_depth, max_token_bytes, max_feature_bytes and "
	    "feature_timeout_ms are limits\n", text);
	return -1;
}

int transform_args(struct transform *t, int argc, char **argv, const char *letters, int *first)
{
	enum { FROM = 256, TO, PRECISION, SET, LOSS, LIMIT };
	static const struct option options[] = {
		{ "from", required_argument, NULL, FROM },
		{ "to", required_argument, NULL, TO },
		{ "precision", required_argument, NULL, PRECISION },
		{ "set", required_argument, NULL, SET },
		{ "max-area-loss", required_argument, NULL, LOSS },
		{ "limit", required_argument, NULL, LIMIT },
		{ "output", required_argument, NULL, 'o' },
		{ "summary", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	double number;
	int c;

	memset(t, 0, sizeof(*t));
	pipeline_options_init(&t->o);
	optind = 1;
	while ((c = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		switch (c) {
		case FROM:
			t->o.source_crs = optarg;
			break;
		case TO:
			t->o.target_crs = optarg;
			break;
		case PRECISION:
			if (set_number("--precision", optarg, 0, 15, &number) != 0)
				return -1;
			t->o.precision = (int)number;
			break;
		case SET:
			if (set_severity(t, optarg) != 0)
				return -1;
			break;
		case LOSS:
			if (set_number("--max-area-loss", optarg, 0, 1, &t->o.max_area_loss) != 0)
				return -1;
			break;
		case LIMIT:
			if (set_limit(t, optarg) != 0)
				return -1;
			break;
		case 'o':
			t->out = optarg;
			break;
		case 's':
			t->summary = true;
			break;
		case 'h':
			return 1;
		default:
			return -1;
		}
	}
	*first = optind;
	return 0;
}

static int count(void *ctx, const struct verdict *v, struct err *e)
{
	struct transform *t = ctx;

	collection_reach_add(&t->reach, v);
	if (v->outcome != OUTCOME_ACCEPTED)
		t->by_code[v->code]++;
	return t->fn(t->ctx, v, e);
}

static int feed_all(struct pipeline *p, struct input *in, char *bytes, struct err *e)
{
	long n;

	while ((n = input_read(in, bytes, READ_BYTES, e)) > 0)
		if (pipeline_feed(p, bytes, (size_t)n, e) != 0)
			return -1;
	return n < 0 ? -1 : pipeline_finish(p, e);
}

/* Forgets what the first reading gave. */
static int start_again(struct transform *t, struct input *in, struct err *e)
{
	memset(t->by_code, 0, sizeof(t->by_code));
	t->reach = collection_reach_none;
	for (FILE *f = t->spool; f != NULL; f = f == t->spool ? t->notes : NULL) {
		rewind(f);
		if (ftruncate(fileno(f), 0) != 0)
			return err_errno(e, "temporary file");
	}
	return input_rewind(in, e);
}

/* By the name: names.geojsonl, names.ndjson.gz, … */
static bool is_sequence(const char *path)
{
	static const char *const endings[] = { ".geojsonl", ".geojsons", ".geojsonseq", ".ndjson", ".jsonl" };
	size_t n = strlen(path);

	n -= n > 3 && strcmp(path + n - 3, ".gz") == 0 ? 3 : 0;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t len = strlen(endings[i]);

		if (n > len && strncmp(path + n - len, endings[i], len) == 0)
			return true;
	}
	return false;
}

/* Only now what the collection says of all its features can be judged. */
static int judge(struct transform *t, struct err *e)
{
	t->said = collection_judge(&t->totals.box, &t->reach, t->totals.features, t->o.severity);
	if (t->said.code == R_NONE || t->said.severity != SEV_REJECT)
		return 0;
	t->offset = t->said.offset;
	return err_set(e, ERR_INPUT, t->said.code, "%s", t->said.reason);
}

int transform_file(struct transform *t, const char *path, verdict_fn fn, void *ctx, struct err *e)
{
	struct input *in = input_open(path, e);
	char *bytes = malloc(READ_BYTES);
	struct pipeline *p = NULL;
	int rc = -1;

	t->o.sequence = is_sequence(path);
	memset(t->by_code, 0, sizeof(t->by_code));
	memset(&t->totals, 0, sizeof(t->totals));
	memset(&t->said, 0, sizeof(t->said));
	t->reach = collection_reach_none;
	t->fn = fn;
	t->ctx = ctx;
	if (in == NULL || (p = pipeline_new(&t->o, count, t, e)) == NULL)
		goto out;
	if (bytes == NULL) {
		err_errno(e, path);
		goto out;
	}
	rc = feed_all(p, in, bytes, e);
	if (rc == 1)
		rc = start_again(t, in, e) == 0 ? feed_all(p, in, bytes, e) : -1;
	t->totals = pipeline_totals(p);
	t->totals.head = t->totals.crs = NULL;
	t->offset = pipeline_offset(p);
	if (rc == 0)
		rc = judge(t, e);
 out:
	pipeline_free(&p);
	input_close(&in);
	free(bytes);
	return rc;
}

void transform_summary(const struct transform *t, const char *path, double seconds)
{
	const struct pipeline_totals *n = &t->totals;

	fprintf(stderr, "%s: %" PRIu64 " bytes, %" PRIu64 " features: %" PRIu64 " accepted, %" PRIu64
	    " repaired, %" PRIu64 " rejected, in %.2f s\n", path, n->bytes, n->features, n->accepted,
	    n->repaired, n->rejected, seconds);
	for (int code = 1; code < R_COUNT; code++)
		if (t->by_code[code] > 0)
			fprintf(stderr, "  %-28s %10" PRIu64 "  %s\n", reject_name((enum reject_code)code),
			    t->by_code[code], reject_info((enum reject_code)code)->meaning);
}
