/* What the driver is to tell this layer. */
#ifndef POSIX_NEWS_H
#define POSIX_NEWS_H

#include "sockets/driver/driver.h"

extern const struct driver_listener posix_news_listener;

#endif
