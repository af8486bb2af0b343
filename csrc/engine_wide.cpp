// For tests: the vectors and tiles of AVX-512 in plain instructions, slow, on any processor.
#include "kernels/kernels.h"

extern const Engine engine_wide = engine_of<Shape<float, 16, true>, Shape<double, 8, true>>("wide", [] { return true; });
