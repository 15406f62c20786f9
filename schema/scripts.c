/* scripts - see scripts.h. The assembler takes the files in as they are. */
#include "schema/scripts.h"

#define SCRIPT(name) \
	__asm__(".section .rodata\n" \
		"lua_" #name ": .incbin \"schema/" #name ".lua\"\n" \
		".byte 0\n" \
		".previous\n"); \
	extern const char lua_##name[]; \
	struct redis_script script_##name = { #name, lua_##name, "" };

/* The same behind a piece that several have in common. */
#define SCRIPT_WITH(piece, name) \
	__asm__(".section .rodata\n" \
		"lua_" #name ": .incbin \"schema/" #piece ".lua\"\n" \
		".incbin \"schema/" #name ".lua\"\n" \
		".byte 0\n" \
		".previous\n"); \
	extern const char lua_##name[]; \
	struct redis_script script_##name = { #name, lua_##name, "" };

SCRIPT_WITH(same, commit)
SCRIPT_WITH(same, publish)
SCRIPT(unpublish)
SCRIPT(claim)
SCRIPT(renew)
SCRIPT_WITH(outcome, chunk)
SCRIPT(restart)
SCRIPT(finish)
SCRIPT_WITH(letters, forget)
SCRIPT(dismiss)
SCRIPT(replay)
SCRIPT(called)
SCRIPT(release)
SCRIPT(abandon)
SCRIPT(admit)
SCRIPT(acked)
SCRIPT(extend)
SCRIPT(expire)
SCRIPT(bury)
SCRIPT(suspect)
SCRIPT(divide)
SCRIPT(split)
SCRIPT(take)
SCRIPT(give_back)
SCRIPT_WITH(outcome, done)
SCRIPT(watch)
SCRIPT_WITH(letters, whole)
SCRIPT(sweep)
SCRIPT(resign)
SCRIPT(audit)
SCRIPT(queue)
SCRIPT(shed)
SCRIPT(list_jobs)
SCRIPT(list_letters)
SCRIPT(may)
