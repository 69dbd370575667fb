#!/bin/bash
# Runs every fuzz target over its seeds, and for a few seconds beyond them: what once broke does not again.
exec "$(dirname "$0")/../../scripts/fuzz" 5
