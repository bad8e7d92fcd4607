/* Assertions: for our own mistakes only. A caller's mistake is a result, a peer's a counter. */
#ifndef BL_COMMON_ASSERT_H
#define BL_COMMON_ASSERT_H

#include <assert.h>

/** One fact each; on in every build type, because a broken invariant must not reach the wire. */
#define BELAY_ASSERT(fact) ((fact) ? (void)0 : bl_assert_failed(#fact, __FILE__, __LINE__))

#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void bl_assert_failed(const char *fact, const char *file, int line);

#endif
