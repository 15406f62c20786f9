/*
 * openapi - GET /openapi.yaml: the description of what is served, as the program carries it.
 *
 * In:  openapi.yaml at build time. Out: its text. Depends on http.
 */
#include "server/handlers.h"

__asm__(".section .rodata\n"
	"openapi_text: .incbin \"openapi.yaml\"\n"
	"openapi_text_end: .byte 0\n"
	".previous\n");
extern const char openapi_text[], openapi_text_end[];

static void answer(struct http_request *q)
{
	http_answer_static(q, 200, "application/yaml", openapi_text, (size_t)(openapi_text_end - openapi_text));
}

const struct http_handler openapi_get = { .end = answer };
