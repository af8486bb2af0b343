// A short vector of numbers, by the compiler's own vector types: the same text is SSE, AVX, AVX-512 or NEON.
//
// Everything in the kernels' headers is in an unnamed namespace: each instruction set compiles its own copy, and the
// linker must not take one for another. For the same reason they use no templates of the standard library.
#pragma once

#include <cstdint>
#include <cstring>

#define RENNET_INLINE inline __attribute__((always_inline))

namespace {

template <class T, int W> struct VectorOf {
    typedef T type __attribute__((vector_size(sizeof(T) * W)));
};

template <class T> struct WholeOf;
template <> struct WholeOf<float> { typedef int32_t type; };
template <> struct WholeOf<double> { typedef int64_t type; };

// What an instruction set makes of the kernels: the vector's width, and tiles that fill its registers.
template <class Real, int Width, bool ManyRegisters> struct Shape {
    typedef Real T;
    static constexpr int W = Width;
    typedef typename VectorOf<T, W>::type V;
    typedef typename VectorOf<typename WholeOf<T>::type, W>::type Whole;

    // rows x vectors that a tile keeps in registers, beside the vectors and the number that it multiplies
    static constexpr int GATE_ROWS = 6, GATE_VECTORS = ManyRegisters ? 4 : 2;
    static constexpr int GRU_ROWS = ManyRegisters ? 8 : 4, GRU_VECTORS = 3;
    static constexpr int OUTER_ROWS = (ManyRegisters ? 8 : 4) < W ? (ManyRegisters ? 8 : 4) : W, OUTER_VECTORS = 3;
    static constexpr int DOT_ROWS = ManyRegisters ? 4 : 3, DOT_COLUMNS = 4 < W ? 4 : W;

    static constexpr int LANES = 4;          // vectors of a panel in the gate buffer
    static constexpr int PITCH = LANES * W;  // numbers of a panel's row in the gate buffer
    static constexpr long INNER = ManyRegisters ? 1024 : 512;  // terms of a sum between two visits to the second cache
    static constexpr long OUTER = 512, OUTER_INNER = 256;      // the same for weight gradients, to memory and to the first cache
};

template <class S> RENNET_INLINE typename S::V load(const typename S::T *from) {
    typename S::V v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

template <class S> RENNET_INLINE void store(typename S::T *to, typename S::V v) { std::memcpy(to, &v, sizeof v); }

template <class S> RENNET_INLINE typename S::V all(typename S::T x) {
    return x - typename S::V{};  // not plus: -0 + 0 is 0, so that would be an addition at run time
}

// The first `count` numbers, and zero for the rest; all of them where count >= W.
template <class S> RENNET_INLINE typename S::V load_part(const typename S::T *from, long count) {
    if (count >= S::W) return load<S>(from);
    typename S::T part[S::W] = {};
    for (long i = 0; i < count; i++) part[i] = from[i];
    return load<S>(part);
}

template <class S> RENNET_INLINE void store_part(typename S::T *to, typename S::V v, long count) {
    if (count >= S::W) return store<S>(to, v);
    typename S::T part[S::W];
    store<S>(part, v);
    for (long i = 0; i < count; i++) to[i] = part[i];
}

template <class S> RENNET_INLINE typename S::T sum(typename S::V v) {
    typename S::T part[S::W];
    store<S>(part, v);
    for (int half = S::W / 2; half; half /= 2)
        for (int i = 0; i < half; i++) part[i] += part[i + half];
    return part[0];
}

inline long least(long a, long b) { return a < b ? a : b; }
inline long divide_up(long a, long b) { return (a + b - 1) / b; }

}  // namespace
