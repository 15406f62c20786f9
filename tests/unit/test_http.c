/* http: what the system's TCP seldom does to it. Clients and sockets are real, but local ones, which are full when they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "server/http.h"
#include "server/peers.h"

#define GET "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
#define POST "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n"
#define CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"
#define PATIENCE_S 60

static struct loop *loop;
static struct loop_timer *timer;
static struct http *http;
static struct sockaddr_un at = { .sun_family = AF_UNIX };
static struct err e;
static unsigned over, accepts, newcomers;
static size_t body_bytes;

int __real_accept4(int fd, struct sockaddr *from, socklen_t *n, int flags);
int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *n, int flags);

static int connect_one(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* For each who is let in another one comes, while there are newcomers. */
int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *n, int flags)
{
	int taken = __real_accept4(fd, from, n, flags);

	accepts += taken >= 0;
	if (taken >= 0 && newcomers > 0) {
		newcomers--;
		close(connect_one());
	}
	return taken;
}

static bool no_peers;

struct peers *__real_peers_new(void);
struct peers *__wrap_peers_new(void);

struct peers *__wrap_peers_new(void)
{
	errno = ENOMEM;
	return no_peers ? NULL : __real_peers_new();
}

/* ---- an application ---- */

static size_t take(struct http_request *q, const void *bytes, size_t n)
{
	(void)q;
	(void)bytes;
	body_bytes += n;
	return n;
}

static void answer(struct http_request *q)
{
	http_answer_static(q, 200, "text/plain", "fine", 4);
}

static const struct http_handler handler = { .body = take, .end = answer };

/* One that has to be woken for each piece: it waits for something else each time. */
static struct http_request *waits;
static bool woken;
static unsigned pauses;

static long place_when_woken(struct http_request *q, void **to)
{
	static char block[64];

	if (!woken) {
		waits = q;
		pauses++;
		return -1;
	}
	woken = false;
	*to = block;
	return sizeof(block);
}

static void forget_waits(struct http_request *q)
{
	(void)q;
	waits = NULL;
}

static const struct http_handler pausing = {
	.body = take, .end = answer, .gone = forget_waits, .place = place_when_woken,
};

static void on_begin(void *ctx, struct http_request *q)
{
	(void)ctx;
	q->handler = strcmp(q->path, "/paused") == 0 ? &pausing : &handler;
}

static void on_over(void *ctx, struct http_request *q)
{
	(void)ctx;
	(void)q;
	over++;
}

static void on_refuse(struct http_request *q, const struct refusal *why)
{
	http_answer_static(q, problem_status(why->problem), NULL, "", 0);
}

static void on_tls_failed(void *ctx, const char *why)
{
	(void)ctx;
	(void)why;
}

static void on_timer(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

/* What is on its way in local sockets is served: the loop has nothing more to do. */
static void turn(void)
{
	for (int i = 0; i < 3; i++) {
		loop_timer_start(timer, 1, 0);
		loop_run(loop);
	}
}

static int setup(void **state)
{
	const struct http_app app = { on_begin, on_over, on_tls_failed, on_refuse, NULL };
	const struct http_limits limits = {
		.max_connections = 50, .header_bytes = 16384, .target_bytes = 8192, .header_fields = 100,
		.header_timeout_ms = 600000, .idle_timeout_ms = 600000, .linger_ms = 1000, .rate_window_ms = 600000,
		.rate_bytes = 1, .requests = 1000000,
	};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	(void)state;
	over = accepts = newcomers = 0;
	body_bytes = pauses = 0;
	waits = NULL;
	woken = false;
	snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/geosluice-http-%d", (int)getpid());
	unlink(at.sun_path);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || (loop = loop_new(&e)) == NULL
	    || (timer = loop_timer_new(loop, on_timer, NULL, &e)) == NULL
	    || (http = http_new(loop, fd, &limits, NULL, &app, &e)) == NULL)
		return -1;
	alarm(PATIENCE_S);
	return http_begin(http, &e);
}

static int teardown(void **state)
{
	(void)state;
	alarm(0);
	http_free(&http);
	loop_timer_free(&timer);
	loop_free(&loop);
	unlink(at.sun_path);
	return 0;
}

/* ---- the socket takes nothing more ---- */

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
	turn();
}

