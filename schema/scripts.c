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

/* And behind two. */
#define SCRIPT_WITH_BOTH(first, second, name) \
	__asm__(".section .rodata\n" \
		"lua_" #name ": .incbin \"schema/" #first ".lua\"\n" \
		".incbin \"schema/" #second ".lua\"\n" \
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
SCRIPT_WITH(texts, finish)
SCRIPT_WITH(letters, forget)
SCRIPT(dismiss)
SCRIPT_WITH(room, replay)
SCRIPT(called)
SCRIPT(release)
SCRIPT(abandon)
SCRIPT_WITH(room, admit)
SCRIPT(acked)
SCRIPT_WITH(room, extend)
SCRIPT(expire)
SCRIPT(bury)
SCRIPT(suspect)
SCRIPT(divide)
SCRIPT_WITH(texts, split)
SCRIPT(take)
SCRIPT(give_back)
SCRIPT_WITH_BOTH(outcome, texts, done)
SCRIPT(watch)
SCRIPT_WITH_BOTH(letters, texts, whole)
SCRIPT(sweep)
SCRIPT(resign)
SCRIPT(audit)
SCRIPT(queue)
SCRIPT(shed)
SCRIPT(list_jobs)
SCRIPT(list_letters)
SCRIPT(may)
