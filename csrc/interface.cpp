// The exported functions: check what came, choose the instruction set, pass on.
#include "kernels/engine.h"

namespace {

const Engine *const ENGINES[] = {
#ifdef RENNET_AVX512
    &engine_avx512,
#endif
#ifdef RENNET_AVX2
    &engine_avx2,
#endif
    &engine_portable,
#ifdef RENNET_WIDE
    &engine_wide,
#endif
};
constexpr int64_t COUNT = sizeof ENGINES / sizeof *ENGINES;

const Engine *engine_for(const rennet_call *call) {
    if (call->instruction_set < -1 || call->instruction_set >= COUNT) return nullptr;
    if (call->instruction_set >= 0) {
        const Engine *engine = ENGINES[call->instruction_set];
        return engine->usable() ? engine : nullptr;
    }
    for (const Engine *engine : ENGINES)
        if (engine->usable()) return engine;
    return nullptr;
}

bool makes_sense(const rennet_call *c) {
    if (!c || c->mode < RENNET_RNN_RELU || c->mode > RENNET_GRU) return false;
    if (c->element != RENNET_FLOAT32 && c->element != RENNET_FLOAT64) return false;
    if (c->directions != 1 && c->directions != 2) return false;
    if (c->steps < 1 || c->batch < 1 || c->input_size < 1 || c->hidden_size < 1 || c->threads < 1) return false;
    if (c->projection_size < 0 || c->clip < RENNET_NO_CLIP || c->clip > RENNET_CLIP_NAN) return false;
    if ((c->projection_size || c->clip || c->keep_c) && c->mode != RENNET_LSTM) return false;
    if (c->keep_h && c->drop_h) return false;
    if (c->lengths)
        for (int64_t b = 0; b < c->batch; b++)
            if (c->lengths[b] < 0 || c->lengths[b] > c->steps) return false;
    return true;
}

}  // namespace

int64_t rennet_interface(void) { return RENNET_INTERFACE; }

int64_t rennet_instruction_sets(void) { return COUNT; }

const char *rennet_instruction_set_name(int64_t index) {
    return index >= 0 && index < COUNT ? ENGINES[index]->name : nullptr;
}

int64_t rennet_instruction_set_usable(int64_t index) { return index >= 0 && index < COUNT && ENGINES[index]->usable(); }

int64_t rennet_measure(const rennet_call *call, rennet_sizes *sizes) {
    const Engine *engine = makes_sense(call) ? engine_for(call) : nullptr;
    if (!engine) return 1;
    engine->measure(*call, *sizes);
    return 0;
}

int64_t rennet_forward(const rennet_call *call) {
    const Engine *engine = makes_sense(call) ? engine_for(call) : nullptr;
    if (!engine) return 1;
    engine->forward(*call);
    return 0;
}

int64_t rennet_backward(const rennet_call *call) {
    const Engine *engine = makes_sense(call) ? engine_for(call) : nullptr;
    if (!engine) return 1;
    engine->backward(*call);
    return 0;
}
