/* sandbox: what a process can no longer do, each tried in a process of its own. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"
#include "workers/pipeline/pipeline.h"
#include "workers/sandbox.h"

#define MB ((size_t)1 << 20)

enum { CAN, CANNOT, DIES };

static int starts_a_program(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return CANNOT;
}

static int forks(void)
{
	return fork() < 0 ? CANNOT : CAN;
}

/* Landlock says EACCES, and a kernel may not have it: for writing the filter itself has to refuse, with EPERM. */
static int writes(long call, const char *path, int flags)
{
	long fd = call == SYS_openat ? syscall(call, AT_FDCWD, path, flags, 0600) : syscall(call, path, flags, 0600);

	return fd < 0 && errno == EPERM ? CANNOT : CAN;
}

static int writes_a_file(void)
{
	return writes(SYS_openat, "/tmp/geosluice-sandbox-test", O_WRONLY | O_CREAT);
}

static int appends_to_a_file(void)
{
	return writes(SYS_openat, "/dev/null", O_RDWR);
}

static int writes_a_file_the_old_way(void)
{
#ifdef SYS_open
	return writes(SYS_open, "/dev/null", O_WRONLY);
#else
	return CANNOT;
#endif
}

static int reads_a_file(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 ? CANNOT : CAN;
}

static int opens_a_unix_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? CANNOT : CAN;
}

static int opens_an_internet_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? CANNOT : CAN;
}

static int makes_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
	    ? CANNOT : CAN;
}

static int makes_code_of_data(void)
{
	void *data = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return data != MAP_FAILED && mprotect(data, 4096, PROT_READ | PROT_EXEC) != 0 ? CANNOT : CAN;
}

static int takes_much_memory(void)
{
	return malloc(300 * MB) == NULL ? CANNOT : CAN;
}

static int takes_some_memory(void)
{
	char *p = malloc(50 * MB);

	if (p == NULL)
		return CANNOT;
	memset(p, 1, 50 * MB);
	return CAN;
}

static int kills_its_parent(void)
{
	return kill(getppid(), 0) != 0 ? CANNOT : CAN;
}

static int kills_a_thread_of_its_parent(void)
{
	return syscall(SYS_tgkill, getppid(), getppid(), 0) != 0 ? CANNOT : CAN;
}

/* To nothing: who may not raise it may not set it at all. */
static int sets_its_limits(void)
{
	struct rlimit none = { 0, 0 };

	return setrlimit(RLIMIT_CORE, &none) != 0 ? CANNOT : CAN;
}

static int looks_into_its_parent(void)
{
	struct iovec here = { NULL, 0 };

	return process_vm_readv(getppid(), &here, 1, &here, 1, 0) < 0 ? CANNOT : CAN;
}

static int traces_its_parent(void)
{
	return ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) != 0 ? CANNOT : CAN;
}

/* A socket that is ready tells its owner so: by a signal of one's choice. */
static int sends_signals_by_a_socket(void)
{
	int fd = STDERR_FILENO;

	return fcntl(fd, F_SETOWN, getppid()) == 0 || fcntl(fd, F_SETSIG, SIGURG) == 0 || fcntl(fd, F_SETFL, O_ASYNC) == 0
	    ? CAN : CANNOT;
}

static int makes_a_socket_wait_or_not(void)
{
	int flags = fcntl(STDERR_FILENO, F_GETFL), n;

	if (flags < 0 || fcntl(STDERR_FILENO, F_SETFL, flags) != 0 || fcntl(STDERR_FILENO, F_GETFD) < 0)
		return CANNOT;
	return ioctl(STDERR_FILENO, FIONREAD, &n) != 0 && errno == EPERM ? CANNOT : CAN;
}

/* As if it had been typed, by whoever reads from there next. */
static int types_into_a_terminal(void)
{
	return ioctl(STDERR_FILENO, TIOCSTI, " ") != 0 && errno == EPERM ? CANNOT : CAN;
}

static int on_verdict(void *ctx, const struct verdict *v, struct err *e)
{
	(void)e;
	*(bool *)ctx = v->outcome == OUTCOME_ACCEPTED;
	return 0;
}

/* PROJ opens its database when the first transformation is made, and later again. */
static int reprojects(void)
{
	static const char doc[] = "{\"type\":\"Feature\",\"properties\":{},\"geometry\":{\"type\":\"Polygon\","
	    "\"coordinates\":[[[8,47],[9,47],[9,48],[8,47]]]}}";
	static const char *const targets[] = { "EPSG:3857", "EPSG:2056", "EPSG:28992", "EPSG:32632" };

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct err e = ERR_INIT;
		struct pipeline_options o;
		struct pipeline *p;
		bool good = false;

		pipeline_options_init(&o);
		o.target_crs = targets[i];
		p = pipeline_new(&o, on_verdict, &good, &e);
		if (p == NULL || pipeline_feed(p, doc, sizeof(doc) - 1, &e) != 0 || pipeline_finish(p, &e) != 0 || !good)
			return CANNOT;
		pipeline_free(&p);
	}
	return CAN;
}

static int try(int (*what)(void), const char *url)
{
	struct sandbox box = { 200 * MB, true, url };
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		log_init("test", LOG_LEVEL_ERROR);
		sandbox_apply(&box);
		_exit(what());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? DIES : WEXITSTATUS(status);
}

static void only_what_it_needs(void **state)
{
	static const struct { int (*what)(void); int unix_socket, internet; } cases[] = {
		{ starts_a_program, DIES, DIES }, { forks, DIES, DIES }, { writes_a_file, CANNOT, CANNOT },
		{ appends_to_a_file, CANNOT, CANNOT }, { opens_a_unix_socket, CAN, CANNOT },
		{ opens_an_internet_socket, CANNOT, CAN }, { makes_code, CANNOT, CANNOT },
		{ writes_a_file_the_old_way, CANNOT, CANNOT }, { makes_code_of_data, CANNOT, CANNOT },
		{ kills_a_thread_of_its_parent, CANNOT, CANNOT }, { sets_its_limits, CANNOT, CANNOT },
		{ looks_into_its_parent, DIES, DIES }, { traces_its_parent, DIES, DIES },
		{ takes_much_memory, CANNOT, CANNOT }, { takes_some_memory, CAN, CAN },
		{ sends_signals_by_a_socket, CANNOT, CANNOT }, { types_into_a_terminal, CANNOT, CANNOT },
		{ makes_a_socket_wait_or_not, CAN, CAN },
		{ kills_its_parent, CANNOT, CANNOT }, { reprojects, CAN, CAN }, { reads_a_file, CANNOT, CANNOT },
	};

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	skip();	/* the sandbox is off there */
#endif
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (try(cases[i].what, "unix:///run/redis.sock") != cases[i].unix_socket)
			fail_msg("case %zu, unix", i);
		if (try(cases[i].what, "redis://127.0.0.1") != cases[i].internet)
			fail_msg("case %zu, internet", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(only_what_it_needs) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