/* A client that reads nothing: how many of its requests were answered, at most `most`. */
static unsigned ask_without_reading(int fd, unsigned most)
{
	unsigned before = over;

	while (over - before < most) {
		unsigned n = over;

		say(fd, GET);
		if (over == n)
			break;
	}
	return over - before;
}

/* All that comes, to its last `room` bytes. */
static void read_all(int fd, char *end, size_t room)
{
	char block[65536];
	size_t kept = 0;
	ssize_t n;

	for (;;) {
		if ((n = recv(fd, block, sizeof(block), MSG_DONTWAIT)) <= 0) {
			turn();
			if ((n = recv(fd, block, sizeof(block), MSG_DONTWAIT)) <= 0)
				break;
		}
		for (ssize_t i = 0; i < n; i++) {
			if (kept == room - 1)
				memmove(end, end + 1, --kept);
			end[kept++] = block[i];
		}
	}
	end[kept] = '\0';
}

static void leave_to_send_comes_when_the_socket_has_room_again(void **state)
{
	char end[sizeof(CONTINUE)] = "";
	int fd = connect_one();
	unsigned fit;

	(void)state;
	turn();
	fit = ask_without_reading(fd, 100000);
	assert_int_equal(http_active(http), 1);		/* it is full: the answer to one more waits */
	close(fd);
	turn();
	assert_int_equal(http_active(http), 0);

	fd = connect_one();
	turn();
	assert_int_equal(ask_without_reading(fd, fit), fit);
	assert_int_equal(http_active(http), 0);		/* exactly full, and all is out */
	say(fd, POST);
	assert_int_equal(http_active(http), 1);
	read_all(fd, end, sizeof(end));
	assert_string_equal(end, CONTINUE);
	say(fd, "hello");
	assert_int_equal(body_bytes, 5);
	read_all(fd, end, sizeof(end));
	assert_memory_equal(end + strlen(end) - 4, "fine", 4);
	close(fd);
}

static void who_sends_before_leave_has_room_to_leave_is_answered_behind_it(void **state)
{
	static char all[1 << 20];
	int fd = connect_one();
	const char *found;
	unsigned fit;

	(void)state;
	turn();
	fit = ask_without_reading(fd, 100000);
	close(fd);
	fd = connect_one();
	turn();
	ask_without_reading(fd, fit);
	say(fd, POST "hello");
	assert_int_equal(body_bytes, 5);
	read_all(fd, all, sizeof(all));
	assert_non_null(found = strstr(all, CONTINUE));
	assert_memory_equal(found + strlen(CONTINUE), "HTTP/1.1 200 OK\r\n", 17);
	assert_non_null(strstr(found, "fine"));
	close(fd);
}

/* ---- bodies that take long ---- */

static void wake_it(void)
{
	if (waits != NULL) {
		woken = true;
		http_wake(waits);
		waits = NULL;
	}
	turn();
}

static void limit_bodies(unsigned window_ms, unsigned bytes)
{
	const struct http_limits limits = {
		.max_connections = 50, .header_bytes = 16384, .target_bytes = 8192, .header_fields = 100,
		.header_timeout_ms = 600000, .idle_timeout_ms = 600000, .linger_ms = 1000, .rate_window_ms = window_ms,
		.rate_bytes = bytes, .requests = 1000000,
	};

	http_set(http, &limits, NULL);
}

#define LONG_POST "POST /paused HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n"

/* What we wait for between its bytes is not its fault, but gives it no more time either. */
static void a_body_that_has_to_pause_may_be_too_slow_all_the_same(void **state)
{
	char end[4096] = "";
	unsigned before;
	int fd;

	(void)state;
	limit_bodies(200, 1000);
	fd = connect_one();
	say(fd, LONG_POST);
	for (before = over; over == before && pauses < 2000; wake_it())
		if (send(fd, " ", 1, MSG_NOSIGNAL) != 1)
			break;
	assert_int_equal(over, before + 1);
	assert_in_range(pauses, 3, 1000);
	read_all(fd, end, sizeof(end));
	assert_memory_equal(end, "HTTP/1.1 408 ", 13);
	close(fd);
}

