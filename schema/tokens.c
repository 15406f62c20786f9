/* tokens - see tokens.h. */
#include "schema/tokens.h"

#include <string.h>

static const char *const scopes[] = { "open", "read", "operate" };

const char *scope_name(enum scope s)
{
	return scopes[s];
}

static int parse_one(const char *text, size_t n, struct token *t)
{
	const char *scope = memchr(text, ':', n), *hash;
	size_t name = scope != NULL ? (size_t)(scope - text) : 0;

	if (name == 0 || name > TOKEN_NAME_MAX)
		return -1;
	for (size_t i = 0; i < name; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '"' || text[i] == '=')
			return -1;
	scope++;
	if ((hash = memchr(scope, ':', n - name - 1)) == NULL)
		return -1;
	if ((size_t)(hash - scope) == strlen("read") && strncmp(scope, "read", 4) == 0)
		t->scope = SCOPE_READ;
	else if ((size_t)(hash - scope) == strlen("operate") && strncmp(scope, "operate", 7) == 0)
		t->scope = SCOPE_OPERATE;
	else
		return -1;
	hash++;
	if (text + n - hash != SHA256_HEX || !hex_decode(t->hash, hash, SHA256_BYTES))
		return -1;
	memcpy(t->name, text, name);
	t->name[name] = '\0';
	return 0;
}

int tokens_parse(const char *text, struct token out[TOKENS_MAX], struct err *e)
{
	const char *all = text;
	int count = 0;

	while (*(text += strspn(text, " \t,")) != '\0') {
		size_t n = strcspn(text, " \t,");

		if (count == TOKENS_MAX)
			return err_set(e, ERR_INPUT, 0, "there may be %d tokens", TOKENS_MAX);
		if (parse_one(text, n, &out[count++]) != 0)
			return err_set(e, ERR_INPUT, 0, "token %d is not name:read:hash or name:operate:hash, with the "
			    "SHA-256 of the token in hex", count);
		text += n;
	}
	/* A template whose variables were empty: nobody meant by it that everyone may. */
	if (count == 0 && *all != '\0')
		return err_set(e, ERR_INPUT, 0, "\"%.40s\" holds no token", all);
	return count;
}

void token_make(char text[TOKEN_TEXT], char hash[SHA256_HEX + 1])
{
	unsigned char dice[TOKEN_BYTES], sum[SHA256_BYTES];

	random_bytes(dice, sizeof(dice));
	memcpy(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX));
	hex_encode(text + strlen(TOKEN_PREFIX), dice, sizeof(dice));
	sha256_of(text, strlen(text), sum);
	hex_encode(hash, sum, sizeof(sum));
	secret_wipe(dice, sizeof(dice));
}
