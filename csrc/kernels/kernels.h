// One instruction set's kernels behind plain functions.
#pragma once

#include "backward.h"
#include "engine.h"

namespace {

// One way of computing a call (forwards or backwards), in as many directions as it has.
template <class S, template <class> class Way> struct Ways {
    Layer<S> layer;
    Way<S> first, second;
    Barrier *barrier = nullptr;

    explicit Ways(const rennet_call &call) : layer(call), first(layer, 0), second(layer, 1) {}

    bool both() const { return layer.D == 2; }

    static void clear(Barrier *barrier, long threads) {
        std::memset(barrier->arrived, 0, threads * sizeof(barrier->arrived[0]));
        barrier->released.passed = 0;
    }

    // Two directions go side by side, each with its share of the threads.
    void run(long id, long count) {
        if (!both()) return first.run(Team{barrier_of(first), count, id});
        if (count == 1) {
            first.run(Team{barrier_of(first), 1, 0});
            second.run(Team{barrier_of(second), 1, 0});
            return;
        }
        const long half = count / 2;
        if (id < half)
            first.run(Team{barrier_of(first), half, id});
        else
            second.run(Team{barrier_of(second), count - half, id - half});
    }

    static Barrier *barrier_of(ForwardWay<S> &way) { return way.barrier; }
    static Barrier *barrier_of(BackwardWay<S> &way) { return way.past.barrier; }
};

template <class S> long measure_record(Ways<S, ForwardWay> &ways) {
    Memory memory{nullptr};
    ways.first.take_record(memory);
    if (ways.both()) ways.second.take_record(memory);
    return memory.used + 64;
}

// A caller's block, from the first boundary of a cache line on; NULL counts only.
inline Memory memory_at(void *block) { return Memory{block ? (char *)(((uintptr_t)block + 63) & ~(uintptr_t)63) : nullptr}; }

template <class S> long lay_out(Ways<S, ForwardWay> &ways, void *scratch, void *record) {
    Memory kept = memory_at(record);
    if (ways.layer.call.training) {
        ways.first.take_record(kept);
        if (ways.both()) ways.second.take_record(kept);
    }
    Memory memory = memory_at(scratch);
    ways.layer.take_order(memory);
    ways.first.take(memory);
    if (ways.both()) ways.second.take(memory);
    return memory.used + 64;
}

template <class S> long lay_out(Ways<S, BackwardWay> &ways, void *scratch, void *record) {
    Memory kept = memory_at(record);
    ways.first.past.take_record(kept);
    if (ways.both()) ways.second.past.take_record(kept);
    Memory memory = memory_at(scratch);
    ways.barrier = memory.take<Barrier>(1);
    ways.layer.take_order(memory);
    ways.first.take(memory);
    if (ways.both()) ways.second.take(memory);
    return memory.used + 64;
}

// Threads beyond the first must bring more than waking them costs.
template <class S> long threads_for(const Layer<S> &layer, long passes) {
    const long gates = layer.kind == LSTM ? 4 : layer.kind == GRU ? 3 : 1;
    const double products = (double)passes * layer.D * (double)layer.rows * gates * layer.H * (layer.I + layer.R);
    const double worth = products / 100000;
    return least(least(layer.call.threads, MOST_THREADS), worth < 1 ? 1 : worth < MOST_THREADS ? (long)worth : (long)MOST_THREADS);
}

template <class S> void measure(const rennet_call &call, rennet_sizes &sizes) {
    Ways<S, ForwardWay> forward(call);
    Ways<S, BackwardWay> backward(call);
    sizes.forward = lay_out(forward, nullptr, nullptr);
    sizes.backward = lay_out(backward, nullptr, nullptr);
    sizes.record = measure_record(forward);
}

template <class S> void run_forward(const rennet_call &call) {
    Ways<S, ForwardWay> ways(call);
    lay_out(ways, call.scratch, call.record);
    const long threads = threads_for(ways.layer, 1);
    ways.first.order(), ways.clear(ways.first.barrier, threads);
    if (ways.both()) ways.second.order(), ways.clear(ways.second.barrier, threads);
    run_together(threads, [](void *all, long id, long count) { ((Ways<S, ForwardWay> *)all)->run(id, count); }, &ways);
}

template <class S> void run_backward(const rennet_call &call) {
    Ways<S, BackwardWay> ways(call);
    lay_out(ways, call.scratch, call.record);
    const long threads = threads_for(ways.layer, 2);
    ways.clear(ways.barrier, threads);
    ways.first.order(), ways.clear(ways.first.past.barrier, threads);
    if (ways.both()) ways.second.order(), ways.clear(ways.second.past.barrier, threads);
    run_together(
        threads,
        [](void *all, long id, long count) {
            auto &ways = *(Ways<S, BackwardWay> *)all;
            ways.run(id, count);
            if (!ways.layer.call.d_data) return;
            // both directions give to the input: one after the other, each with everybody's help
            Team team{ways.barrier, count, id};
            team.wait();
            ways.first.of_input(team, false);
            if (!ways.both()) return;
            team.wait();
            ways.second.of_input(team, true);
        },
        &ways);
}

template <class Single, class Double> constexpr Engine engine_of(const char *name, bool (*usable)()) {
    return Engine{
        name,
        usable,
        [](const rennet_call &call, rennet_sizes &sizes) {
            call.element == RENNET_FLOAT32 ? measure<Single>(call, sizes) : measure<Double>(call, sizes);
        },
        [](const rennet_call &call) {
            call.element == RENNET_FLOAT32 ? run_forward<Single>(call) : run_forward<Double>(call);
        },
        [](const rennet_call &call) {
            call.element == RENNET_FLOAT32 ? run_backward<Single>(call) : run_backward<Double>(call);
        },
    };
}

}  // namespace
