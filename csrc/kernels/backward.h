// Backwards: step by step the gradients of the gates, which take the place of the gates in the record; then, from all of
// them at once, those of the input, the weights and the biases.
#pragma once

#include "forward.h"
#include "outer.h"

namespace {

template <class S> struct BackwardWay {
    typedef typename S::T T;
    typedef typename S::V V;

    const Layer<S> &layer;
    const rennet_direction &weights;
    ForwardWay<S> past;  // where the record and the tensors stand
    long direction;
    T *hidden_packed;   // h2h_weight: Strips of R columns, panels * terms() terms
    T *input_packed;    // i2h_weight: Strips of I columns
    T *project_packed;  // h2r_weight: Strips of H columns, R terms
    T *sums;            // what is known of the gradient of a step's state between blocks of terms: [B][width of R]
    T *d_cell;          // [panels][B][W]
    T *d_carried;       // a GRU's gradient that goes past the gates: [panels][B][W]
    T *d_held;          // the gradient of what a step did not change of the hidden state it was handed: [B][width of R]
    T *d_projected;     // gradients of the outputs, as panels: [groups][rows][PITCH]
    T *columns;         // packed rows of data, hidden states and outputs before projection, for weight gradients
    const T **previous;  // [rows] the state before each row

    BackwardWay(const Layer<S> &layer, long direction)
        : layer(layer), weights(layer.call.way[direction]), past(layer, direction), direction(direction) {}

    long lanes() const { return layer.kind == GRU ? 3 : S::LANES; }
    long terms() const { return lanes() * S::W; }
    long terms_of(long panel) const { return layer.kind == PLAIN ? layer.lanes_of(panel) * S::W : terms(); }
    long padded(long columns) const { return divide_up(columns, S::W) * S::W; }
    Strips<S> state_strips() const { return Strips<S>{layer.R, S::GATE_VECTORS}; }
    Strips<S> input_strips() const { return Strips<S>{layer.I, S::GATE_VECTORS}; }
    Strips<S> project_strips() const { return Strips<S>{layer.H, S::GATE_VECTORS}; }

    void take(Memory &memory) {
        const long P = layer.panels, B = layer.B;
        past.barrier = memory.take<Barrier>(1);
        past.place = memory.take<int64_t>(layer.rows);
        past.chunk = layer.rows;
        previous = memory.take<const T *>(layer.rows);
        hidden_packed = memory.take<T>(state_strips().size(P * terms()));
        input_packed = memory.take<T>(layer.call.d_data ? input_strips().size(P * terms()) : 0);
        sums = memory.take<T>(B * padded(layer.R));
        d_cell = memory.take<T>(layer.kind == LSTM ? P * B * S::W : 0);
        d_carried = memory.take<T>(layer.kind == GRU ? P * B * S::W : 0);
        d_held = memory.take<T>(past.carry.holds() ? B * padded(layer.R) : 0);
        project_packed = memory.take<T>(layer.projects() ? project_strips().size(layer.R) : 0);
        d_projected = memory.take<T>(layer.projects() ? layer.groups * layer.rows * S::PITCH : 0);
        columns = memory.take<T>(S::OUTER * (padded(layer.I) + padded(layer.R) + (layer.projects() ? layer.width : 0)));
    }

    void order() {
        past.order();
        for (long s = 0; s < layer.T_; s++)
            for (long j = 0; j < layer.alive[s]; j++) previous[layer.before[s] + j] = past.previous_row(s, j);
    }

    // -- preparation

    void prepare(Team &team) {
        const long P = layer.panels, H = layer.H, all_terms = P * terms();
        long first, last;
        team.share(P, first, last);
        for (long p = first; p < last; p++)
            for (long v = 0; v < lanes(); v++)
                for (long u = 0; u < S::W; u++) {
                    const long at = layer.unit(p, v) + u, term = p * terms() + v * S::W + u;
                    pack(weights.h2h_weight, at, layer.hidden_gate(v), layer.R, state_strips(), all_terms, term,
                         hidden_packed);
                    if (layer.call.d_data)
                        pack(weights.i2h_weight, at, layer.input_gate(v), layer.I, input_strips(), all_terms, term,
                             input_packed);
                }
        if (layer.projects()) {
            team.share(layer.R, first, last);
            for (long r = first; r < last; r++)
                pack_row<S>((const T *)weights.h2r_weight + r * H, project_strips(), layer.R, r, project_packed);
        }
        if (!layer.call.lengths || !layer.call.d_data || direction) return;
        team.share(layer.B, first, last);
        for (long b = first; b < last; b++)
            for (long t = layer.call.lengths[b]; t < layer.T_; t++)
                std::memset((T *)layer.call.d_data + (t * layer.B + b) * layer.I, 0, layer.I * sizeof(T));
    }

    void pack(const void *from, long unit, long gate, long columns, const Strips<S> &strips, long all, long term, T *to) {
        const T *row = unit < layer.H ? (const T *)from + (gate * layer.H + unit) * columns : nullptr;
        pack_row<S>(row, strips, all, term, to);
    }

    // -- one step: the gradient of its outputs, then of its gates

    // What comes from outside for `columns` numbers of a step's output.
    RENNET_INLINE V d_output(long s, long j, long column) const { return head(layer.call.d_output, s, j, column); }

    RENNET_INLINE V head(const void *all, long s, long j, long column) const {
        if (!all) return V{};
        const T *from = (const T *)all + past.place[layer.before[s] + j] * layer.D * layer.R +
                        direction * layer.R + column;
        return load_part<S>(from, layer.R - column);
    }

    RENNET_INLINE V d_final(const void *all, long size, long j, long column) const {
        const T *from = state_of((const T *)all, direction, layer.B, size, layer.sequence[j]);
        return from ? load_part<S>(from + column, size - column) : V{};
    }

    bool is_last(long s, long j) const { return j >= layer.alive[s + 1]; }

    template <Kind KIND> void step(Team &team, long s) {
        const long alive = layer.alive[s], going_on = layer.alive[s + 1];
        long u0, u1;
        // sequences that end with this step are one piece of work more for each strip
        Tiling<S::GATE_ROWS> tiles(going_on);
        const long each = tiles.count + (alive > going_on);
        team.share(state_strips().count() * each, u0, u1);
        while (u0 < u1) {
            long q = u0 / each, from = u0 % each, to = least(each, from + u1 - u0);
            if (to > tiles.count) step_ends<KIND>(q, s, going_on, alive);
            products(q, s + 1, tiles, from, least(to, tiles.count), &BackwardWay::of_outputs<KIND>);
            u0 += to - from;
        }
    }

    template <Kind KIND> void step_ends(long q, long s, long j0, long j1) {
        for (long j = j0; j < j1; j++)
            for (long v = 0; v < state_strips().vectors(q); v++) {
                long column = (q * S::GATE_VECTORS + v) * S::W;
                of_output<KIND>(d_final(layer.call.d_hn, layer.R, j, column), s, j, column);
            }
    }

    // What is done with finished sums [rows][vectors * W], the gradients that a step's outputs have from later ones.
    typedef void (BackwardWay::*Then)(const T *sums, int rows, int vectors, long step, long rank, long column);

    // The gates' gradients of step `s` times the recurrent weights.
    void products(long q, long s, const Tiling<S::GATE_ROWS> &tiles, long from, long to, Then then) {
        constexpr int VECTORS = S::GATE_VECTORS;
        const long P = layer.panels, terms = this->terms(), block = S::INNER / terms < 1 ? 1 : S::INNER / terms;
        const long pitch = padded(layer.R);
        const T *right = state_strips().strip(hidden_packed, q, P * terms);
        with_constant<VECTORS>(state_strips().vectors(q), [&](auto vectors) {
            constexpr int N = decltype(vectors)::value;
            for (long p0 = 0; p0 < P; p0 += block) {
                const long p1 = least(P, p0 + block);
                for (long i = from; i < to; i++) {
                    const long j = tiles.start(i);
                    with_constant<S::GATE_ROWS>(tiles.start(i + 1) - j, [&](auto rows) {
                        constexpr int M = decltype(rows)::value;
                        T *known = sums + j * pitch + q * VECTORS * S::W;
                        alignas(64) T sums[M * N * S::W] = {};
                        if (p0)
                            for (int r = 0; r < M; r++)
                                std::memcpy(sums + r * N * S::W, known + r * pitch, N * S::W * sizeof(T));
                        if (p1 == P && s) foresee_step(q * VECTORS, N, s - 1, j, M);
                        multiply_panels<S, M, N>(
                            sums, past.gate_row(p0, layer.before[s] + j, 0) + layer.hidden_offset * S::W,
                            layer.rows * S::PITCH, right + p0 * terms * N * S::W, p1 - p0, terms, terms_of(p1 - 1));
                        if (p1 == P)
                            (this->*then)(sums, M, N, s - 1, j, q * VECTORS * S::W);
                        else
                            for (int r = 0; r < M; r++)
                                std::memcpy(known + r * pitch, sums + r * N * S::W, N * S::W * sizeof(T));
                    });
                }
            }
        });
    }

    // What the gradients of a step's gates will be made of comes from far away while the products are summed.
    RENNET_INLINE void foresee_step(long vector, int vectors, long s, long j, int rows) const {
        if (layer.kind == PLAIN) return;
        for (int v = 0; v < vectors; v++) {
            foresee<S>(past.gate_row(vector + v, layer.before[s] + j, 0), rows, S::PITCH, S::PITCH * sizeof(T));
            if (layer.kind == LSTM) foresee<S>(past.cell_row(vector + v, s - 1, j), rows, S::W, S::W * sizeof(T));
        }
    }

    // `d` is what later steps say of an output; what the step's own head says is added here.
    template <Kind KIND> RENNET_INLINE void of_output(V d, long s, long j, long column) {
        if (past.carry.differs()) d = of_carried(d, s, j, column);
        d += d_output(s, j, column);
        if (layer.projects())
            store<S>(projected_row(column / S::PITCH, layer.before[s] + j) + column % S::PITCH, d);
        else
            of_hidden<KIND>(d, s, j, column);
    }

    // From what later steps say of the state that was handed on to what that says of the step's output.
    __attribute__((noinline)) V of_carried(V d, long s, long j, long column) {
        if (!is_last(s, j) && layer.kind == GRU) d += load<S>(d_carried + (column / S::W * layer.B + j) * S::W);
        // the last state is the output itself where the others are dropped from
        if (past.carry.drops()) return is_last(s, j) ? d : d * past.carry.drop_h(j, column);
        T *held = d_held + j * padded(layer.R) + column;
        if (!is_last(s, j)) d += load<S>(held);
        d += head(layer.call.d_carried, s, j, column);
        const V keep = past.carry.keep_h(s, j, column);
        store<S>(held, (1 - keep) * d);
        return keep * d;
    }

    template <Kind KIND>
    __attribute__((noinline)) void of_outputs(const T *sums, int rows, int vectors, long s, long j, long column) {
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vectors; v++, sums += S::W) of_output<KIND>(load<S>(sums), s, j + r, column + v * S::W);
    }

