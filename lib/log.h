/*
 * log - one line per event on standard error, as key=value pairs (logfmt).
 *
 * In:  a level, an event name, fields. Out: "t=… level=info prog=… event=commit job=0-01h… bytes=4096".
 * Depends on nothing. Never hand it payload, coordinates or secrets.
 */
#ifndef GS_LIB_LOG_H
#define GS_LIB_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

struct log_field {
	const char *key;
	const char *text;	/* NULL: value counts */
	long long value;
};

#define LOG_STR(key, s) { (key), log_text(s), 0 }
#define LOG_INT(key, v) { (key), NULL, (long long)(v) }

static inline const char *log_text(const char *s)
{
	return s != 0 ? s : "";
}

/* The program's name, and the lowest level that is written. Call once, before threads start. */
void log_init(const char *program, enum log_level lowest);

void log_write(enum log_level level, const char *event, const struct log_field *fields, int n);
/* Leaves the writing to this thread's next log_write or log_flush: for lines that come by the thousand. */
void log_write_soon(enum log_level level, const char *event, const struct log_field *fields, int n);
void log_flush(void);

#define LOG_EVENT_BY(writer, level, event, ...) do { \
		const struct log_field log_fields_[] = { __VA_ARGS__ }; \
		writer((level), (event), log_fields_, \
		    (int)(sizeof(log_fields_) / sizeof(log_fields_[0]))); \
	} while (0)
#define LOG_EVENT(level, event, ...) LOG_EVENT_BY(log_write, level, event, __VA_ARGS__)
#define LOG_EVENT_SOON(level, event, ...) LOG_EVENT_BY(log_write_soon, level, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_EVENT(LOG_LEVEL_DEBUG, event, __VA_ARGS__)
#define log_info(event, ...) LOG_EVENT(LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_warn(event, ...) LOG_EVENT(LOG_LEVEL_WARN, event, __VA_ARGS__)
#define log_error(event, ...) LOG_EVENT(LOG_LEVEL_ERROR, event, __VA_ARGS__)

#endif
