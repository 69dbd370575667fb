/* What tapir-sim can do: each a program of its own behind one name. */
#ifndef SIM_H
#define SIM_H

/* hunt/main.c: looks for what nobody expected, seed by seed. The exit status. */
int sim_hunt(int argc, char **argv);

#endif
