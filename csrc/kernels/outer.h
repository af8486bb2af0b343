// Gradients of weights and biases: sums over all rows of a gradient's numbers times a row of something else.
#pragma once

#include "forward.h"

namespace {

// result[n][columns] = sum over rows of left[row][n] * right(row)[columns]
template <class S> struct Product {
    typename S::T *result;  // NULL: not wanted
    const typename S::T *left;  // [panels][rows][PITCH]
    long panels;
    enum { OF_INPUT, OF_HIDDEN, OF_OUTPUT } of;  // how the left side's lanes are numbered
    long columns;
    typename S::T *packed;  // room for OUTER terms of all columns

    Strips<S> strips() const { return Strips<S>{columns, S::OUTER_VECTORS}; }
};

template <class S> struct Outer {
    typedef typename S::T T;
    typedef typename S::V V;
    typedef Product<S> P;

    const Layer<S> &layer;
    const T *gates;
    T *input_bias, *hidden_bias;  // their gradients, or NULL

    // What a lane of a product's panel is: rows of the result from `first`, of which `count` exist.
    void rows_of(const P &product, long p, long lane, long &first, long &count) const {
        if (product.of == P::OF_OUTPUT) {
            first = p * S::PITCH + lane * S::W, count = layer.R - first;
        } else {
            long unit = layer.unit(p, lane);
            long gate = product.of == P::OF_INPUT ? layer.input_gate(lane) : layer.hidden_gate(lane);
            first = gate * layer.H + unit, count = layer.H - unit;
        }
    }

    // Pieces [first row, first row + count) of the sums; right(product, row) is a pointer to a row of the right side.
    template <class Right> void run(Team &team, const P *products, int number, Right right) const {
        if (!layer.rows && team.id == 0) nothing(products, number);
        for (long row = 0; row < layer.rows; row += S::OUTER) {
            const long count = least(S::OUTER, layer.rows - row);
            long u0, u1;
            if (row) team.wait();
            team.share(count, u0, u1);
            for (int i = 0; i < number; i++)
                if (products[i].result)
                    for (long k = u0; k < u1; k++)
                        pack_row<S>(right(i, row + k), products[i].strips(), count, k, products[i].packed);
            team.wait();
            for (int i = 0; i < number; i++) {
                if (!products[i].result) continue;
                const long Q = products[i].strips().count();
                team.share(products[i].panels * Q, u0, u1);
                for (long u = u0; u < u1; u++) add(products[i], u / Q, u % Q, row, count);
            }
            team.share(layer.panels, u0, u1);
            for (long p = u0; p < u1; p++) add_biases(p, row, count);
        }
    }

    // A panel's lanes times a strip of the right side. The sums of all its tiles fit the first cache beside a block of terms.
    void add(const P &product, long p, long q, long row, long count) const {
        const Strips<S> strips = product.strips();
        const T *right = strips.strip(product.packed, q, count);
        const T *left = product.left + (p * layer.rows + row) * S::PITCH;
        const long offset = product.of == P::OF_HIDDEN ? layer.hidden_offset : 0;
        const long lanes = product.of == P::OF_OUTPUT ? (long)S::LANES : layer.kind == GRU ? 3 : layer.lanes_of(p);
        with_constant<S::OUTER_VECTORS>(strips.vectors(q), [&](auto vectors) {
            constexpr int N = decltype(vectors)::value;
            alignas(64) T sums[S::PITCH * N * S::W];
            for (long k = 0; k < count; k += S::OUTER_INNER) {
                const long terms = least(S::OUTER_INNER, count - k);
                for (long v = 0; v < lanes; v++) {
                    long first, units;
                    rows_of(product, p, v, first, units);
                    units = least(units, S::W);
                    for (long u = 0; u < units; u += S::OUTER_ROWS)
                        with_constant<S::OUTER_ROWS>(least(S::OUTER_ROWS, units - u), [&](auto rows) {
                            constexpr int M = decltype(rows)::value;
                            T *known = sums + (v * S::W + u) * N * S::W;
                            if (k == 0) std::memset(known, 0, M * N * S::W * sizeof(T));
                            AcrossPanel<S> across{left + k * S::PITCH + (offset + v) * S::W + u};
                            multiply_into<S, M, N>(known, N * S::W, across, right + k * N * S::W, terms);
                        });
                }
            }
            const long column = q * strips.most * S::W;
            for (long v = 0; v < lanes; v++) {
                long first, units;
                rows_of(product, p, v, first, units);
                for (long u = 0; u < least(units, S::W); u++) {
                    T *to = product.result + (first + u) * product.columns + column;
                    for (int w = 0; w < N; w++) {
                        const long rest = product.columns - column - w * S::W;
                        V sum = load<S>(sums + ((v * S::W + u) * N + w) * S::W);
                        if (row) sum += load_part<S>(to + w * S::W, rest);
                        store_part<S>(to + w * S::W, sum, rest);
                    }
                }
            }
        });
    }

    void add_biases(long p, long row, long count) const {
        const T *from = gates + (p * layer.rows + row) * S::PITCH;
        for (long v = 0; v < layer.lanes_of(p); v++) {
            V sum = V{};
            for (long k = 0; k < count; k++) sum += load<S>(from + k * S::PITCH + v * S::W);
            const long unit = layer.unit(p, v), rest = layer.H - unit;
            auto put = [&](T *to, long gate) {
                if (!to) return;
                to += gate * layer.H + unit;
                store_part<S>(to, row ? sum + load_part<S>(to, rest) : sum, rest);
            };
            if (v < layer.input_lanes) put(input_bias, layer.input_gate(v));
            if (v >= layer.hidden_offset) put(hidden_bias, layer.hidden_gate(v - layer.hidden_offset));
        }
    }

    // No row at all: everything is zero.
    void nothing(const P *products, int number) const {
        const long G = layer.kind == GRU ? 3 : layer.kind == LSTM ? 4 : 1;
        for (int i = 0; i < number; i++) {
            const long rows = products[i].of == P::OF_OUTPUT ? layer.R : G * layer.H;
            if (products[i].result) std::memset(products[i].result, 0, rows * products[i].columns * sizeof(T));
        }
        if (input_bias) std::memset(input_bias, 0, G * layer.H * sizeof(T));
        if (hidden_bias) std::memset(hidden_bias, 0, G * layer.H * sizeof(T));
    }
};

}  // namespace
