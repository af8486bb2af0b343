// Weights in the order in which the inner loop reads them.
#pragma once

#include "layer.h"

namespace {

// Columns of a packed matrix: strips of at most `most` vectors, each [terms][vectors * W], one after the other. All strips
// but the last have `most` vectors.
template <class S> struct Strips {
    long columns, most;
    long count() const { return divide_up(columns, most * S::W); }
    long vectors(long strip) const { return least(most, divide_up(columns - strip * most * S::W, S::W)); }
    long size(long terms) const { return divide_up(columns, S::W) * S::W * terms; }
    const typename S::T *strip(const typename S::T *packed, long index, long terms) const {
        return packed + index * most * S::W * terms;
    }
    typename S::T *strip(typename S::T *packed, long index, long terms) const {
        return packed + index * most * S::W * terms;
    }
};

// For products with rows of a weight matrix `from` [.., terms]: lane by lane the W rows from `row`, transposed. `to` is the
// strip's first number of this lane, `step` the strip's width.
template <class S>
void pack_lane(const typename S::T *from, long rows, long terms, typename S::T *to, long step) {
    constexpr long BLOCK = 16;
    for (long k0 = 0; k0 < terms; k0 += BLOCK) {
        long count = least(BLOCK, terms - k0);
        for (long u = 0; u < S::W; u++) {
            typename S::T *out = to + k0 * step + u;
            if (u < rows) {
                const typename S::T *in = from + u * terms + k0;
                for (long k = 0; k < count; k++) out[k * step] = in[k];
            } else {
                for (long k = 0; k < count; k++) out[k * step] = 0;
            }
        }
    }
}

// Row `term` of a matrix [.., columns] as that term of all strips; NULL is a row of zeros.
template <class S>
void pack_row(const typename S::T *from, const Strips<S> &strips, long terms, long term, typename S::T *to) {
    for (long q = 0; q < strips.count(); q++) {
        long width = strips.vectors(q) * S::W, first = q * strips.most * S::W;
        long count = from ? least(width, strips.columns - first) : 0;
        typename S::T *out = strips.strip(to, q, terms) + term * width;
        if (count) std::memcpy(out, from + first, count * sizeof(typename S::T));
        for (long i = count; i < width; i++) out[i] = 0;
    }
}

}  // namespace
