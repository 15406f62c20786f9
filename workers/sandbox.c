/* sandbox - see sandbox.h. */
#define _GNU_SOURCE
#include "workers/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITISED true	/* its shadow is memory without end, and it looks at processes from outside */
#else
#define SANITISED false
#endif

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

/* ---- memory ---- */

static const char *limit_memory(uint64_t bytes)
{
	struct rlimit l = { bytes, bytes };

	if (bytes == 0 || SANITISED)
		return "no limit";
	return setrlimit(RLIMIT_DATA, &l) == 0 ? "limited" : strerror(errno);
}

/* ---- files: Landlock ---- */

static void allow_reading(int ruleset, const char *path)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE };

	if (path == NULL || (rule.parent_fd = open(path, O_PATH | O_CLOEXEC)) < 0)
		return;
	syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	close(rule.parent_fd);
}

/* PROJ opens its database for each new context, and grids when a transformation first needs one. */
static const char *limit_files(void)
{
	static const char *const readable[] = {
		"/usr/share/proj", "/usr/local/share/proj", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf",
		"/etc/host.conf", "/etc/gai.conf", "/usr/share/zoneinfo", "/etc/localtime", "/dev/urandom",
	};
	struct landlock_ruleset_attr all = { .handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 };
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	const char *said = "on";

	if (ruleset < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? "not in this kernel" : strerror(errno);
	for (size_t i = 0; i < COUNT(readable); i++)
		allow_reading(ruleset, readable[i]);
	allow_reading(ruleset, getenv("PROJ_LIB"));
	allow_reading(ruleset, getenv("PROJ_DATA"));
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
		said = strerror(errno);
	close(ruleset);
	return said;
}

/* ---- calls: seccomp ---- */

static const int plain[] = {
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(lseek),
	SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(stat), SCMP_SYS(lstat),
	SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(getcwd), SCMP_SYS(fadvise64),
	SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname),
	SCMP_SYS(getpeername), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg),
	SCMP_SYS(sendmmsg), SCMP_SYS(shutdown), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select),
	SCMP_SYS(pselect6), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise),
	SCMP_SYS(futex), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(alarm),
	SCMP_SYS(setitimer), SCMP_SYS(getrandom), SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(gettid),
	SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(uname),
	SCMP_SYS(sysinfo), SCMP_SYS(getrusage), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(rseq), SCMP_SYS(set_robust_list), SCMP_SYS(exit), SCMP_SYS(exit_group),
};

/* Nothing asks for these by mistake. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(clone), SCMP_SYS(clone3),
	SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(init_module),
	SCMP_SYS(finit_module), SCMP_SYS(bpf), SCMP_SYS(mount), SCMP_SYS(setuid), SCMP_SYS(setns), SCMP_SYS(unshare),
};

/* A datagram socket too: names are looked up through one. */
static int allow_sockets(scmp_filter_ctx ctx, const char *url)
{
	if (strncmp(url, "unix:", 5) == 0)
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0));
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_INET, 0)) |
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, AF_INET6, 0));
}

static int allow_values(scmp_filter_ctx ctx, int call, unsigned arg, const scmp_datum_t *values, size_t n)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1, SCMP_CMP(arg, SCMP_CMP_EQ, values[i], 0));
	return rc;
}

/* What hiredis and the resolver do with a socket. Any more, and one that tells of its state by a signal (F_SETOWN,
 * F_SETSIG, O_ASYNC) would kill processes; and a terminal takes commands. */
static int allow_controls(scmp_filter_ctx ctx)
{
	static const scmp_datum_t files[] = { F_GETFL, F_GETFD, F_SETFD, F_DUPFD_CLOEXEC };
	static const scmp_datum_t devices[] = { FIONREAD, FIONBIO };

	return allow_values(ctx, SCMP_SYS(fcntl), 1, files, COUNT(files)) |
	    allow_values(ctx, SCMP_SYS(ioctl), 1, devices, COUNT(devices)) |
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 2, SCMP_A1(SCMP_CMP_EQ, F_SETFL, 0),
		SCMP_A2(SCMP_CMP_MASKED_EQ, O_ASYNC, 0));
}

static int allow_some(scmp_filter_ctx ctx, const char *url)
{
	const unsigned long writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
	long self = getpid();

	return allow_sockets(ctx, url) | allow_controls(ctx) |
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, writing, 0)) |
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, SCMP_A1(SCMP_CMP_MASKED_EQ, writing, 0)) |
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) |
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
		SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) |
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)self, 0)) |
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)self, 0)) |
	    seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0, 0));
}

/* A call that this machine's kernel or word size does not have is no loss. */
static const char *limit_calls(const char *url)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int rc = ctx == NULL ? -ENOMEM : 0;

	for (size_t i = 0; rc == 0 && i < COUNT(plain); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, plain[i], 0);
	for (size_t i = 0; rc == 0 && i < COUNT(deadly); i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	if (rc == 0)
		rc = allow_some(ctx, url) == 0 ? seccomp_load(ctx) : -EINVAL;
	if (ctx != NULL)
		seccomp_release(ctx);
	return rc == 0 ? "on" : strerror(-rc);
}

void sandbox_apply(const struct sandbox *s)
{
	const char *off = SANITISED ? "off in a sanitised build" : "off by settings";
	bool filter = s->filter && !SANITISED;
	bool bound = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	const char *memory = limit_memory(s->memory_bytes);
	const char *files = filter ? limit_files() : off, *calls = filter ? limit_calls(s->redis_url) : off;

	log_info("sandbox", LOG_STR("no_new_privs", bound ? "on" : "off"), LOG_STR("seccomp", calls),
	    LOG_STR("landlock", files), LOG_STR("memory", memory), LOG_INT("memory_bytes", s->memory_bytes));
}
