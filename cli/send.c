/*
 * send - signs a document and posts it.
 *
 * In:  a file or standard input. Out: the job's id, or what came of it. Memory does not grow with the
 * document: its MAC stands in a header, so it is read twice, in pieces.
 */
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/encode.h"
#include "cli/http.h"
#include "cli/job_watch.h"
#include "cli/json_get.h"
#include "cli/signing.h"
#include "lib/clock.h"

#define HEADERS_MAX 10
#define CRS_MAX 4096
#define SHOW_EVERY_MS 100
#define BAR 30

static const char usage[] =
"usage: geosluice send --url URL --source NAME [options] FILE|-\n"
"\n"
"Signs FILE and posts it to URL/v1/ingest/NAME. Prints the job's id; where that fails, the option that makes\n"
"another attempt the same delivery, which is one job however often it is sent.\n"
"\n"
"  --url URL           of the server (default: GEOSLUICE_URL, else http://127.0.0.1:8080)\n"
"  --source NAME       as the server's configuration has it\n"
SIGNING_USAGE
"  --crs CRS           of the document, where it does not say\n"
"  --gzip, --zstd      encode the document; the signature is over the encoded bytes. A file that is so\n"
"                      already goes as it is\n"
"  --type TYPE         media type (default: by the file's name, else application/geo+json)\n"
"  --token T           for --wait, where the server asks for one (default: GEOSLUICE_TOKEN)\n"
"  --wait              until the job has ended; then exit 0 (good), 1 (some features rejected) or\n"
"                      2 (failed)\n";

struct sending {
	struct signing signing;
	const char *base, *source, *crs, *type;
	enum coding coding;
	bool wait;
	const char *path;
	uint64_t shown_ms;	/* when the bar was drawn last */
};

static void show_bar(void *ctx, uint64_t sent, uint64_t total)
{
	struct sending *s = ctx;
	uint64_t now = clock_mono_ms();
	int done = total > 0 ? (int)(sent * BAR / total) : BAR;

	if (sent == 0 || (now - s->shown_ms < SHOW_EVERY_MS && sent < total))
		return;
	s->shown_ms = now;
	fprintf(stderr, "\r  sending  [%.*s%*s] %5.1f of %.1f MB ", done,
	    "##############################", BAR - done, "", (double)sent / 1e6, (double)total / 1e6);
}

/* 0: go on. Else the exit code, plus 1. */
static int read_options(struct sending *s, int argc, char **argv, struct err *e)
{
	static const struct option options[] = {
		SIGNING_OPTIONS,
		{ "url", required_argument, NULL, 'u' }, { "source", required_argument, NULL, 'n' },
		{ "crs", required_argument, NULL, 'c' }, { "type", required_argument, NULL, 'y' },
		{ "gzip", no_argument, NULL, 'z' }, { "zstd", no_argument, NULL, 'Z' },
		{ "token", required_argument, NULL, 'T' },
		{ "wait", no_argument, NULL, 'w' }, { "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	int c, taken;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if ((taken = signing_option(&s->signing, c, optarg, e)) < 0)
			return EXIT_FAILED + 1;
		if (taken == 0)
			continue;
		switch (c) {
		case 'u':
			s->base = optarg;
			break;
		case 'n':
			s->source = optarg;
			break;
		case 'c':
			s->crs = optarg;
			break;
		case 'y':
			s->type = optarg;
			break;
		case 'z':
			s->coding = CODING_GZIP;
			break;
		case 'Z':
			s->coding = CODING_ZSTD;
			break;
		case 'T':
			http_token(optarg);
			break;
		case 'w':
			s->wait = true;
			break;
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			return (c == 'h' ? EXIT_GOOD : EXIT_FAILED) + 1;
		}
	}
	if (optind != argc - 1 || s->source == NULL) {
		fputs(usage, stderr);
		return EXIT_FAILED + 1;
	}
	s->path = argv[optind];
	return 0;
}

static bool ends_with(const char *path, size_t n, const char *end)
{
	size_t k = strlen(end);

	return n >= k && memcmp(path + n - k, end, k) == 0;
}

const char *send_type_of(const char *path)
{
	static const struct { const char *end, *type; } types[] = {
		{ ".geojsons", "application/geo+json-seq" }, { ".geojsonseq", "application/geo+json-seq" },
		{ ".geojsonl", "application/x-ndjson" }, { ".ndjson", "application/x-ndjson" },
		{ ".jsonl", "application/x-ndjson" },
	};
	static const char *const packed[] = { ".gz", ".zst" };
	size_t n = strlen(path);

	for (size_t i = 0; i < sizeof(packed) / sizeof(packed[0]); i++)
		if (ends_with(path, n, packed[i])) {
			n -= strlen(packed[i]);
			break;
		}
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (ends_with(path, n, types[i].end))
			return types[i].type;
	return "application/geo+json";
}

static bool is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && *s != '-' && *s != '_')
			return false;
	return true;
}

