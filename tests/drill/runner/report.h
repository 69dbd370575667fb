/* What is told about a script that failed, and the capture that it leaves. */
#ifndef DRILL_REPORT_H
#define DRILL_REPORT_H

#include <stdio.h>

#include "run.h"

/* Writes what was expected, what came, where and when, and the packets so far. */
void report_failure(FILE *to, const struct run *run);

/* Writes every frame to a pcap file. False: it could not be written. report_pcap.c */
bool report_pcap(const struct world *world, const char *path);

#endif
