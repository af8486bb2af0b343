/* The C interface of rennet's CPU kernels. This header is the specification.
 *
 * One call computes one layer of a recurrent network, in one or two directions, over a whole sequence, forwards or
 * backwards. Sizes: T steps, B sequences, I inputs, H hidden units, R outputs of one direction (the projection's size,
 * or H), D directions, G gates (LSTM 4: i f g o; GRU 3: r z n, the reset gate after the hidden product; plain 1).
 *
 * Every tensor is contiguous, row by row, of the element type that `element` names, and aligned to its elements.
 * The caller owns every pointer. Nothing is kept after a call returns: no pointer, and nothing derived from weights.
 * Results are the same bits for any number of threads. All functions but rennet_share_threads may be called from several
 * threads at once. None throws.
 */
#ifndef RENNET_H
#define RENNET_H

#include <stdint.h>

#if defined(__GNUC__)
#define RENNET_EXPORT __attribute__((visibility("default")))
#else
#define RENNET_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum { RENNET_INTERFACE = 3 };

enum rennet_mode { RENNET_RNN_RELU = 0, RENNET_RNN_TANH = 1, RENNET_LSTM = 2, RENNET_GRU = 3 };
enum rennet_element { RENNET_FLOAT32 = 0, RENNET_FLOAT64 = 1 };
enum rennet_clip { RENNET_NO_CLIP = 0, RENNET_CLIP = 1, RENNET_CLIP_NAN = 2 };

/* Parameters of one direction, and where their gradients go. Gradients are overwritten, not added to; a NULL gradient
 * is not computed. */
typedef struct rennet_direction {
    const void *i2h_weight; /* [G*H, I] */
    const void *h2h_weight; /* [G*H, R] */
    const void *i2h_bias;   /* [G*H] */
    const void *h2h_bias;   /* [G*H] */
    const void *h2r_weight; /* [R, H], or NULL without projection */
    void *d_i2h_weight;
    void *d_h2h_weight;
    void *d_i2h_bias;
    void *d_h2h_bias;
    void *d_h2r_weight;
} rennet_direction;

/* One call. Every field has eight bytes, so that a caller can lay it out as plain words. */
typedef struct rennet_call {
    int64_t mode;            /* enum rennet_mode */
    int64_t element;         /* enum rennet_element */
    int64_t instruction_set; /* an index below rennet_instruction_sets(), or -1: the best that this processor has */
    int64_t threads;         /* at most so many; at least 1 */
    int64_t directions;      /* D: 1 or 2; the second one reads each sequence from its end */
    int64_t steps;           /* T >= 1 */
    int64_t batch;           /* B >= 1 */
    int64_t input_size;      /* I >= 1 */
    int64_t hidden_size;     /* H >= 1 */
    int64_t projection_size; /* R, or 0 without projection; LSTM only */
    int64_t clip;            /* enum rennet_clip; LSTM only */
    double clip_low;
    double clip_high;
    int64_t training; /* forwards: also fill `record` */

    const int64_t *lengths; /* [B] in [0, T], or NULL: all of them T. Padding is never read; it is written as zero */
    const void *data;       /* [T, B, I] */
    const void *h0;         /* [D, B, R] */
    const void *c0;         /* [D, B, H]; LSTM only */

    /* Zoneout: the next step is handed keep * new + (1 - keep) * old, where `old` was handed to this one. More than 1 is
     * taken as 1, so that what dropout leaves of ones will do. The first axis counts each direction's own steps, also in
     * the one that reads from the end. Variational dropout: all steps but the first read the hidden state times `drop_h`.
     * Not both. The output is the new hidden state all the same. */
    const void *keep_h; /* [T, B, D*R], or NULL */
    const void *keep_c; /* [T, B, D*H], or NULL; LSTM only */
    const void *drop_h; /* [D, B, R], or NULL */
    void *carried;      /* [T, B, D*R] with keep_h or drop_h: the hidden state that was handed on, at its output's place:
                           written forwards, read backwards */

    void *output;           /* [T, B, D*R]: written forwards, read backwards */
    void *hn;               /* [D, B, R]: written forwards; with keep_h the one handed on */
    void *cn;               /* [D, B, H]: written forwards, with keep_c the one handed on; LSTM only */
    void *record;           /* what backwards needs of a training call, `rennet_sizes.record` bytes. Backwards uses it
                               up: it cannot serve twice */
    void *scratch;          /* rennet_sizes.forward or .backward bytes, of this call only */

    const void *d_output; /* [T, B, D*R], or NULL: zero */
    const void *d_hn;     /* [D, B, R], or NULL: zero */
    const void *d_cn;     /* [D, B, H], or NULL: zero */
    const void *d_carried; /* [T, B, D*R], or NULL: zero; with keep_h only. Masks have no gradients */
    void *d_data;         /* [T, B, I], or NULL: not wanted */
    void *d_h0;           /* [D, B, R], or NULL */
    void *d_c0;           /* [D, B, H], or NULL */

    rennet_direction way[2];
} rennet_call;

/* Bytes that a call's buffers need. Reads the sizes, `lengths` and `training`, no tensor. */
typedef struct rennet_sizes {
    int64_t forward;
    int64_t backward;
    int64_t record;
} rennet_sizes;

RENNET_EXPORT int64_t rennet_interface(void); /* RENNET_INTERFACE, to tell a library of another version */

/* How many instruction sets were compiled in, best first. */
RENNET_EXPORT int64_t rennet_instruction_sets(void);
RENNET_EXPORT const char *rennet_instruction_set_name(int64_t index); /* static text, or NULL */
RENNET_EXPORT int64_t rennet_instruction_set_usable(int64_t index);   /* 1 if this processor has it */

/* Entry points of the OpenMP runtime with which the caller computes beside these calls. */
typedef struct rennet_openmp {
    void (*parallel)(void (*work)(void *), void *all, unsigned threads, unsigned flags); /* GOMP_parallel */
    int (*id)(void);                                                                     /* omp_get_thread_num */
    int (*count)(void);                                                                  /* omp_get_num_threads */
} rennet_openmp;

/* Compute on that runtime's threads from now on, or, with NULL, on threads of the library's own. OpenMP's threads go on
 * asking for work for some milliseconds after each piece of it: other threads that begin then have to share cores with
 * them. Copies what it is given. To be called while no other call runs. */
RENNET_EXPORT void rennet_share_threads(const rennet_openmp *shared);

/* 0, or 1 if a field has a value that the header does not allow, or the instruction set cannot be used. */
RENNET_EXPORT int64_t rennet_measure(const rennet_call *call, rennet_sizes *sizes);
RENNET_EXPORT int64_t rennet_forward(const rennet_call *call);
RENNET_EXPORT int64_t rennet_backward(const rennet_call *call);

#ifdef __cplusplus
}
#endif
#endif