    template <Kind KIND>
    __attribute__((noinline)) void of_hiddens(const T *sums, int rows, int vectors, long s, long j, long column) {
        for (int r = 0; r < rows; r++)
            for (int v = 0; v < vectors; v++, sums += S::W) of_hidden<KIND>(load<S>(sums), s, j + r, column + v * S::W);
    }

    T *projected_row(long group, long row) const { return d_projected + (group * layer.rows + row) * S::PITCH; }

    void project_back(Team &team, long s) {
        Strips<S> strips = project_strips();
        Tiling<S::GATE_ROWS> tiles(layer.alive[s]);
        long u0, u1;
        team.share(strips.count() * tiles.count, u0, u1);
        for (long u = u0; u < u1; u++) {
            const long q = u / tiles.count, j = tiles.start(u % tiles.count);
            const T *right = strips.strip(project_packed, q, layer.R);
            with_constant<S::GATE_VECTORS>(strips.vectors(q), [&](auto vectors) {
                constexpr int N = decltype(vectors)::value;
                with_constant<S::GATE_ROWS>(tiles.start(u % tiles.count + 1) - j, [&](auto rows) {
                    constexpr int M = decltype(rows)::value;
                    alignas(64) T sums[M * N * S::W] = {};
                    multiply_panels<S, M, N>(sums, projected_row(0, layer.before[s] + j), layer.rows * S::PITCH, right,
                                             layer.groups, S::PITCH, layer.R - (layer.groups - 1) * S::PITCH);
                    of_hiddens<LSTM>(sums, M, N, s, j, q * S::GATE_VECTORS * S::W);
                });
            });
        }
    }

