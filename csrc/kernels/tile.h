// The one inner loop: a tile of rows x vectors in registers, to which products are added term by term.
//
// Every number of a result is its start plus its terms in order, each by a fused multiplication and addition. So it does
// not depend on how rows are cut into tiles or shared among threads.
#pragma once

#include "vector.h"

namespace {

template <int N> struct Constant { static constexpr int value = N; };

// Calls f(Constant<n>) for a run-time n in [1, MOST].
template <int MOST, class F> RENNET_INLINE void with_constant(long n, F &&f) {
    if constexpr (MOST > 1) {
        if (n < MOST) return with_constant<MOST - 1>(n, f);
    }
    f(Constant<MOST>());
}

// The same where n can only be MOST: each size of tile is code.
template <int MOST, bool ALWAYS, class F> RENNET_INLINE void with_most(long n, F &&f) {
    if constexpr (ALWAYS)
        f(Constant<MOST>());
    else
        with_constant<MOST>(n, f);
}

template <class S, int R, int N> struct Tile {
    typename S::V at[R][N];

    RENNET_INLINE void read(const typename S::T *from, long pitch) {
#pragma GCC unroll 8
        for (int r = 0; r < R; r++)
#pragma GCC unroll 4
            for (int v = 0; v < N; v++) at[r][v] = load<S>(from + r * pitch + v * S::W);
    }

    RENNET_INLINE void write(typename S::T *to, long pitch) const {
#pragma GCC unroll 8
        for (int r = 0; r < R; r++)
#pragma GCC unroll 4
            for (int v = 0; v < N; v++) store<S>(to + r * pitch + v * S::W, at[r][v]);
    }
};

// Where a tile's left factors stand: at(row, term).
template <class S, int R> struct Pointers {  // a pointer for each row
    const typename S::T *row[R];
    RENNET_INLINE typename S::T at(int r, long k) const { return row[r][k]; }
};

template <class S> struct InPanel {  // consecutive rows of a panel of the gate buffer
    const typename S::T *first;
    RENNET_INLINE typename S::T at(int r, long k) const { return first[r * S::PITCH + k]; }
};

template <class S> struct AcrossPanel {  // consecutive columns of such a panel, summed over its rows
    const typename S::T *first;
    RENNET_INLINE typename S::T at(int r, long k) const { return first[k * S::PITCH + r]; }
};

// `rows` rows of `bytes` bytes, `pitch` numbers apart, into the first cache: panels are too short and too far apart for the
// processor to foresee the next one.
template <class S> RENNET_INLINE void foresee(const typename S::T *from, int rows, long pitch, long bytes) {
    for (int r = 0; r < rows; r++)
        for (long b = 0; b < bytes; b += 64) __builtin_prefetch((const char *)(from + r * pitch) + b);
}

// tile[r][v] += sum over k < terms of left.at(r, k) * right[k][v]; right is packed, [terms][N * W].
template <class S, int R, int N, class Left>
RENNET_INLINE void multiply(Tile<S, R, N> &tile, const Left &left, const typename S::T *right, long terms) {
    typedef typename S::V V;
    for (long k = 0; k < terms; k++) {
        V b[N];
#pragma GCC unroll 4
        for (int v = 0; v < N; v++) b[v] = load<S>(right + v * S::W);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            V a = all<S>(left.at(r, k));
#pragma GCC unroll 4
            for (int v = 0; v < N; v++) tile.at[r][v] += a * b[v];
        }
        right += N * S::W;
    }
}

// The same for sums in memory, rows `pitch` numbers apart. Not inlined: among other code the compiler no longer keeps the
// tile in registers.
template <class S, int R, int N, class Left>
__attribute__((noinline)) void multiply_into(typename S::T *sums, long pitch, const Left &left, const typename S::T *right,
                                             long terms) {
    Tile<S, R, N> tile;
    tile.read(sums, pitch);
    multiply(tile, left, right, terms);
    tile.write(sums, pitch);
}

// sums [R][N * W] += the same over several panels, `step` numbers apart, of `terms` terms each, the last of `last`.
template <class S, int R, int N>
__attribute__((noinline)) void multiply_panels(typename S::T *sums, const typename S::T *left, long step,
                                               const typename S::T *right, long panels, long terms, long last) {
    Tile<S, R, N> tile;
    tile.read(sums, N * S::W);
    for (; panels > 0; panels--, left += step, right += terms * N * S::W) {
        if (panels > 1) foresee<S>(left + step, R, S::PITCH, S::PITCH * sizeof(typename S::T));
        multiply(tile, InPanel<S>{left}, right, panels > 1 ? terms : last);
    }
    tile.write(sums, N * S::W);
}

// sums[r][c] = the product of row a[r] with row w[c], both contiguous: for matrices that are not worth packing.
template <class S, int R, int N>
RENNET_INLINE void dot(const typename S::T *const (&a)[R], const typename S::T *const (&w)[N], long terms,
                       typename S::T (&sums)[R][N]) {
    typedef typename S::V V;
    // enough independent sums to keep the multipliers busy
    constexpr int SETS = R * N >= 8 ? 1 : R * N >= 4 ? 2 : 4;
    V s[SETS][R][N] = {};
    long k = 0;
    for (; k + SETS * S::W <= terms; k += SETS * S::W) {
#pragma GCC unroll 4
        for (int u = 0; u < SETS; u++) {
            V x[R];
#pragma GCC unroll 4
            for (int r = 0; r < R; r++) x[r] = load<S>(a[r] + k + u * S::W);
#pragma GCC unroll 4
            for (int c = 0; c < N; c++) {
                V y = load<S>(w[c] + k + u * S::W);
                // the same place N rows on, which comes next: so short a row ends before the processor foresees it
                if ((u * S::W * sizeof(typename S::T)) % 64 == 0)
                    __builtin_prefetch(w[c] + k + u * S::W + N * terms);
#pragma GCC unroll 4
                for (int r = 0; r < R; r++) s[u][r][c] += x[r] * y;
            }
        }
    }
    for (; k < terms; k += S::W) {
        for (int c = 0; c < N; c++) {
            V y = load_part<S>(w[c] + k, terms - k);
            for (int r = 0; r < R; r++) s[0][r][c] += load_part<S>(a[r] + k, terms - k) * y;
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < R; r++)
#pragma GCC unroll 4
        for (int c = 0; c < N; c++) {
            V whole = s[0][r][c];
            for (int u = 1; u < SETS; u++) whole += s[u][r][c];
            sums[r][c] = sum<S>(whole);
        }
}

// `rows` rows in as few tiles of at most MOST as possible, as equal as possible.
template <int MOST> struct Tiling {
    long rows, count;
    explicit Tiling(long rows) : rows(rows), count(divide_up(rows, MOST)) {}
    long start(long tile) const { return tile * (rows / count) + least(tile, rows % count); }
};

}  // namespace
