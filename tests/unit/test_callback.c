/* workers/courier/callback, schema/webhook and schema/status_info: what a receiver is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "schema/status_info.h"
#include "schema/webhook.h"
#include "tests/fakes/private_redis.h"
#include "workers/courier/callback.h"

#define JOB "0-01aryz6s41zzzzzzzzzzzzzzzz"

static struct private_redis server;
static struct redis *redis;

static int start(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	if (private_redis_start(&server, "no") != 0)
		return -1;
	return (redis = redis_open(server.url, 5000, &e)) != NULL ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	redis_close(&redis);
	private_redis_stop(&server);
	return 0;
}

/* The reply to HGETALL of a hash that has just these fields. */
static struct reply *hash_of(const char *const *fields)
{
	struct reply *r = NULL;
	struct err e = ERR_INIT;
	struct redis_cmd c;

	cmd_init(&c);
	cmd_line(&c, "DEL", "h", NULL);
	assert_int_equal(redis_do(redis, &c, &r, &e), 0);
	reply_free(&r);
	cmd_line(&c, "HSET", "h", NULL);
	while (*fields != NULL)
		cmd_str(&c, *fields++);
	assert_int_equal(redis_do(redis, &c, &r, &e), 0);
	reply_free(&r);
	cmd_line(&c, "HGETALL", "h", NULL);
	assert_int_equal(redis_do(redis, &c, &r, &e), 0);
	cmd_clear(&c);
	return r;
}

