/*
 * own - the server of this machine's own settings: where it is reached from here, and whether it is ready.
 *
 * In:  the address it listens on. Out: a URL; a verdict. Depends on cli/http.
 */
#ifndef GS_CLI_OWN_H
#define GS_CLI_OWN_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

/* Of listen, "address:port": one that means every address of this machine becomes its loopback one. out is empty
 * where room (bytes) does not do. */
void own_url(char *out, size_t room, const char *listen, bool tls);

/* Does GET /readyz at url say 200 within timeout_ms? Otherwise false, and e says why. */
bool own_is_ready(const char *url, unsigned timeout_ms, struct err *e);

#endif