    // From the gradient of hidden units (before projection) to that of their gates.
    template <Kind KIND> RENNET_INLINE void of_hidden(V d, long s, long j, long column) {
        const long row = layer.before[s] + j, p = column / (KIND == PLAIN ? S::PITCH : S::W);
        T *gate = past.gate_row(p, row, 0);
        if constexpr (KIND == LSTM)
            of_lstm(d, gate, p, s, j);
        else if constexpr (KIND == GRU)
            of_gru(d, gate, p, s, j);
        else
            of_plain(d, gate + column % S::PITCH, column, row);
    }

    RENNET_INLINE void of_lstm(V d, T *gate, long p, long s, long j) {
        T *carried = d_cell + (p * layer.B + j) * S::W;
        V i = load<S>(gate), f = load<S>(gate + S::W), g = load<S>(gate + 2 * S::W), o = load<S>(gate + 3 * S::W);
        V before = load<S>(past.cell_row(p, s - 1, j)), after = load<S>(past.cell_row(p, s, j)), held = V{};
        V dc = is_last(s, j) ? d_final(layer.call.d_cn, layer.H, j, p * S::W) : load<S>(carried);
        if (layer.call.keep_c) {
            const V keep = past.carry.keep_c(s, j, p * S::W);
            after = past.clipped(f * before + i * g);  // the record has what was handed on
            held = (1 - keep) * dc, dc *= keep;
        }
        V squashed = hyperbolic_tangent<S>(after), through = d * o;
        dc += through - through * squashed * squashed;
        V d_i = dc * g * (i - i * i), d_f = dc * before * (f - f * f), d_g = dc * (i - i * g * g), d_before = dc * f;
        if (layer.call.clip) {
            // no gradient passes where the state was clipped; selected, since zero times NaN is NaN
            V c = f * before + i * g;
            auto passes = (c >= (T)layer.call.clip_low) & (c <= (T)layer.call.clip_high);
            d_i = passes ? d_i : V{}, d_f = passes ? d_f : V{}, d_g = passes ? d_g : V{};
            d_before = passes ? d_before : V{};
        }
        store<S>(carried, d_before + held);
        store<S>(gate, d_i), store<S>(gate + S::W, d_f), store<S>(gate + 2 * S::W, d_g);
        store<S>(gate + 3 * S::W, d * squashed * (o - o * o));
    }

