// What a step hands on, where that is not what it computed: zoneout and variational dropout.
#pragma once

#include "layer.h"

namespace {

template <class S> struct Carry {
    typedef typename S::T T;
    typedef typename S::V V;

    const Layer<S> &layer;
    long direction;

    bool holds() const { return layer.call.keep_h; }
    bool drops() const { return layer.call.drop_h; }
    bool differs() const { return holds() || drops(); }

    // masks from a column on; past the last column they are zero
    RENNET_INLINE V keep_h(long s, long j, long column) const { return keep(layer.call.keep_h, layer.R, s, j, column); }
    RENNET_INLINE V keep_c(long s, long j, long column) const { return keep(layer.call.keep_c, layer.H, s, j, column); }
    RENNET_INLINE V drop_h(long j, long column) const {
        const T *row = state_of((const T *)layer.call.drop_h, direction, layer.B, layer.R, layer.sequence[j]);
        return load_part<S>(row + column, layer.R - column);
    }

    RENNET_INLINE V keep(const void *masks, long size, long s, long j, long column) const {
        const T *row = (const T *)masks + ((s * layer.B + layer.sequence[j]) * layer.D + direction) * size;
        const V share = load_part<S>(row + column, size - column);
        return share > 1 ? all<S>(T(1)) : share;
    }

    // Selected where there is nothing to mix, since zero times NaN is NaN.
    static RENNET_INLINE V mixed(V keep, V fresh, V old) {
        const V both = keep * fresh + (1 - keep) * old, some = keep == 1 ? fresh : both;
        return keep == 0 ? old : some;
    }
};

}  // namespace
