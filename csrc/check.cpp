// A program that runs the kernels on buffers that are exactly as large as the header says, for the sanitizers to watch:
// every instruction set, mode and remainder of a tile, several threads, several callers, forked children. Fails if results
// are not finite, or differ between numbers of threads or callers.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "rennet.h"

namespace {

struct Sizes {
    long steps, batch, inputs, hidden;
};

const Sizes SIZES[] = {{1, 1, 3, 5}, {5, 1, 7, 9}, {70, 1, 3, 31}, {3, 3, 17, 33}, {9, 8, 5, 1}, {20, 7, 33, 40}, {1, 67, 48, 129}};

struct Case {
    long mode, element, instruction_set, directions, projection, clip;
    bool ragged;
    enum Masks { NONE, ZONEOUT, DROPOUT } masks;
    Sizes sizes;

    std::string name() const {
        char text[256];
        std::snprintf(text, sizeof text, "mode %ld, element %ld, %s, %ld directions, projection %ld, clip %ld, %s, masks %d, %ld %ld %ld %ld",
                      mode, element, rennet_instruction_set_name(instruction_set), directions, projection, clip,
                      ragged ? "ragged" : "whole", masks, sizes.steps, sizes.batch, sizes.inputs, sizes.hidden);
        return text;
    }
};

// Everything that one call reads and writes, each piece in a block of its own.
class Buffers {
  public:
    void *numbers(long count, long element, std::mt19937 *random) {
        const long size = element == RENNET_FLOAT32 ? 4 : 8;
        char *block = bytes(count * size);
        std::uniform_real_distribution<double> uniform(-0.5, 0.5);
        for (long i = 0; random && i < count; i++) {
            if (element == RENNET_FLOAT32)
                ((float *)block)[i] = (float)uniform(*random);
            else
                ((double *)block)[i] = uniform(*random);
        }
        return block;
    }

    // filled with NaN
    char *bytes(long size) {
        blocks_.emplace_back(new char[size]);
        std::memset(blocks_.back().get(), 0xFF, size);
        return blocks_.back().get();
    }

