// exp, sigmoid and tanh on vectors. NaN stays NaN; errors are a few units in the last place.
#pragma once

#include "vector.h"

namespace {

// exp(x) = scale * (1 + rest), scale a power of two and |rest| < 1/2, for x within [-LIMIT, LIMIT].
template <class S, class T = typename S::T> struct Exponential;

template <class S> struct Exponential<S, float> {
    static constexpr float LIMIT = 87.0f;
    static RENNET_INLINE void split(typename S::V x, typename S::V &scale, typename S::V &rest) {
        typedef typename S::V V;
        typedef typename S::Whole Whole;
        // adding 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits
        const float magic = 12582912.0f;
        V shifted = x * 1.44269504f + magic;
        V whole = shifted - magic;
        V r = x - whole * 0.693359375f;
        r = r - whole * -2.12194440e-4f;
        V p = r * 1.9875691500e-4f + 1.3981999507e-3f;
        p = p * r + 8.3334519073e-3f;
        p = p * r + 4.1665795894e-2f;
        p = p * r + 1.6666665459e-1f;
        p = p * r + 5.0000001201e-1f;
        rest = (r * r) * p + r;
        scale = (V)(((Whole)shifted - (0x4B400000 - 127)) << 23);
    }
};

template <class S> struct Exponential<S, double> {
    static constexpr double LIMIT = 708.0;
    static RENNET_INLINE void split(typename S::V x, typename S::V &scale, typename S::V &rest) {
        typedef typename S::V V;
        typedef typename S::Whole Whole;
        const double magic = 6755399441055744.0;  // 1.5 * 2^52
        V shifted = x * 1.4426950408889634 + magic;
        V whole = shifted - magic;
        V r = x - whole * 6.93145751953125e-1;
        r = r - whole * 1.42860682030941723212e-6;
        // the Taylor series: 14 terms are exact to a double for |r| < ln(2) / 2
        V p = r * (1.0 / 6227020800.0) + 1.0 / 479001600.0;
        p = p * r + 1.0 / 39916800.0;
        p = p * r + 1.0 / 3628800.0;
        p = p * r + 1.0 / 362880.0;
        p = p * r + 1.0 / 40320.0;
        p = p * r + 1.0 / 5040.0;
        p = p * r + 1.0 / 720.0;
        p = p * r + 1.0 / 120.0;
        p = p * r + 1.0 / 24.0;
        p = p * r + 1.0 / 6.0;
        p = p * r + 0.5;
        rest = (r * r) * p + r;
        scale = (V)(((Whole)shifted - (0x4338000000000000 - 1023)) << 52);
    }
};

// Comparisons with NaN are false, so NaN passes.
template <class S> RENNET_INLINE typename S::V within(typename S::V x, typename S::T low, typename S::T high) {
    x = x < low ? all<S>(low) : x;
    return x > high ? all<S>(high) : x;
}

template <class S> RENNET_INLINE typename S::V sigmoid(typename S::V x) {
    typedef Exponential<S> E;
    typename S::V scale, rest;
    E::split(within<S>(-x, -E::LIMIT, E::LIMIT), scale, rest);
    return 1 / (1 + (scale * rest + scale));
}

template <class S> RENNET_INLINE typename S::V hyperbolic_tangent(typename S::V x) {
    typename S::V scale, rest;
    // beyond 20 it is one, in either type
    typename S::V y = within<S>(x, -20, 20);
    Exponential<S>::split(y + y, scale, rest);
    // exp(2x) - 1 without cancellation
    typename S::V less_one = scale * rest + (scale - 1);
    return less_one / (less_one + 2);
}

}  // namespace