    RENNET_INLINE void of_gru(V d, T *gate, long p, long s, long j) {
        T *carried = d_carried + (p * layer.B + j) * S::W;
        if (!is_last(s, j) && !past.carry.differs()) d += load<S>(carried);
        V n = load<S>(gate), r = load<S>(gate + S::W), z = load<S>(gate + 2 * S::W), hidden_n = load<S>(gate + 3 * S::W);
        V before = load_part<S>(previous[layer.before[s] + j] + p * S::W, layer.H - p * S::W);
        V d_n = d * (1 - z) * (1 - n * n);
        store<S>(carried, d * z);
        store<S>(gate, d_n);
        store<S>(gate + S::W, d_n * hidden_n * (r - r * r));
        store<S>(gate + 2 * S::W, d * (before - n) * (z - z * z));
        store<S>(gate + 3 * S::W, d_n * r);
    }

    RENNET_INLINE void of_plain(V d, T *gate, long unit, long row) {
        V h = load_part<S>(past.output_row(row) + unit, layer.H - unit);
        store<S>(gate, layer.call.mode == RENNET_RNN_TANH ? d - d * h * h : (h <= 0 ? V{} : d));
    }

    // -- the begin states

    void begins(Team &team) {
        long u0, u1;
        if (layer.call.d_h0) {
            Tiling<S::GATE_ROWS> tiles(layer.alive[0]);
            team.share(state_strips().count(), u0, u1);
            for (long q = u0; q < u1; q++)
                products(q, 0, tiles, 0, tiles.count, &BackwardWay::of_begins);
        }
        team.share(layer.B, u0, u1);
        for (long j = u0; j < u1; j++) {
            const bool stepped = j < layer.alive[0];
            T *h = state_of((T *)layer.call.d_h0, direction, layer.B, layer.R, layer.sequence[j]);
            if (h && !stepped) pass_on(h, layer.call.d_hn, layer.R, j);
            T *c = state_of((T *)layer.call.d_c0, direction, layer.B, layer.H, layer.sequence[j]);
            if (c && !stepped) pass_on(c, layer.call.d_cn, layer.H, j);
            if (c && stepped)
                for (long p = 0; p < layer.panels; p++)
                    store_part<S>(c + p * S::W, load<S>(d_cell + (p * layer.B + j) * S::W), layer.H - p * S::W);
        }
    }

    void of_begins(const T *sums, int rows, int vectors, long, long j, long column) {
        for (int r = 0; r < rows; r++) {
            T *to = state_of((T *)layer.call.d_h0, direction, layer.B, layer.R, layer.sequence[j + r]);
            for (int v = 0; v < vectors; v++, sums += S::W) {
                const long at = column + v * S::W;
                V d = load<S>(sums);
                if (layer.kind == GRU) d += load<S>(d_carried + (at / S::W * layer.B + j + r) * S::W);
                if (past.carry.holds()) d += load<S>(d_held + (j + r) * padded(layer.R) + at);
                store_part<S>(to + at, d, layer.R - at);
            }
        }
    }

