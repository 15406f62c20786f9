/*
 * failing_new - operator new of the whole program, the libraries' too; see failing.h.
 *
 * Only those of GEOS's library proper fail. PROJ, and the C functions around GEOS that set it up, end
 * the process where theirs do; a worker's supervisor then sees to the feature.
 */
#include "tests/nomem/failing.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <new>
#include <sanitizer/lsan_interface.h>

static bool from_geos(void *caller)
{
	Dl_info where;

	return failing_counts(true) && dladdr(caller, &where) != 0 && std::strstr(where.dli_fname, "libgeos") != nullptr
	    && std::strstr(where.dli_fname, "libgeos_c") == nullptr;
}

static void *give(std::size_t n, void *caller) noexcept
{
	bool geos = from_geos(caller);
	void *p;

	if (geos && failing_now())
		return nullptr;
	if (failing_counts(true))	/* GEOS leaks some of its own when it fails */
		__lsan_disable();
	p = std::aligned_alloc(16, (n + 16) & ~std::size_t(15));
	if (failing_counts(true))
		__lsan_enable();
	return p;
}

static void *give_or_throw(std::size_t n, void *caller)
{
	void *p = give(n, caller);

	if (p == nullptr)
		throw std::bad_alloc();
	return p;
}

void *operator new(std::size_t n, const std::nothrow_t &) noexcept
{
	return give(n, __builtin_return_address(0));
}

void *operator new[](std::size_t n, const std::nothrow_t &) noexcept
{
	return give(n, __builtin_return_address(0));
}

void *operator new(std::size_t n)
{
	return give_or_throw(n, __builtin_return_address(0));
}

void *operator new[](std::size_t n)
{
	return give_or_throw(n, __builtin_return_address(0));
}

void operator delete(void *p) noexcept
{
	std::free(p);
}

void operator delete(void *p, std::size_t) noexcept
{
	std::free(p);
}

void operator delete[](void *p) noexcept
{
	std::free(p);
}

void operator delete[](void *p, std::size_t) noexcept
{
	std::free(p);
}