  private:
    std::vector<std::unique_ptr<char[]>> blocks_;
};

// Forwards for inference and for training, then backwards; all results one after the other.
std::vector<char> run(const Case &c, long threads) {
    std::mt19937 random(1);
    Buffers buffers;
    rennet_call call = {};
    const long gates = c.mode == RENNET_LSTM ? 4 : c.mode == RENNET_GRU ? 3 : 1;
    const long T = c.sizes.steps, B = c.sizes.batch, I = c.sizes.inputs, H = c.sizes.hidden, D = c.directions;
    const long R = c.projection ? c.projection : H, e = c.element, size = e == RENNET_FLOAT32 ? 4 : 8;
    struct Result {
        void *at;
        long count;
    };
    std::vector<Result> results;
    auto result = [&](long count) {
        results.push_back({buffers.numbers(count, e, nullptr), count});
        return results.back().at;
    };
    call.mode = c.mode, call.element = e, call.instruction_set = c.instruction_set, call.threads = threads;
    call.directions = D, call.steps = T, call.batch = B, call.input_size = I, call.hidden_size = H;
    call.projection_size = c.projection, call.clip = c.clip, call.clip_low = -0.2, call.clip_high = 0.1;
    std::vector<int64_t> lengths(B);
    for (auto &length : lengths) length = random() % (T + 1);
    if (c.ragged) call.lengths = lengths.data();
    call.data = buffers.numbers(T * B * I, e, &random);
    call.h0 = buffers.numbers(D * B * R, e, &random);
    call.c0 = c.mode == RENNET_LSTM ? buffers.numbers(D * B * H, e, &random) : nullptr;
    if (c.masks == Case::ZONEOUT) call.keep_h = buffers.numbers(T * B * D * R, e, &random);
    if (c.masks == Case::DROPOUT) call.drop_h = buffers.numbers(D * B * R, e, &random);
    if (c.masks == Case::ZONEOUT && c.mode == RENNET_LSTM) call.keep_c = buffers.numbers(T * B * D * H, e, &random);
    for (long d = 0; d < D; d++) {
        rennet_direction &way = call.way[d];
        way.i2h_weight = buffers.numbers(gates * H * I, e, &random), way.d_i2h_weight = result(gates * H * I);
        way.h2h_weight = buffers.numbers(gates * H * R, e, &random), way.d_h2h_weight = result(gates * H * R);
        way.i2h_bias = buffers.numbers(gates * H, e, &random), way.d_i2h_bias = result(gates * H);
        way.h2h_bias = buffers.numbers(gates * H, e, &random), way.d_h2h_bias = result(gates * H);
        if (!c.projection) continue;
        way.h2r_weight = buffers.numbers(R * H, e, &random), way.d_h2r_weight = result(R * H);
    }
    auto fail = [&](const char *what) {
        std::printf("%s: %s, %ld threads\n", what, c.name().c_str(), threads);
        std::exit(1);
    };
    for (call.training = 0; call.training < 2; call.training++) {
        rennet_sizes sizes;
        if (rennet_measure(&call, &sizes)) fail("refused");
        call.output = result(T * B * D * R), call.hn = result(D * B * R);
        call.cn = c.mode == RENNET_LSTM ? result(D * B * H) : nullptr;
        call.carried = c.masks ? result(T * B * D * R) : nullptr;
        call.scratch = buffers.bytes(sizes.forward);
        call.record = call.training ? buffers.bytes(sizes.record) : nullptr;
        if (rennet_forward(&call)) fail("refused");
    }
    call.d_output = buffers.numbers(T * B * D * R, e, &random), call.d_hn = buffers.numbers(D * B * R, e, &random);
    if (c.masks == Case::ZONEOUT) call.d_carried = buffers.numbers(T * B * D * R, e, &random);
    call.d_data = result(T * B * I), call.d_h0 = result(D * B * R);
    if (c.mode == RENNET_LSTM) call.d_cn = buffers.numbers(D * B * H, e, &random), call.d_c0 = result(D * B * H);
    rennet_sizes sizes;
    call.training = 1;
    if (rennet_measure(&call, &sizes)) fail("refused");
    call.scratch = buffers.bytes(sizes.backward);
    if (rennet_backward(&call)) fail("refused");
    std::vector<char> all;
    for (const Result &each : results) {
        for (long i = 0; i < each.count; i++) {
            const double number = e == RENNET_FLOAT32 ? ((float *)each.at)[i] : ((double *)each.at)[i];
            if (!std::isfinite(number)) fail("not finite");
        }
        all.insert(all.end(), (char *)each.at, (char *)each.at + each.count * size);
    }
    return all;
}

std::vector<Case> cases() {
    std::vector<Case> all;
    for (long set = 0; set < rennet_instruction_sets(); set++) {
        if (!rennet_instruction_set_usable(set)) continue;
        for (const Sizes &sizes : SIZES)
            for (long mode = 0; mode < 4; mode++)
                for (long element = 0; element < 2; element++)
                    for (long directions = 1; directions <= 2; directions++)
                        for (int ragged = 0; ragged < 2; ragged++)
                            for (auto masks : {Case::NONE, Case::ZONEOUT, Case::DROPOUT}) {
                                all.push_back({mode, element, set, directions, 0, 0, ragged == 1, masks, sizes});
                                if (mode == RENNET_LSTM)
                                    all.push_back({mode, element, set, directions, 6, 1 + ragged, ragged == 1, masks, sizes});
                            }
    }
    return all;
}

}  // namespace

int main(int count, char **arguments) {
    const bool forks = count < 2 || std::string(arguments[1]) != "--no-forks";
    long passed = 0;
    std::vector<Case> all = cases();
    for (const Case &c : all) {
        const std::vector<char> alone = run(c, 1);
        for (long threads : {2, 5})
            if (run(c, threads) != alone) return std::printf("differs: %s, %ld threads\n", c.name().c_str(), threads), 1;
        passed++;
    }
    // callers that get in each other's way; each must find what it finds alone
    std::vector<std::thread> callers;
    std::vector<int> wrong(4);
    for (long caller = 0; caller < 4; caller++)
        callers.emplace_back([&, caller] {
            for (size_t i = caller; i < all.size(); i += 7)
                if (run(all[i], 2) != run(all[i], 1)) wrong[caller] = 1;
        });
    for (auto &caller : callers) caller.join();
    for (int each : wrong)
        if (each) return std::printf("callers at once: a result differs\n"), 1;
    for (int child = 0; forks && child < 3; child++) {
        const Case &c = all[all.size() / 2];
        const std::vector<char> expected = run(c, 3);
        const pid_t process = fork();
        if (process == 0) _exit(run(c, 3) == expected ? 0 : 1);
        int status = 1;
        waitpid(process, &status, 0);
        if (status) return std::printf("a forked child: a result differs\n"), 1;
        if (run(c, 3) != expected) return std::printf("after a fork: a result differs\n"), 1;
    }
    std::printf("%ld passed, 0 failed\n", passed);
    return 0;
}
