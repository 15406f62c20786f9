/* clock - time. In: nothing. Out: milliseconds. Depends on the system's clocks. */
#ifndef GS_LIB_CLOCK_H
#define GS_LIB_CLOCK_H

#include <stdint.h>

uint64_t clock_unix_ms(void);	/* wall clock since 1970 */
uint64_t clock_mono_ms(void);	/* never goes back; origin unspecified */
uint64_t clock_mono_us(void);
uint64_t clock_cpu_us(void);	/* of this process */
uint64_t clock_thread_ms(void);	/* of CPU that this thread had, a millisecond ago at the most */

/* "2026-01-31T12:00:00.000Z" and a NUL: 25 bytes. */
void clock_format(char out[25], uint64_t unix_ms);

#endif
