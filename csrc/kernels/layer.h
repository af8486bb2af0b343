// What both directions of a call, and both ways of computing it, share: sizes, the order of rows, memory.
//
// Sequences are sorted by length, longest first, and only steps that exist are computed: "rows" are the steps of all
// sequences, step by step, each step's rows those of the sequences still alive. A direction that reads from the end is
// nothing but another table from rows to places in the tensors.
#pragma once

#include "../rennet.h"
#include "team.h"

namespace {

enum Kind { PLAIN, LSTM, GRU };

// Hands out parts of a block of memory; from NULL, it only counts.
struct Memory {
    char *base;
    long used = 0;

    template <class T> T *take(long count) {
        used = (used + 63) & ~63L;
        T *found = base ? (T *)(base + used) : nullptr;
        used += count * (long)sizeof(T);
        return found;
    }
};

template <class S> struct Layer {
    typedef typename S::T T;
    const rennet_call &call;
    Kind kind;
    long T_, B, I, H, R, D;
    long panels;      // of W units each, all gates; for a plain cell, of PITCH units
    long last_lanes;  // vectors in the last panel (a plain cell's may have fewer)
    long input_lanes, input_offset, hidden_lanes, hidden_offset;
    long width;   // of a row of hidden units before projection, padded to whole vectors
    long groups;  // panels of PITCH units that hold an output's R numbers
    long last_group_lanes;
    long rows;  // steps of all sequences
    bool pack_input, pack_hidden;

    // by rank, longest sequence first
    int64_t *sequence;  // [B] which sequence has this rank
    int64_t *length;    // [B] its length
    int64_t *alive;     // [T+1] how many sequences take step s
    int64_t *before;    // [T+1] the first row of step s

    explicit Layer(const rennet_call &call) : call(call) {
        kind = call.mode == RENNET_LSTM ? LSTM : call.mode == RENNET_GRU ? GRU : PLAIN;
        T_ = call.steps, B = call.batch, I = call.input_size, H = call.hidden_size, D = call.directions;
        R = call.projection_size ? call.projection_size : H;
        panels = divide_up(H, kind == PLAIN ? S::PITCH : S::W);
        last_lanes = kind == PLAIN ? divide_up(H - (panels - 1) * S::PITCH, S::W) : S::LANES;
        // a GRU's panel is n r z and the hidden part of n: the input has the first three, the hidden state the last
        input_lanes = hidden_lanes = kind == GRU ? 3 : S::LANES;
        input_offset = 0, hidden_offset = kind == GRU ? 1 : 0;
        width = divide_up(H, S::W) * S::W;
        groups = divide_up(R, S::PITCH);
        last_group_lanes = divide_up(R - (groups - 1) * S::PITCH, S::W);
        rows = T_ * B;
        if (call.lengths) {
            rows = 0;
            for (long b = 0; b < B; b++) rows += call.lengths[b];
        }
        // packing reads and writes each weight once, which a few rows do not pay for
        pack_input = rows >= 64;
        pack_hidden = rows >= 64 && B >= 4;
    }

    bool projects() const { return call.projection_size != 0; }
    long lanes_of(long panel) const { return panel == panels - 1 ? last_lanes : (long)S::LANES; }
    // units of one gate from this vector of a panel on
    long unit(long panel, long lane) const { return kind == PLAIN ? panel * S::PITCH + lane * S::W : panel * S::W; }
    // which block of H rows of a weight matrix makes this lane of the input's, or of the hidden state's, share
    long input_gate(long lane) const { return kind == GRU ? (lane + 2) % 3 : kind == PLAIN ? 0 : lane; }
    long hidden_gate(long lane) const { return kind == PLAIN ? 0 : lane; }

    void take_order(Memory &memory) {
        sequence = memory.take<int64_t>(B);
        length = memory.take<int64_t>(B);
        alive = memory.take<int64_t>(T_ + 1);
        before = memory.take<int64_t>(T_ + 1);
        if (!memory.base) return;
        if (!call.lengths) {
            for (long s = 0; s <= T_; s++) alive[s] = s < T_ ? B : 0, before[s] = s * B;
            for (long b = 0; b < B; b++) sequence[b] = b, length[b] = T_;
            return;
        }
        for (long s = 0; s <= T_; s++) alive[s] = 0;
        for (long b = 0; b < B; b++)
            if (call.lengths[b]) alive[call.lengths[b] - 1]++;
        for (long s = T_ - 1; s > 0; s--) alive[s - 1] += alive[s];
        // a sort by counting: alive[n] sequences are longer than n, so those of length n begin at that rank
        int64_t *next = before;
        for (long n = 0; n <= T_; n++) next[n] = alive[n];
        for (long b = 0; b < B; b++) {
            long rank = next[call.lengths[b]]++;
            sequence[rank] = b, length[rank] = call.lengths[b];
        }
        for (long s = 0, row = 0; s <= T_; row += alive[s++]) before[s] = row;
    }

    // The place in the tensors, counted in vectors of a step and sequence, of a sequence's step s.
    long place(long direction, long rank, long s) const {
        long t = direction ? length[rank] - 1 - s : s;
        return t * B + sequence[rank];
    }
};

// The part of a state [D, B, size] that is one sequence's.
template <class T> RENNET_INLINE T *state_of(T *all, long direction, long batch, long size, long sequence) {
    return all ? all + (direction * batch + sequence) * size : nullptr;
}

}  // namespace
