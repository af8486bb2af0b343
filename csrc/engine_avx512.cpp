// 32 registers of 16 floats.
#include "kernels/kernels.h"

extern const Engine engine_avx512 = engine_of<Shape<float, 16, true>, Shape<double, 8, true>>("avx512", [] {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma");
});
