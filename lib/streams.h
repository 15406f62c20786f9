/*
 * streams - the three standard streams, kept from becoming something else.
 *
 * In:  a process as it was started. Out: descriptors 0, 1 and 2 that are taken. Depends on nothing.
 */
#ifndef GS_LIB_STREAMS_H
#define GS_LIB_STREAMS_H

/*
 * A standard stream that is closed must fail when it is used, not be the next file or connection that is
 * opened. Call first in main.
 */
void streams_hold(void);

#endif