/* While it waits for us no time goes by. */
static void a_body_that_is_paused_for_long_is_not_too_slow(void **state)
{
	unsigned before = over;
	int fd;

	(void)state;
	limit_bodies(100, 1000);
	fd = connect_one();
	say(fd, LONG_POST);
	say(fd, " ");
	assert_non_null(waits);
	for (int i = 0; i < 100; i++)	/* more than two windows */
		turn();
	assert_int_equal(over, before);
	assert_non_null(waits);
	wake_it();
	assert_int_equal(over, before);
	close(fd);
	for (int i = 0; i < 2; i++)	/* once awake it sees that */
		wake_it();
	assert_int_equal(over, before + 1);
}

static bool any(const struct http_request *q)
{
	(void)q;
	return true;
}

/* The slowest is found among those, too, that were paused a moment ago. */
static void who_was_paused_gives_way_as_others_do(void **state)
{
	struct refusal why = { .problem = P_UPLOADS_FULL };
	char end[4096] = "", byte;
	unsigned before;
	int slow, fast;

	(void)state;
	limit_bodies(400, 1);
	slow = connect_one();
	fast = connect_one();
	say(slow, LONG_POST);
	say(fast, "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100000000\r\n\r\n");
	for (int i = 0; i < 60; i++) {
		assert_int_equal(send(slow, " ", 1, MSG_NOSIGNAL), 1);
		wake_it();
		say(fast, "1234567890123456789012345678901234567890");
	}
	before = over;
	assert_true(http_make_way(http, 1000000, any, &why));
	turn();
	assert_int_equal(over, before + 1);
	assert_int_equal(http_active(http), 1);
	assert_true(recv(fast, &byte, 1, MSG_DONTWAIT) < 0);
	read_all(slow, end, sizeof(end));
	assert_memory_equal(end, "HTTP/1.1 503 ", 13);
	close(slow);
	close(fast);
	turn();
}

/* ---- the beginning and the end ---- */

static void a_socket_that_cannot_be_served_is_closed(void **state)
{
	static const struct http_limits limits = { .max_connections = 1 };
	static const struct http_app app = { on_begin, on_over, on_tls_failed, on_refuse, NULL };

	(void)state;
	assert_non_null(loop = loop_new(&e));
	for (int listens = 0; listens < 2; listens++) {	/* no loop can wait for /dev/null */
		int fd = listens ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : open("/dev/null", O_RDONLY | O_CLOEXEC);

		assert_true(fd >= 0);
		err_clear(&e);
		no_peers = listens;
		assert_null(http_new(loop, fd, &limits, NULL, &app, &e));
		no_peers = false;
		assert_int_equal(e.cls, ERR_SYSTEM);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
		assert_int_equal(errno, EBADF);
	}
	loop_free(&loop);
}

static void those_who_come_meanwhile_do_not_keep_it_from_ending(void **state)
{
	int first = connect_one();

	(void)state;
	newcomers = 1000000;
	http_quiesce(http);
	assert_in_range(accepts, 4096, 20000);	/* more than wait at any time, and not all */
	newcomers = 0;
	turn();
	assert_in_range(http_open(http), 0, 50 + 256);
	close(first);
}

static void those_who_wait_are_served_at_the_end(void **state)
{
	char end[64];
	int fds[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		fds[i] = connect_one();
		assert_int_equal(send(fds[i], GET, strlen(GET), 0), (ssize_t)strlen(GET));
	}
	http_quiesce(http);
	turn();
	for (int i = 0; i < 20; i++) {
		read_all(fds[i], end, sizeof(end));
		assert_memory_equal(end + strlen(end) - 4, "fine", 4);
		close(fds[i]);
	}
	assert_int_equal(over, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(leave_to_send_comes_when_the_socket_has_room_again, setup, teardown),
		cmocka_unit_test_setup_teardown(who_sends_before_leave_has_room_to_leave_is_answered_behind_it, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(a_body_that_has_to_pause_may_be_too_slow_all_the_same, setup, teardown),
		cmocka_unit_test_setup_teardown(a_body_that_is_paused_for_long_is_not_too_slow, setup, teardown),
		cmocka_unit_test_setup_teardown(who_was_paused_gives_way_as_others_do, setup, teardown),
		cmocka_unit_test(a_socket_that_cannot_be_served_is_closed),
		cmocka_unit_test_setup_teardown(those_who_come_meanwhile_do_not_keep_it_from_ending, setup, teardown),
		cmocka_unit_test_setup_teardown(those_who_wait_are_served_at_the_end, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
