// What an instruction set offers to the interface, and what it needs of the threads.
#pragma once

#include "../rennet.h"

struct Engine {
    const char *name;
    bool (*usable)();
    void (*measure)(const rennet_call &, rennet_sizes &);
    void (*forward)(const rennet_call &);
    void (*backward)(const rennet_call &);
};

extern const Engine engine_avx512, engine_avx2, engine_portable, engine_wide;

// Calls work(all, id, count) for every id below count, each on a thread of its own, and returns when all are done. `count`
// is `threads`, or one where the threads are busy with another call.
void run_together(long threads, void (*work)(void *all, long id, long count), void *all);
