// 16 registers of 8 floats.
#include "kernels/kernels.h"

extern const Engine engine_avx2 = engine_of<Shape<float, 8, false>, Shape<double, 4, false>>("avx2", [] {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
});
