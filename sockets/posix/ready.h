/* Readiness as poll tells it. */
#ifndef POSIX_READY_H
#define POSIX_READY_H

#include <stdint.h>

/* The readiness bits that answer poll's `events`, with those reported unasked; and back. */
uint32_t posix_ready_wanted(uint32_t events);
uint32_t posix_ready_events(uint32_t ready);

#endif
