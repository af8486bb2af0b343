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

// Rows and columns of a square of vectors exchanged, by halves: blocks of H beside the diagonal change places.
#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define RENNET_SHUFFLES
#endif
#endif
#ifdef RENNET_SHUFFLES
template <int... E> struct Numbers {};
template <int N, int... E> struct UpTo : UpTo<N - 1, N - 1, E...> {};
template <int... E> struct UpTo<0, E...> { typedef Numbers<E...> type; };

template <class S, int H, int... E> RENNET_INLINE void exchange(typename S::V (&rows)[S::W], Numbers<E...> numbers) {
    if constexpr (H > 0) {
#pragma GCC unroll 16
        for (int i = 0; i < S::W; i++) {
            if (i & H) continue;
            typename S::V a = rows[i], b = rows[i + H];
            rows[i] = __builtin_shufflevector(a, b, (E & H ? S::W + E - H : E)...);
            rows[i + H] = __builtin_shufflevector(a, b, (E & H ? S::W + E : E + H)...);
        }
        exchange<S, H / 2>(rows, numbers);
    }
}
#endif

// For products with rows of a weight matrix `from` [.., terms]: lane by lane the W rows from `row`, transposed. `to` is the
// strip's first number of this lane, `step` the strip's width.
template <class S>
void pack_lane(const typename S::T *from, long rows, long terms, typename S::T *to, long step) {
    long k = 0;
#ifdef RENNET_SHUFFLES
    for (; rows >= S::W && k + S::W <= terms; k += S::W) {
        typename S::V square[S::W];
#pragma GCC unroll 16
        for (int u = 0; u < S::W; u++) square[u] = load<S>(from + u * terms + k);
        exchange<S, S::W / 2>(square, typename UpTo<S::W>::type{});
#pragma GCC unroll 16
        for (int u = 0; u < S::W; u++) store<S>(to + (k + u) * step, square[u]);
    }
#endif
    for (; k < terms; k++)
        for (long u = 0; u < S::W; u++) to[k * step + u] = u < rows ? from[u * terms + k] : 0;
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