/* The vector of the Standard Webhooks specification's libraries. */
static void signature_vector(void **state)
{
	static const char body[] = "{\"test\": 2432232314}";
	char out[WEBHOOK_SIGNATURE_MAX];
	struct err e = ERR_INIT;
	struct hmac *h = webhook_begin("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	    "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, &e);

	(void)state;
	assert_non_null(h);
	hmac_add(h, body, 3);
	hmac_add(h, body + 3, sizeof(body) - 4);
	webhook_end(&h, out);
	assert_null(h);
	assert_string_equal(out, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

static void broken_secrets(void **state)
{
	static const char *const broken[] = { "", "whsec_", "whsec_a", "whsec_!!!!" };

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
		struct err e = ERR_INIT;

		assert_null(webhook_begin(broken[i], "id", 1, &e));
		assert_int_equal(e.cls, ERR_INPUT);
	}
}

static void verdicts(void **state)
{
	static const struct {
		int status;
		bool refused;
		unsigned attempt;
		enum callback_outcome want;
	} cases[] = {
		{ 200, false, 1, CALLBACK_DELIVERED }, { 204, false, 3, CALLBACK_DELIVERED },
		{ 299, false, 1, CALLBACK_DELIVERED }, { 301, false, 1, CALLBACK_RETRY },
		{ 400, false, 1, CALLBACK_RETRY }, { 401, false, 1, CALLBACK_RETRY },
		{ 404, false, 2, CALLBACK_RETRY }, { 404, false, 3, CALLBACK_FAILED }, { 408, false, 1, CALLBACK_RETRY },
		{ 408, false, 3, CALLBACK_FAILED }, { 410, false, 1, CALLBACK_FAILED },
		{ 429, false, 2, CALLBACK_RETRY }, { 500, false, 2, CALLBACK_RETRY },
		{ 500, false, 3, CALLBACK_FAILED }, { 503, false, 1, CALLBACK_RETRY },
		{ 0, false, 1, CALLBACK_RETRY }, { 0, false, 3, CALLBACK_FAILED },
		{ 0, true, 1, CALLBACK_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (callback_judge(cases[i].status, cases[i].refused, cases[i].attempt, 3) != cases[i].want)
			fail_msg("status %d, attempt %u", cases[i].status, cases[i].attempt);
	assert_string_equal(callback_outcome_name(CALLBACK_DELIVERED), "delivered");
	assert_string_equal(callback_outcome_name(CALLBACK_FAILED), "failed");
	assert_string_equal(callback_outcome_name(CALLBACK_RETRY), "retry");
	assert_string_equal(callback_outcome_name(CALLBACK_NONE), "none");
	assert_string_equal(callback_outcome_name(CALLBACK_GONE), "gone");
}

static void status_infos(void **state)
{
#define HEAD "{\"id\":\"" JOB "\",\"jobID\":\"" JOB "\",\"processID\":\"ingest\"," \
	"\"process\":{\"id\":\"ingest\"},\"type\":\"process\","
#define SELF "\"links\":[{\"href\":\"/v1/jobs/" JOB "\",\"rel\":\"self\",\"type\":\"application/json\"}"
#define REPORT ",{\"href\":\"/v1/jobs/" JOB "/report\",\"rel\":\"related\",\"type\":\"application/x-ndjson\"}"
	static const struct {
		const char *fields[32];
		const char *want;
	} cases[] = {
		{ { "state", "accepted", "source", "acme", "bytes", "1000", "created", "1700000000000", NULL },
		  HEAD "\"status\":\"accepted\",\"source\":\"acme\",\"acknowledged\":\"memory\","
		  "\"created\":\"2023-11-14T22:13:20.000Z\","
		  "\"progress\":0,\"bytes\":{\"received\":1000,\"parsed\":0},"
		  "\"counts\":{\"features\":0,\"accepted\":0,\"repaired\":0,\"rejected\":0}," SELF "]}" },
		/* All is parsed, but the job has not ended: not 100. */
		{ { "state", "running", "bytes", "1000", "parsed", "1000", "accepted", "1", "repaired", "2",
		    "rejected", "3", "ack", "aof", NULL },
		  HEAD "\"status\":\"running\",\"acknowledged\":\"aof\",\"progress\":99,\"bytes\":{\"received\":1000,\"parsed\":1000},"
		  "\"counts\":{\"features\":6,\"accepted\":1,\"repaired\":2,\"rejected\":3}," SELF "]}" },
		{ { "state", "successful", "bytes", "9", "parsed", "9", "callback", "failed", "callback_attempts", "3",
		    "callback_status", "500", "callback_at", "1700000000000", NULL },
		  HEAD "\"status\":\"successful\",\"acknowledged\":\"memory\",\"progress\":100,\"bytes\":{\"received\":9,\"parsed\":9},"
		  "\"counts\":{\"features\":0,\"accepted\":0,\"repaired\":0,\"rejected\":0},"
		  "\"callback\":{\"outcome\":\"failed\",\"attempts\":3,\"httpStatus\":500,"
		  "\"at\":\"2023-11-14T22:13:20.000Z\"}," SELF ",{\"href\":\"/v1/jobs/" JOB "/results\","
		  "\"rel\":\"http://www.opengis.net/def/rel/ogc/1.0/results\",\"type\":\"application/geo+json\"}"
		  REPORT "]}" },
		{ { "state", "failed", "code", "JSON_SYNTAX", "reason", "not \"JSON\"", "offset", "0", NULL },
		  HEAD "\"status\":\"failed\",\"message\":\"not \\\"JSON\\\"\",\"code\":\"JSON_SYNTAX\",\"offset\":0,"
		  "\"acknowledged\":\"memory\",\"progress\":0,\"bytes\":{\"received\":0,\"parsed\":0},"
		  "\"counts\":{\"features\":0,\"accepted\":0,\"repaired\":0,\"rejected\":0}," SELF REPORT "]}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct reply *r = hash_of(cases[i].fields);
		struct buf b;

		buf_init(&b, 1 << 16);
		status_info_write(&b, JOB, r, 0);
		assert_string_equal(buf_cstr(&b), cases[i].want);
		buf_clear(&b);
		reply_free(&r);
	}
}

static void messages(void **state)
{
	static const char *const fields[] = { "state", "successful", NULL };
	static char own[] = "s", other[] = "whsec_YW5vdGhlciBrZXk=", none[] = "";
	struct source source = { .secret = own, .callback_secret = none };
	struct reply *r = hash_of(fields);
	char want[WEBHOOK_SIGNATURE_MAX];
	struct err e = ERR_INIT;
	struct callback c;
	struct hmac *h;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	for (int round = 0; round < 2; round++) {
		buf_reset(&b);
		assert_int_equal(callback_make(&c, &b, &source, JOB, r, 1700000000999, &e), 0);
		assert_string_equal(c.id, "msg_" JOB);
		assert_string_equal(c.timestamp, "1700000000");
		h = webhook_begin(round == 0 ? own : other, "msg_" JOB, 1700000000, &e);
		hmac_add(h, b.data, b.len);
		webhook_end(&h, want);
		assert_string_equal(c.signature, want);
		source.callback_secret = other;
	}
	buf_clear(&b);
	buf_init(&b, 16);	/* no room */
	assert_int_equal(callback_make(&c, &b, &source, JOB, r, 1, &e), -1);
	buf_clear(&b);
	reply_free(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signature_vector),
		cmocka_unit_test(broken_secrets),
		cmocka_unit_test(verdicts),
		cmocka_unit_test(status_infos),
		cmocka_unit_test(messages),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
