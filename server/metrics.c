/* metrics - see metrics.h. */
#include "server/metrics.h"

#include <inttypes.h>

/* The last one stands for all others. */
static const unsigned statuses[METRICS_STATUSES] = {
	200, 202, 204, 400, 401, 403, 404, 405, 406, 408, 409, 410, 413, 414, 415, 417, 421, 422, 429, 431, 500, 503,
	505, 0
};

static const uint64_t bounds_us[METRICS_BUCKETS] = {
	100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 5000000
};

void metrics_request(struct metrics *m, int route, unsigned status)
{
	int i = 0;

	while (statuses[i] != 0 && statuses[i] != status)
		i++;
	metrics_add(&m->requests[route][i], 1);
}

static void observe(struct histogram *h, uint64_t us)
{
	int i = 0;

	while (i < METRICS_BUCKETS && us > bounds_us[i])
		i++;
	metrics_add(&h->bucket[i], 1);
	metrics_add(&h->us, us);
}

void metrics_commit(struct metrics *m, uint64_t us)
{
	observe(&m->commits, us);
}

void metrics_ack(struct metrics *m, uint64_t us)
{
	observe(&m->acks, us);
}

/* The counter at this offset, over all. */
static uint64_t sum(const struct metrics *const *all, size_t n, size_t offset)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += atomic_load_explicit((const counter *)((const char *)all[i] + offset),
		    memory_order_relaxed);
	return total;
}

#define SUM(member) sum(all, n, offsetof(struct metrics, member))

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_printf(b, "# HELP geosluice_%s %s\n# TYPE geosluice_%s %s\n", name, help, name, type);
}

static void one(struct buf *b, const char *name, const char *type, const char *help, uint64_t value)
{
	head(b, name, type, help);
	buf_printf(b, "geosluice_%s %" PRIu64 "\n", name, value);
}

static void write_requests(struct buf *b, const struct metrics *const *all, size_t n)
{
	head(b, "http_requests_total", "counter", "Requests answered, by route and status.");
	for (int r = 0; r < ROUTE_COUNT; r++)
		for (int s = 0; s < METRICS_STATUSES; s++) {
			uint64_t count = SUM(requests[r][s]);

			if (count > 0)
				buf_printf(b, "geosluice_http_requests_total{route=\"%s\",status=\"%u\"} %"
				    PRIu64 "\n", route_name(r), statuses[s], count);
		}
	head(b, "http_refusals_total", "counter", "Requests refused, by code.");
	for (int p = 1; p < P_COUNT; p++)
		buf_printf(b, "geosluice_http_refusals_total{code=\"%s\"} %" PRIu64 "\n",
		    problem_code((enum problem)p), SUM(refusals[p]));
}

static void write_histogram(struct buf *b, const struct metrics *const *all, size_t n, size_t at, const char *name,
    const char *help)
{
	uint64_t below = 0, us = sum(all, n, at + offsetof(struct histogram, us));

	head(b, name, "histogram", help);
	for (int i = 0; i <= METRICS_BUCKETS; i++) {
		below += sum(all, n, at + offsetof(struct histogram, bucket) + (size_t)i * sizeof(counter));
		if (i < METRICS_BUCKETS)
			buf_printf(b, "geosluice_%s_bucket{le=\"%" PRIu64 ".%06" PRIu64 "\"} %" PRIu64 "\n", name,
			    bounds_us[i] / 1000000, bounds_us[i] % 1000000, below);
		else
			buf_printf(b, "geosluice_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, below);
	}
	buf_printf(b, "geosluice_%s_sum %" PRIu64 ".%06" PRIu64 "\n", name, us / 1000000, us % 1000000);
	buf_printf(b, "geosluice_%s_count %" PRIu64 "\n", name, below);
}

void metrics_write(struct buf *b, const struct metrics *const *all, size_t n)
{
	write_requests(b, all, n);
	one(b, "upload_bytes_total", "counter", "Bytes of uploads, as they came.", SUM(body_bytes));
	one(b, "uploads_in_flight", "gauge", "Uploads that are being received.", SUM(uploads));
	one(b, "upload_stalls_total", "counter", "Times an upload waited for Redis.", SUM(stalls));
	one(b, "uploads_abandoned_total", "counter", "Uploads whose segments were taken away again.",
	    SUM(orphans));
	one(b, "tls_failures_total", "counter", "TLS handshakes that came to nothing.", SUM(tls_failures));
	one(b, "uploads_held_total", "counter", "Uploads that Redis was asked about before their body.",
	    SUM(held_back));
	one(b, "uploads_known_total", "counter", "Deliveries that were known and answered before their body.",
	    SUM(known));
	write_histogram(b, all, n, offsetof(struct metrics, commits), "commit_seconds",
	    "From the last byte of an upload to Redis's answer.");
	write_histogram(b, all, n, offsetof(struct metrics, acks), "acknowledgement_seconds",
	    "From there to the level that the source asks for, where it has to be waited for.");
}
