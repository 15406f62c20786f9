/*
 * judgement - what is this Redis, and does it take what a reactor has for it?
 *
 * In:  a reactor that is connected. Out: its store_up and store_why, durability and room. Depends on lib/redis.
 */
#ifndef GS_SERVER_JUDGEMENT_H
#define GS_SERVER_JUDGEMENT_H

#include <stdbool.h>
#include <stddef.h>

struct reactor;

/* Asks, unless it is being asked; reactor_store_judged is called when all is known. */
void judgement_begin(struct reactor *r);
/* The reactor goes: replies that are still owed change nothing. */
void judgement_forget(struct reactor *r);

/* Is this error of Redis's a refusal (ACL)? Then words say what, and not to whom. */
bool judgement_refusal(char *words, size_t n, const char *text);

#endif
