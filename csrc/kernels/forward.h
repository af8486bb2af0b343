// Forwards: the input's projection for many steps at once, then step by step the hidden state's, with everything that is
// done unit by unit fused to its end.
#pragma once

#include <initializer_list>

#include "activations.h"
#include "carry.h"
#include "pack.h"
#include "tile.h"

namespace {

template <class S> struct ForwardWay {
    typedef typename S::T T;
    typedef typename S::V V;

    const Layer<S> &layer;
    const rennet_direction &weights;
    long direction;
    long chunk;       // rows of which the gate buffer holds the gates
    T *gates;         // [panels][chunk][PITCH]: the input's share, then what it was squashed to
    T *cells;         // training: [panels][B + rows][W], the first B rows the begin states; else [panels][B][W]
    T *hidden;        // before projection: training [rows][width]; else [B][width]
    T *input_packed;  // [panels] of [strip][I][vectors * W]
    T *hidden_packed; // [panels] of [strip][R][vectors * W]
    T *project_packed;  // Strips of R columns, H terms
    T *bias;          // [panels][PITCH]
    T *hidden_bias;   // a GRU's n: [panels][W]
    int64_t *place;   // [rows]
    Barrier *barrier;
    Carry<S> carry;

    ForwardWay(const Layer<S> &layer, long direction)
        : layer(layer), weights(layer.call.way[direction]), direction(direction), carry{layer, direction} {}

    void take_record(Memory &memory) {
        gates = memory.take<T>(layer.panels * layer.rows * S::PITCH);
        if (layer.kind == LSTM) cells = memory.take<T>(layer.panels * (layer.B + layer.rows) * S::W);
        if (layer.projects()) hidden = memory.take<T>(layer.rows * layer.width);
    }

    void take(Memory &memory) {
        const long P = layer.panels;
        barrier = memory.take<Barrier>(1);
        place = memory.take<int64_t>(layer.rows);
        chunk = layer.call.training ? layer.rows : least(layer.rows, layer.B * (layer.B > 384 ? 1 : 384 / layer.B));
        if (!layer.call.training) {
            gates = memory.take<T>(P * chunk * S::PITCH);
            if (layer.kind == LSTM) cells = memory.take<T>(P * layer.B * S::W);
            if (layer.projects()) hidden = memory.take<T>(layer.B * layer.width);
        }
        bias = memory.take<T>(P * S::PITCH);
        hidden_bias = memory.take<T>(layer.kind == GRU ? P * S::W : 0);
        input_packed = memory.take<T>(layer.pack_input ? P * layer.input_lanes * S::W * layer.I : 0);
        hidden_packed = memory.take<T>(layer.pack_hidden ? P * layer.hidden_lanes * S::W * layer.R : 0);
        project_packed = memory.take<T>(layer.projects() && layer.pack_hidden ? project_strips().size(layer.H) : 0);
    }

    Strips<S> project_strips() const { return Strips<S>{layer.R, S::GATE_VECTORS}; }

    void order() {
        for (long s = 0; s < layer.T_; s++)
            for (long j = 0; j < layer.alive[s]; j++) place[layer.before[s] + j] = layer.place(direction, j, s);
    }

    // -- where things stand

    const T *data_row(long row) const { return (const T *)layer.call.data + place[row] * layer.I; }
    T *output_row(long row) const {
        return (T *)layer.call.output + place[row] * layer.D * layer.R + direction * layer.R;
    }
    T *carried_row(long row) const {  // the hidden state that the row's step hands on
        return (T *)(carry.differs() ? layer.call.carried : layer.call.output) + place[row] * layer.D * layer.R +
               direction * layer.R;
    }
    T *hidden_row(long s, long j) const {
        return hidden + (layer.call.training ? layer.before[s] + j : j) * layer.width;
    }
    const T *begin_row(long j) const {
        return state_of((const T *)layer.call.h0, direction, layer.B, layer.R, layer.sequence[j]);
    }
    const T *previous_row(long s, long j) const { return s ? carried_row(layer.before[s - 1] + j) : begin_row(j); }
    T *gate_row(long panel, long row, long first) const { return gates + (panel * chunk + row - first) * S::PITCH; }
    T *cell_row(long panel, long s, long j) const {  // after step s; s = -1: the begin state
        if (!layer.call.training) return cells + (panel * layer.B + j) * S::W;
        long row = s < 0 ? j : layer.B + layer.before[s] + j;
        return cells + (panel * (layer.B + layer.rows) + row) * S::W;
    }

    // -- preparation

    void pack_panel(long p) {
        const long H = layer.H;
        const T *i2h = (const T *)weights.i2h_bias, *h2h = (const T *)weights.h2h_bias;
        for (long v = 0; v < layer.lanes_of(p); v++) {
            long count = H - layer.unit(p, v);
            for (long u = 0; u < S::W; u++) {
                T sum = 0;
                if (u < count) {
                    long at = layer.unit(p, v) + u;
                    if (v < layer.input_lanes) sum = i2h[layer.input_gate(v) * H + at];
                    if (layer.kind == GRU) {
                        if (v == 3) hidden_bias[p * S::W + u] = h2h[2 * H + at];
                        if (v == 1 || v == 2) sum += h2h[(v - 1) * H + at];
                    } else {
                        sum += h2h[layer.hidden_gate(v) * H + at];
                    }
                } else if (layer.kind == GRU && v == 3) {
                    hidden_bias[p * S::W + u] = 0;
                }
                bias[p * S::PITCH + v * S::W + u] = sum;
            }
        }
        if (layer.pack_input)
            pack_gates(p, layer.input_lanes, true, (const T *)weights.i2h_weight, layer.I, input_packed);
        if (layer.pack_hidden)
            pack_gates(p, layer.hidden_lanes, false, (const T *)weights.h2h_weight, layer.R, hidden_packed);
    }

    long strip_vectors() const { return layer.kind == GRU ? (long)S::GRU_VECTORS : (long)S::GATE_VECTORS; }

    void pack_gates(long p, long lanes, bool of_input, const T *from, long terms, T *packed) {
        Strips<S> strips{least(lanes, layer.kind == PLAIN ? layer.lanes_of(p) : lanes) * S::W, strip_vectors()};
        T *panel = packed + p * lanes * S::W * terms;
        for (long v = 0; v * S::W < strips.columns; v++) {
            long gate = of_input ? layer.input_gate(v) : layer.hidden_gate(v);
            long unit = layer.unit(p, v), q = v / strips.most;
            T *to = strips.strip(panel, q, terms) + (v % strips.most) * S::W;
            pack_lane<S>(from + (gate * layer.H + unit) * terms, layer.H - unit, terms, to, strips.vectors(q) * S::W);
        }
    }

    void pack_projection(long lane) {
        Strips<S> strips = project_strips();
        long q = lane / strips.most;
        T *to = strips.strip(project_packed, q, layer.H) + (lane % strips.most) * S::W;
        const T *from = (const T *)weights.h2r_weight + lane * S::W * layer.H;
        pack_lane<S>(from, layer.R - lane * S::W, layer.H, to, strips.vectors(q) * S::W);
    }

    void prepare(Team &team) {
        long first, last;
        team.share(layer.panels, first, last);
        for (long p = first; p < last; p++) {
            pack_panel(p);
            if (layer.kind != LSTM) continue;
            for (long j = 0; j < layer.B; j++) {
                const T *from = state_of((const T *)layer.call.c0, direction, layer.B, layer.H, layer.sequence[j]);
                store<S>(cell_row(p, -1, j), load_part<S>(from + p * S::W, layer.H - p * S::W));
            }
        }
        if (layer.projects() && layer.pack_hidden) {
            team.share(divide_up(layer.R, S::W), first, last);
            for (long lane = first; lane < last; lane++) pack_projection(lane);
        }
        if (!layer.call.lengths) return;
        team.share(layer.B, first, last);
        for (long b = first; b < last; b++)
            for (long t = layer.call.lengths[b]; t < layer.T_; t++)
                for (void *all : {layer.call.output, carry.differs() ? layer.call.carried : nullptr})
                    if (all)
                        std::memset((T *)all + (t * layer.B + b) * layer.D * layer.R + direction * layer.R, 0,
                                    layer.R * sizeof(T));
    }

    // -- the input's projection of rows [first, last)

    void project_input(Team &team, long first, long last) {
        constexpr long BLOCK = 96;
        const long P = layer.panels;
        if (!layer.pack_input) {
            long p0, p1;
            team.share(P, p0, p1);
            for (long p = p0; p < p1; p++) {
                for (long row = first; row < last; row++)
                    std::memcpy(gate_row(p, row, first), bias + p * S::PITCH, S::PITCH * sizeof(T));
                add_unpacked(p, layer.input_lanes, true, (const T *)weights.i2h_weight, layer.I, last - first,
                             gate_row(p, first, first), [&](long j) { return data_row(first + j); });
            }
            return;
        }
        long u0, u1;
        team.share(divide_up(last - first, BLOCK) * P, u0, u1);
        for (long u = u0; u < u1; u++) {
            long p = u % P, row = first + u / P * BLOCK;
            project_block(p, row, least(last, row + BLOCK), first);
        }
    }

    void project_block(long p, long row0, long row1, long first) {
        if (layer.kind == GRU)
            project_strips_of<S::GRU_ROWS, S::GRU_VECTORS, true>(p, row0, row1, first);
        else
            project_strips_of<S::GATE_ROWS, S::GATE_VECTORS, false>(p, row0, row1, first);
    }

    template <int ROWS, int VECTORS, bool WHOLE> void project_strips_of(long p, long row0, long row1, long first) {
        const long lanes = least(layer.input_lanes, layer.lanes_of(p));
        Strips<S> strips{lanes * S::W, VECTORS};
        const T *panel = input_packed + p * layer.input_lanes * S::W * layer.I;
        Tiling<ROWS> tiles(row1 - row0);
        for (long q = 0; q < strips.count(); q++) {
            const T *right = strips.strip(panel, q, layer.I);
            const T *start = bias + p * S::PITCH + q * VECTORS * S::W;
            with_most<VECTORS, WHOLE>(strips.vectors(q), [&](auto vectors) {
                constexpr int N = decltype(vectors)::value;
                for (long i = 0; i < tiles.count; i++) {
                    long row = row0 + tiles.start(i);
                    with_constant<ROWS>(row0 + tiles.start(i + 1) - row, [&](auto rows) {
                        constexpr int M = decltype(rows)::value;
                        Pointers<S, M> left;
                        for (int r = 0; r < M; r++) left.row[r] = data_row(row + r);
                        T *out = gate_row(p, row, first) + q * VECTORS * S::W;
                        for (int r = 0; r < M; r++) std::memcpy(out + r * S::PITCH, start, N * S::W * sizeof(T));
                        multiply_into<S, M, N>(out, S::PITCH, left, right, layer.I);
                    });
                }
            });
        }
    }

    // out[j][lane * W + u] += row(j) times the weights of that unit, for `count` rows
    template <class Row>
    void add_unpacked(long p, long lanes, bool of_input, const T *from, long terms, long count, T *out, Row row) {
        constexpr int C = S::DOT_COLUMNS;
        lanes = layer.kind == PLAIN ? layer.lanes_of(p) : lanes;
        const long offset = of_input ? layer.input_offset : layer.hidden_offset;
        for (long v = 0; v < lanes; v++) {
            long gate = of_input ? layer.input_gate(v) : layer.hidden_gate(v), unit = layer.unit(p, v);
            long units = least(S::W, layer.H - unit);
            for (long u = 0; u < units; u += C) {
                const T *w[C];
                for (int c = 0; c < C; c++) w[c] = from + (gate * layer.H + unit + least(u + c, units - 1)) * terms;
                T *to = out + (offset + v) * S::W + u;
                long columns = least(C, units - u);
                for (long j = 0; j < count; j += S::DOT_ROWS)
                    with_constant<S::DOT_ROWS>(least(S::DOT_ROWS, count - j), [&](auto rows) {
                        constexpr int M = decltype(rows)::value;
                        const T *a[M];
                        for (int r = 0; r < M; r++) a[r] = row(j + r);
                        T sums[M][C];
                        dot<S, M, C>(a, w, terms, sums);
                        for (int r = 0; r < M; r++)
                            for (long c = 0; c < columns; c++) to[(j + r) * S::PITCH + c] += sums[r][c];
                    });
            }
        }
    }

    // -- one step

    template <Kind KIND> void step(Team &team, long s, long first) {
        const long alive = layer.alive[s], P = layer.panels;
        long u0, u1;
        if (!layer.pack_hidden) {
            team.share(P, u0, u1);
            for (long p = u0; p < u1; p++) step_unpacked<KIND>(p, s, first);
            return;
        }
        constexpr int ROWS = KIND == GRU ? S::GRU_ROWS : S::GATE_ROWS;
        Tiling<ROWS> tiles(alive);
        team.share(P * tiles.count, u0, u1);
        while (u0 < u1) {
            long p = u0 / tiles.count, from = u0 % tiles.count, to = least(tiles.count, from + u1 - u0);
            step_packed<KIND>(p, s, first, tiles, from, to);
            u0 += to - from;
        }
    }

    template <Kind KIND>
    void step_packed(long p, long s, long first, const Tiling<(KIND == GRU ? S::GRU_ROWS : S::GATE_ROWS)> &tiles,
                     long from, long to) {
        constexpr int ROWS = KIND == GRU ? S::GRU_ROWS : S::GATE_ROWS;
        constexpr int VECTORS = KIND == GRU ? S::GRU_VECTORS : S::GATE_VECTORS;
        Strips<S> strips{least(layer.hidden_lanes, layer.lanes_of(p)) * S::W, VECTORS};
        const T *panel = hidden_packed + p * layer.hidden_lanes * S::W * layer.R;
        T *gate = gate_row(p, layer.before[s], first);
        start_hidden<KIND>(gate, p, tiles.start(from), tiles.start(to));
        for (long q = 0; q < strips.count(); q++) {
            const T *right = strips.strip(panel, q, layer.R);
            with_most<VECTORS, KIND != PLAIN>(strips.vectors(q), [&](auto vectors) {
                constexpr int N = decltype(vectors)::value;
                for (long i = from; i < to; i++) {
                    const long j = tiles.start(i);
                    with_constant<ROWS>(tiles.start(i + 1) - j, [&](auto rows) {
                        constexpr int M = decltype(rows)::value;
                        Pointers<S, M> left;
                        for (int r = 0; r < M; r++) left.row[r] = previous_row(s, j + r);
                        T *sums = gate + j * S::PITCH + (layer.hidden_offset + q * VECTORS) * S::W;
                        multiply_into<S, M, N>(sums, S::PITCH, left, right, layer.R);
                        // the last strip: the panel's sums are complete
                        if (q == strips.count() - 1) finish<KIND>(gate, p, s, j, M);
                    });
                }
            });
        }
    }

    template <Kind KIND> void step_unpacked(long p, long s, long first) {
        constexpr int ROWS = S::GRU_ROWS;
        const long alive = layer.alive[s];
        T *gate = gate_row(p, layer.before[s], first);
        start_hidden<KIND>(gate, p, 0, alive);
        add_unpacked(p, layer.hidden_lanes, false, (const T *)weights.h2h_weight, layer.R, alive, gate,
                     [&](long j) { return previous_row(s, j); });
        for (long j = 0; j < alive; j += ROWS) finish<KIND>(gate, p, s, j, (int)least(ROWS, alive - j));
    }

    // A GRU's hidden part of n stands apart from the input's, which has its own bias already.
    template <Kind KIND> RENNET_INLINE void start_hidden(T *gate, long p, long j0, long j1) {
        if (KIND == GRU)
            for (long j = j0; j < j1; j++)
                std::memcpy(gate + j * S::PITCH + 3 * S::W, hidden_bias + p * S::W, S::W * sizeof(T));
    }

    // What a panel's sums become. In two passes, since what is squashed twice is a chain too long to overlap with the next
    // row's.
    template <Kind KIND> __attribute__((noinline)) void finish(T *gate, long p, long s, long j, int rows) {
        gate += j * S::PITCH;
        if constexpr (KIND == PLAIN) {
            for (int r = 0; r < rows; r++)
                for (long v = 0; v < layer.lanes_of(p); v++)
                    activate_plain(load<S>(gate + r * S::PITCH + v * S::W), p, v, s, j + r);
        } else {
            Half half[S::GATE_ROWS < S::GRU_ROWS ? S::GRU_ROWS : S::GATE_ROWS];
            for (int r = 0; r < rows; r++) {
                T *sums = gate + r * S::PITCH;
                if constexpr (KIND == LSTM)
                    half[r] = begin_lstm(load<S>(sums), load<S>(sums + S::W), load<S>(sums + 2 * S::W),
                                         load<S>(sums + 3 * S::W), sums, p, s, j + r);
                else
                    half[r] = begin_gru(load<S>(sums + S::W), load<S>(sums + 2 * S::W), load<S>(sums + 3 * S::W), sums);
            }
            for (int r = 0; r < rows; r++) end<KIND>(half[r], gate + r * S::PITCH, p, s, j + r);
        }
    }

    // What is left of a row's gates after their first squashing.
    struct Half {
        V squash, factor;
    };

    RENNET_INLINE void put_output(V h, long unit, long s, long j) {
        if (layer.projects())
            store<S>(hidden_row(s, j) + unit, h);
        else
            put_state(h, unit, layer.H - unit, s, j);
    }

    // Of a step's output, and of what it hands on, the `count` numbers from a column on.
    RENNET_INLINE void put_state(V h, long column, long count, long s, long j) {
        const long row = layer.before[s] + j;
        store_part<S>(output_row(row) + column, h, count);
        if (carry.differs()) hand_on(h, column, count, s, j);
    }

    __attribute__((noinline)) void hand_on(V h, long column, long count, long s, long j) {
        if (carry.drops())
            h *= carry.drop_h(j, column);
        else
            h = carry.mixed(carry.keep_h(s, j, column), h, load_part<S>(previous_row(s, j) + column, count));
        store_part<S>(carried_row(layer.before[s] + j) + column, h, count);
    }

    RENNET_INLINE V clipped(V c) const {
        if (!layer.call.clip) return c;
        const T low = (T)layer.call.clip_low, high = (T)layer.call.clip_high;
        if (layer.call.clip == RENNET_CLIP_NAN) c = c == c ? c : all<S>(high);
        return within<S>(c, low, high);
    }

    RENNET_INLINE Half begin_lstm(V i, V f, V g, V o, T *gate, long p, long s, long j) {
        i = sigmoid<S>(i), f = sigmoid<S>(f), g = hyperbolic_tangent<S>(g), o = sigmoid<S>(o);
        V before = load<S>(cell_row(p, s - 1, j)), c = clipped(f * before + i * g);
        store<S>(cell_row(p, s, j), layer.call.keep_c ? carry.mixed(carry.keep_c(s, j, p * S::W), c, before) : c);
        if (layer.call.training) {
            store<S>(gate, i), store<S>(gate + S::W, f);
            store<S>(gate + 2 * S::W, g), store<S>(gate + 3 * S::W, o);
        }
        return Half{c, o};
    }

    RENNET_INLINE Half begin_gru(V r, V z, V hidden_n, T *gate) {
        r = sigmoid<S>(r), z = sigmoid<S>(z);
        V n = load<S>(gate) + r * hidden_n;
        if (layer.call.training) {
            store<S>(gate + S::W, r), store<S>(gate + 2 * S::W, z), store<S>(gate + 3 * S::W, hidden_n);
        }
        return Half{n, z};
    }

    template <Kind KIND> RENNET_INLINE void end(const Half &half, T *gate, long p, long s, long j) {
        V squashed = hyperbolic_tangent<S>(half.squash);
        if constexpr (KIND == LSTM) {
            put_output(half.factor * squashed, p * S::W, s, j);
        } else {
            V before = load_part<S>(previous_row(s, j) + p * S::W, layer.H - p * S::W);
            put_output((1 - half.factor) * squashed + half.factor * before, p * S::W, s, j);
            if (layer.call.training) store<S>(gate, squashed);
        }
    }

    RENNET_INLINE void activate_plain(V sum, long p, long lane, long s, long j) {
        V h = layer.call.mode == RENNET_RNN_TANH ? hyperbolic_tangent<S>(sum) : (sum < 0 ? V{} : sum);
        put_output(h, layer.unit(p, lane), s, j);
    }

    // -- an LSTM's projection of one step

    void project(Team &team, long s) {
        const long alive = layer.alive[s], H = layer.H;
        long u0, u1;
        if (!layer.pack_hidden) {
            constexpr int C = S::DOT_COLUMNS;
            team.share(divide_up(layer.R, C), u0, u1);
            for (long u = u0; u < u1; u++) {
                const T *w[C];
                for (int c = 0; c < C; c++)
                    w[c] = (const T *)weights.h2r_weight + least(u * C + c, layer.R - 1) * H;
                for (long j = 0; j < alive; j++) {
                    const T *a[1] = {hidden_row(s, j)};
                    T sums[1][C];
                    dot<S, 1, C>(a, w, H, sums);
                    const long count = least(C, layer.R - u * C);
                    for (long c = 0; c < count; c += S::W)
                        put_state(load_part<S>(sums[0] + c, count - c), u * C + c, count - c, s, j);
                }
            }
            return;
        }
        Strips<S> strips = project_strips();
        Tiling<S::GATE_ROWS> tiles(alive);
        team.share(strips.count() * tiles.count, u0, u1);
        for (long u = u0; u < u1; u++) {
            long q = u / tiles.count, j = tiles.start(u % tiles.count), first = q * strips.most * S::W;
            with_constant<S::GATE_VECTORS>(strips.vectors(q), [&](auto vectors) {
                constexpr int N = decltype(vectors)::value;
                with_constant<S::GATE_ROWS>(tiles.start(u % tiles.count + 1) - j, [&](auto rows) {
                    constexpr int M = decltype(rows)::value;
                    Pointers<S, M> left;
                    for (int r = 0; r < M; r++) left.row[r] = hidden_row(s, j + r);
                    alignas(64) T sums[M * N * S::W] = {};
                    multiply_into<S, M, N>(sums, N * S::W, left, strips.strip(project_packed, q, H), H);
                    for (int r = 0; r < M; r++)
                        for (int v = 0; v < N; v++)
                            put_state(load<S>(sums + (r * N + v) * S::W), first + v * S::W, layer.R - first - v * S::W, s, j + r);
                });
            });
        }
    }

    // -- the whole

    void finals(Team &team) {
        long first, last;
        team.share(layer.B, first, last);
        for (long j = first; j < last; j++) {
            long steps = layer.length[j], b = layer.sequence[j];
            const T *h = !steps ? begin_row(j)
                         : carry.holds() ? carried_row(layer.before[steps - 1] + j)
                                         : output_row(layer.before[steps - 1] + j);
            std::memcpy(state_of((T *)layer.call.hn, direction, layer.B, layer.R, b), h, layer.R * sizeof(T));
            if (layer.kind != LSTM) continue;
            T *c = state_of((T *)layer.call.cn, direction, layer.B, layer.H, b);
            for (long p = 0; p < layer.panels; p++)
                store_part<S>(c + p * S::W, load<S>(cell_row(p, steps - 1, j)), layer.H - p * S::W);
        }
    }

    template <Kind KIND> void run_as(Team &team) {
        prepare(team);
        team.wait();
        for (long s = 0; s < layer.T_ && layer.alive[s];) {
            long end = s, first = layer.before[s];
            while (end < layer.T_ && layer.alive[end] && layer.before[end] + layer.alive[end] - first <= chunk) end++;
            project_input(team, first, layer.before[end - 1] + layer.alive[end - 1]);
            team.wait();
            for (; s < end; s++) {
                step<KIND>(team, s, first);
                team.wait();
                if (!layer.projects()) continue;
                project(team, s);
                team.wait();
            }
        }
        finals(team);
    }

    void run(Team team) {
        switch (layer.kind) {
            case LSTM: return run_as<LSTM>(team);
            case GRU: return run_as<GRU>(team);
            case PLAIN: return run_as<PLAIN>(team);
        }
    }
};

}  // namespace
