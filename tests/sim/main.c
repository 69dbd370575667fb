/* tapir-sim: the stack in virtual time. Without a word in front it hunts for faults; "flow" measures flows. */
#include <string.h>

#include "flow/flow.h"
#include "sim.h"

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "flow") == 0) {
        return sim_flow(argc - 1, argv + 1);
    }
    return sim_hunt(argc, argv);
}