    void pass_on(T *to, const void *head, long size, long j) const {
        const T *from = state_of((const T *)head, direction, layer.B, size, layer.sequence[j]);
        if (from)
            std::memcpy(to, from, size * sizeof(T));
        else
            std::memset(to, 0, size * sizeof(T));
    }

    // -- the input

    // Adds to what is there if `adds`. A block of rows stays in the cache while all strips pass it.
    void of_input(Team &team, bool adds) {
        constexpr long BLOCK = 96;
        Strips<S> strips = input_strips();
        const long Q = strips.count(), P = layer.panels, terms = this->terms();
        const long step = S::INNER / terms < 1 ? 1 : S::INNER / terms;
        long u0, u1;
        team.share(divide_up(layer.rows, BLOCK) * Q, u0, u1);
        while (u0 < u1) {
            long row0 = u0 / Q * BLOCK, q0 = u0 % Q, q1 = least(Q, q0 + u1 - u0);
            Tiling<S::GATE_ROWS> tiles(least(BLOCK, layer.rows - row0));
            for (long p0 = 0; p0 < P; p0 += step)
                for (long q = q0; q < q1; q++) input_strip(strips, q, row0, tiles, p0, least(P, p0 + step), adds);
            u0 += q1 - q0;
        }
    }

    void input_strip(const Strips<S> &strips, long q, long row0, const Tiling<S::GATE_ROWS> &tiles, long p0, long p1,
                     bool adds) {
        const long terms = this->terms(), first = q * strips.most * S::W;
        const T *right = strips.strip(input_packed, q, layer.panels * terms);
        with_constant<S::GATE_VECTORS>(strips.vectors(q), [&](auto vectors) {
            constexpr int N = decltype(vectors)::value;
            for (long i = 0; i < tiles.count; i++) {
                const long row = row0 + tiles.start(i);
                with_constant<S::GATE_ROWS>(row0 + tiles.start(i + 1) - row, [&](auto rows) {
                    constexpr int M = decltype(rows)::value;
                    alignas(64) T sums[M * N * S::W] = {};
                    auto to = [&](int r, int v) {
                        return (T *)layer.call.d_data + past.place[row + r] * layer.I + first + v * S::W;
                    };
                    if (p0 || adds)
                        for (int r = 0; r < M; r++)
                            for (int v = 0; v < N; v++)
                                store<S>(sums + (r * N + v) * S::W,
                                         load_part<S>(to(r, v), layer.I - first - v * S::W));
                    multiply_panels<S, M, N>(sums, past.gate_row(p0, row, 0), layer.rows * S::PITCH,
                                             right + p0 * terms * N * S::W, p1 - p0, terms, terms_of(p1 - 1));
                    for (int r = 0; r < M; r++)
                        for (int v = 0; v < N; v++)
                            store_part<S>(to(r, v), load<S>(sums + (r * N + v) * S::W), layer.I - first - v * S::W);
                });
            }
        });
    }

    // -- the parameters

    void of_parameters(Team &team) {
        typedef Product<S> P;
        T *state_columns = columns + S::OUTER * padded(layer.I), *hidden_columns = state_columns + S::OUTER * padded(layer.R);
        const P products[] = {
            {(T *)weights.d_i2h_weight, past.gates, layer.panels, P::OF_INPUT, layer.I, columns},
            {(T *)weights.d_h2h_weight, past.gates, layer.panels, P::OF_HIDDEN, layer.R, state_columns},
            {(T *)weights.d_h2r_weight, d_projected, layer.groups, P::OF_OUTPUT, layer.H, hidden_columns},
        };
        Outer<S> outer{layer, past.gates, (T *)weights.d_i2h_bias, (T *)weights.d_h2h_bias};
        outer.run(team, products, layer.projects() ? 3 : 2, [&](int product, long row) {
            return product == 0 ? past.data_row(row)
                   : product == 1 ? previous[row]
                                  : (const T *)past.hidden + row * layer.width;
        });
    }

    template <Kind KIND> void run_as(Team &team) {
        prepare(team);
        team.wait();
        for (long s = layer.T_ - 1; s >= 0; s--) {
            if (!layer.alive[s]) continue;
            step<KIND>(team, s);
            team.wait();
            if (!layer.projects()) continue;
            project_back(team, s);
            team.wait();
        }
        begins(team);
        of_parameters(team);
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
