// The threads that work on one call, or on one direction of it, and where they wait for each other.
#pragma once

#include <sched.h>

#include "vector.h"

namespace {

enum { MOST_THREADS = 256 };

// One counter for each thread, each in a cache line of its own, and one by which the first releases the others.
struct Barrier {
    struct alignas(64) Counter {
        long passed;
    };
    Counter arrived[MOST_THREADS];
    Counter released;
};

RENNET_INLINE void rest_a_little() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

inline void wait_for(const long *counter, long passed) {
    long spins = 0;
    while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) < passed) {
        rest_a_little();
        // the other one may be waiting for this very core
        if (++spins > 4096) sched_yield();
    }
}

struct Team {
    Barrier *barrier;
    long count, id;
    long passed = 0;

    void wait() {
        if (count == 1) return;
        passed++;
        __atomic_store_n(&barrier->arrived[id].passed, passed, __ATOMIC_RELEASE);
        if (count <= 4) {
            for (long other = 0; other < count; other++)
                if (other != id) wait_for(&barrier->arrived[other].passed, passed);
        } else if (id == 0) {
            for (long other = 1; other < count; other++) wait_for(&barrier->arrived[other].passed, passed);
            __atomic_store_n(&barrier->released.passed, passed, __ATOMIC_RELEASE);
        } else {
            wait_for(&barrier->released.passed, passed);
        }
    }

    // This thread's share of `units` pieces of work: [first, last).
    void share(long units, long &first, long &last) const {
        first = units * id / count;
        last = units * (id + 1) / count;
    }
};

}  // namespace
