// What every processor of the architecture has, in vectors of 16 bytes: SSE2 on x86-64, NEON (with its 32 registers) on
// aarch64, and whatever the compiler makes of them elsewhere.
#include "kernels/kernels.h"

#if defined(__aarch64__)
static constexpr bool MANY_REGISTERS = true;
#else
static constexpr bool MANY_REGISTERS = false;
#endif

extern const Engine engine_portable =
    engine_of<Shape<float, 4, MANY_REGISTERS>, Shape<double, 2, MANY_REGISTERS>>("portable", [] { return true; });