/* As it is to go: what is encoded already is not encoded again. */
static FILE *open_document(struct sending *s, struct err *e)
{
	FILE *f = signing_open(s->path, e);
	enum coding found = f != NULL ? encode_found(f) : CODING_NONE;

	if (found == CODING_NONE && f != NULL && s->coding != CODING_NONE)
		return encode_file(f, s->coding, e);
	s->coding = found;
	return f;
}

static int post(struct sending *s, FILE *f, struct buf *answer, struct err *e)
{
	struct signing_headers signature = { 0 };
	const char *headers[HEADERS_MAX] = { NULL };
	char url[1024], path[160], type[160], crs[CRS_MAX + 16], encoding[32];
	struct http_request q = { .method = "POST", .url = url, .headers = headers, .body = f, .ctx = s,
		.open = true };
	int n = 0, status;

	if (!is_plain(s->source) || (s->crs && (strlen(s->crs) > CRS_MAX || strpbrk(s->crs, "\r\n"))))
		return err_set(e, ERR_INPUT, 0, "--source or --crs holds what it cannot");
	snprintf(path, sizeof(path), "/v1/ingest/%.128s", s->source);
	http_join(url, sizeof(url), s->base, path);
	snprintf(type, sizeof(type), "content-type: %.128s", s->type ? s->type : send_type_of(s->path));
	s->signing.url = url;
	s->signing.type = type + strlen("content-type: ");
	s->signing.crs = s->crs;
	if (s->coding != CODING_NONE) {
		s->signing.encoding = coding_name(s->coding);
		snprintf(encoding, sizeof(encoding), "content-encoding: %s", s->signing.encoding);
		headers[n++] = encoding;
	}
	if (signing_make(&s->signing, f, &signature, &q.body_bytes, e) != 0)
		return -1;
	headers[n++] = type;
	for (int i = 0; signature.lines[i] != NULL; i++)
		headers[n++] = signature.lines[i];
	if (s->crs != NULL) {
		snprintf(crs, sizeof(crs), "content-crs: %s", s->crs);
		headers[n++] = crs;
	}
	if (isatty(STDERR_FILENO))
		q.progress = show_bar;
	status = http_do(&q, answer, e);
	if (q.progress != NULL)
		fprintf(stderr, "\r%78s\r", "");
	return status;
}

/* The same delivery again is the same job, should the server have taken this one. A Stripe signature is its own id. */
static void say_how_again(const struct signing *s)
{
	if (s->scheme == SCHEME_STRIPE && s->timestamp != 0)
		fprintf(stderr, "geosluice: the same delivery again: --timestamp %lld\n", s->timestamp);
	else if (*s->id != '\0')
		fprintf(stderr, "geosluice: the same delivery again: --id %s\n", s->id);
}

static int finish(struct sending *s, struct buf *answer, struct err *e)
{
	char id[64];
	int status;

	json_get_string(id, sizeof(id), answer->data, answer->len, "jobID");
	if (!s->wait) {
		puts(id);
		return EXIT_GOOD;
	}
	if ((status = job_wait(s->base, id, answer, e)) != 200) {
		http_complain(status, answer, e);
		say_how_again(&s->signing);
		return EXIT_FAILED;
	}
	job_print(s->base, answer);
	return job_exit_code(answer);
}

int cli_send(int argc, char **argv)
{
	struct sending s = { .base = NULL };
	struct err e = ERR_INIT;
	struct buf answer;
	FILE *f = NULL;
	int status = -1, rc;

	buf_init(&answer, HTTP_ANSWER_MAX);
	signing_init(&s.signing);
	if ((rc = read_options(&s, argc, argv, &e)) != 0) {
		rc--;
	} else {
		rc = EXIT_FAILED;
		s.base = http_base(s.base);
		if (signing_ready(&s.signing, &e) == 0 && (f = open_document(&s, &e)) != NULL)
			status = post(&s, f, &answer, &e);
		if (status == 200 || status == 202)
			rc = finish(&s, &answer, &e);
		else if (status > 0)
			http_complain(status, &answer, &e);
	}
	if (status < 0 && e.cls != ERR_NONE)
		fprintf(stderr, "geosluice: %s\n", e.text);
	if (f != NULL && status != 200 && status != 202)
		say_how_again(&s.signing);
	if (f != NULL)
		fclose(f);
	signing_clear(&s.signing);
	buf_clear(&answer);
	return rc;
}
