/* tls - see tls.h. */
#include "server/tls.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct tls_setup {
	SSL_CTX *ctx;
};

struct tls {
	SSL *ssl;
	bool wants_write, shaken, failed;
	char error[128];
};

static void last_error(char *out, size_t n)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	snprintf(out, n, "%s", reason != NULL ? reason : "the connection broke");
	ERR_clear_error();
}

/* ---- setup ---- */

/* A key with a passphrase is refused: nobody is there to type it. */
static int no_passphrase(char *out, int room, int writing, void *ctx)
{
	(void)out;
	(void)room;
	(void)writing;
	(void)ctx;
	return 0;
}

/* RFC 7301: who offers HTTP/1.1 gets it, who offers other protocols alone is refused. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
    unsigned in_len, void *ctx)
{
	(void)ssl;
	(void)ctx;
	for (unsigned i = 0; i < in_len; i += in[i] + 1u)
		if (in[i] == 8 && i + 9 <= in_len && memcmp(in + i + 1, "http/1.1", 8) == 0) {
			*out = in + i + 1;
			*out_len = 8;
			return SSL_TLSEXT_ERR_OK;
		}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int fail(struct err *e, const char *what, const char *file)
{
	char words[96];

	last_error(words, sizeof(words));
	return err_set(e, ERR_INPUT, 0, "%s = %.80s: %s", what, file, words);
}

static int load(SSL_CTX *ctx, const char *certificate, const char *key, struct err *e)
{
	ERR_clear_error();
	if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1)
		return fail(e, "tls_certificate", certificate);
	if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1)
		return fail(e, "tls_key", key);
	return 0;
}

struct tls_setup *tls_setup_new(const char *certificate, const char *key, bool only_1_3, struct err *e)
{
	struct tls_setup *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->ctx = SSL_CTX_new(TLS_server_method())) == NULL) {
		err_set(e, ERR_SYSTEM, 0, "TLS: no memory");
		tls_setup_free(&s);
		return NULL;
	}
	SSL_CTX_set_min_proto_version(s->ctx, only_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(s->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE
	    | SSL_OP_IGNORE_UNEXPECTED_EOF);	/* HTTP says itself where a body ends */
	/* An idle connection keeps no record buffers. */
	SSL_CTX_set_mode(s->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
	    | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(s->ctx, SSL_SESS_CACHE_OFF);	/* tickets do without */
	SSL_CTX_set_default_passwd_cb(s->ctx, no_passphrase);
	SSL_CTX_set_alpn_select_cb(s->ctx, on_alpn, NULL);
	if (load(s->ctx, certificate, key, e) != 0)
		tls_setup_free(&s);
	return s;
}

void tls_setup_free(struct tls_setup **s)
{
	if (*s == NULL)
		return;
	SSL_CTX_free((*s)->ctx);
	free(*s);
	*s = NULL;
}

/* ---- connections ---- */

struct tls *tls_new(struct tls_setup *s, int fd)
{
	struct tls *t = calloc(1, sizeof(*t));

	if (t == NULL || (t->ssl = SSL_new(s->ctx)) == NULL || SSL_set_fd(t->ssl, fd) != 1) {
		tls_free(&t);
		return NULL;
	}
	SSL_set_accept_state(t->ssl);
	return t;
}

void tls_free(struct tls **t)
{
	if (*t == NULL)
		return;
	SSL_free((*t)->ssl);
	free(*t);
	*t = NULL;
}

static int verdict(struct tls *t, int rc)
{
	int error = SSL_get_error(t->ssl, rc);

	t->wants_write = error == SSL_ERROR_WANT_WRITE;
	if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE)
		return TLS_AGAIN;
	if (error == SSL_ERROR_ZERO_RETURN)
		return 0;
	t->failed = true;
	last_error(t->error, sizeof(t->error));
	return TLS_FAILED;
}

int tls_handshake(struct tls *t)
{
	int rc;

	ERR_clear_error();
	if ((rc = SSL_do_handshake(t->ssl)) == 1) {
		t->shaken = true;
		return 1;
	}
	rc = verdict(t, rc);
	return rc == 0 ? TLS_FAILED : rc;
}

long tls_read(struct tls *t, void *out, size_t room)
{
	int n;

	ERR_clear_error();
	n = SSL_read(t->ssl, out, room < INT_MAX ? (int)room : INT_MAX);
	return n > 0 ? n : verdict(t, n);
}

long tls_write(struct tls *t, const void *bytes, size_t n)
{
	int sent;

	ERR_clear_error();
	sent = SSL_write(t->ssl, bytes, n < INT_MAX ? (int)n : INT_MAX);
	if (sent > 0)
		return sent;
	sent = verdict(t, sent);
	return sent == 0 ? TLS_FAILED : sent;
}

bool tls_wants_write(const struct tls *t)
{
	return t->wants_write;
}

void tls_end(struct tls *t)
{
	if (!t->shaken || t->failed)
		return;
	ERR_clear_error();
	if (SSL_shutdown(t->ssl) < 0)	/* a peer that takes nothing learns it from the socket */
		ERR_clear_error();
}

const char *tls_error(const struct tls *t)
{
	return t->error;
}
