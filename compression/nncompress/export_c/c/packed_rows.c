/* The weights of a layer: one row for each output. They stay packed in flash, as in an .nnz file: an arithmetic code, whose
 * bits have the probabilities that the bits before them have taught. A row is unpacked when it is needed, and forgotten. With
 * -DNNLITE_UNPACK the first run keeps all rows in RAM, and the next runs take no longer than with plain weights.
 *
 * There are these kinds of bits, each with contexts of its own (what is known before the bit):
 *   column     has an input any weight? neighbours left, up, up-left, up-right
 *   position   is the weight not 0?     (how full the row is, weights in the column), neighbours
 *   sign       is it negative?          (left, up), (all four neighbours), the last one in the column
 *   size       more than 1? 2? ...      (the question), (it, sizes left and up), (it, mean size in the row)
 *   bias       the same for biases      (the question)
 */
typedef struct {
    int32_t count, size;      /* rows, and weights in each */
    int32_t W, H, top;        /* the inputs lie in maps of H x W; the largest size of a weight */
} rows;

#define ONE ((int32_t)65536) /* probabilities of 1 are P / ONE */
enum {
    P_BITS = 24,                /* of a probability that a context keeps */
    LIMIT = 1536, LEAST_P = 16, /* on the logistic scale, in units of 1/128: -12 ... 12 */
    DENSITIES = 25, COUNTS = 13, NEAR = 6, MOST_COUNTED = 1023, TREE = 128, GAMMA = 128 + 31, BIAS_QUESTIONS = 2,
    /* where the contexts of each kind begin */
    COLUMNS = 0,
    POSITIONS = COLUMNS + 16,
    SIGNS = POSITIONS + DENSITIES * COUNTS + 32,
    SIZES = SIGNS + 9 + 81 + 3,
    SIZE_GAMMA = SIZES + QUESTIONS * (1 + (NEAR + 1) * (NEAR + 1) + 13),
    BIASES = SIZE_GAMMA + LARGE_SIZES * GAMMA,
    BIAS_GAMMA = BIASES + BIAS_QUESTIONS,
    BIAS_SIGN = BIAS_GAMMA + GAMMA,
    CONTEXTS = BIAS_SIGN + 1
};

static uint16_t lower[LIMIT + 1];                       /* 2^16 / (1 + e^(s / 128)) for s = 0 ... LIMIT */
static uint32_t context_p[CONTEXTS];                    /* how often the bit was 1, in units of 2^-24 */
static uint16_t context_n[CONTEXTS];                    /* how many bits the context has seen */
static int32_t position_mixer[2], sign_mixer[3], size_mixers[QUESTIONS][3], bias_mixers[BIAS_QUESTIONS][1];
static struct { uint16_t count; uint8_t used, sign; } column[LONGEST_ROW];
static uint32_t tape_low, tape_high, tape_number, tape_at; /* the interval, the number in it, the next byte */

/* e^(-s / 128) in units of 2^-40, one factor e^(-1/128) = 1 - d after the other; d in units of 2^-39. The division is done bit
 * by bit, as a small processor has none for 64 bits.
 */
static void fill_lower(void)
{
    const uint64_t one = (uint64_t)1 << 40, d = 4278233685u, low = 0xFFFFF;
    uint64_t t = one;
    for (int32_t s = 0; s <= LIMIT; s++) {
        uint64_t rest = t;
        uint32_t quotient = 0; /* 2^17 t / (1 + t), rounded down */
        for (int bit = 0; bit < 17; bit++) {
            rest *= 2;
            quotient = 2 * quotient + (rest >= one + t);
            rest -= rest >= one + t ? one + t : 0;
        }
        lower[s] = (uint16_t)((quotient + 1) / 2);
        t -= ((t >> 20) * d + ((t & low) * d >> 20)) >> 19;
    }
}

/* 2^16 / (1 + e^(-s / 128)) */
static int32_t squash(int32_t s)
{
    return s < 0 ? lower[-s] : ONE - lower[s];
}

/* The least s with squash(s) >= P. */
static int32_t stretch(int32_t P)
{
    int32_t least = -LIMIT, most = LIMIT;
    while (least < most) {
        int32_t middle = (least + most + 2 * LIMIT) / 2 - LIMIT;
        if (squash(middle) >= P)
            most = middle;
        else
            least = middle + 1;
    }
    return least;
}

static void next_byte(void)
{
    tape_number = tape_number << 8 | (tape_at < sizeof packed ? packed[tape_at] : 0);
    tape_at++;
}

/* The next bit; P / 2^16: the probability that it is 1. */
static int read_bit(int32_t P)
{
    uint32_t middle = tape_low + (uint32_t)((uint64_t)(tape_high - tape_low) * (uint32_t)P >> 16);
    int bit = tape_number <= middle;
    if (bit)
        tape_high = middle;
    else
        tape_low = middle + 1;
    while (tape_low >> 24 == tape_high >> 24) {
        tape_low <<= 8;
        tape_high = tape_high << 8 | 255;
        next_byte();
    }
    return bit;
}

/* p <- p + (bit - p) / (n + 1.6) */
static void learn(int32_t slot, int bit)
{
    int32_t n = context_n[slot];
    int64_t rate = (((int32_t)10 << 16) + 5 * n + 8) / (10 * n + 16), p = context_p[slot];
    context_p[slot] = (uint32_t)(p + shift_right((((int64_t)bit << P_BITS) - p) * rate, 16));
    context_n[slot] = (uint16_t)(n < MOST_COUNTED ? n + 1 : n);
}

/* A bit with one context. */
static int read_counted(int32_t slot)
{
    int32_t P = (int32_t)(context_p[slot] >> (P_BITS - 16));
    int bit = read_bit(P < LEAST_P ? LEAST_P : P > ONE - LEAST_P ? ONE - LEAST_P : P);
    learn(slot, bit);
    return bit;
}

/* A bit with K contexts: their opinions are weighed, and the weights learn, too. */
static int read_mixed(int32_t *weights, const int32_t *slots, int K)
{
    int32_t opinions[3];
    int64_t s = 0;
    for (int k = 0; k < K; k++) {
        opinions[k] = stretch(16 * (int32_t)(context_p[slots[k]] >> (P_BITS - 12)) + 8);
        s += (int64_t)weights[k] * opinions[k];
    }
    s = shift_right(s, 16);
    int32_t P = squash((int32_t)(s < -LIMIT ? -LIMIT : s > LIMIT ? LIMIT : s));
    P = P < LEAST_P ? LEAST_P : P > ONE - LEAST_P ? ONE - LEAST_P : P;
    int bit = read_bit(P);
    for (int k = 0; k < K; k++) {
        weights[k] += (int32_t)shift_right((int64_t)(bit * ONE - P) * opinions[k] + (1 << 13), 14);
        learn(slots[k], bit);
    }
    return bit;
}

/* Elias's gamma code: how many bits a number has, in unary, then these without the leading 1. */
static int32_t read_gamma(int32_t contexts)
{
    int width = 1;
    while (width < 31 && read_counted(contexts + TREE + width))
        width++;
    int32_t value = 1;
    for (; width > 1; width--)
        value = 2 * value + (value < TREE ? read_counted(contexts + value) : read_bit(ONE / 2));
    return value;
}

/* A whole number from `least` to `top`: "is it more?" as often as the answer is yes; large ones end in a gamma code. */
static int32_t read_size(int32_t *weights, int32_t *slots, int K, int32_t gamma, int32_t least, int32_t top)
{
    int32_t last = least + (top <= 15 ? 12 : 2);
    last = last > top ? top : last;
    for (int32_t k = least; k < last; k++) {
        if (!read_mixed(weights, slots, K))
            return k;
        weights += K;
        for (int i = 0; i < K; i++)
            slots[i]++;
    }
    return last == top ? last : last + read_gamma(gamma) - 1;
}

static int bit_length(uint32_t n)
{
    int length = 0;
    for (; n; n >>= 1)
        length++;
    return length;
}

/* Roughly 2 log2(n): twice the place of the leading bit, and the bit after it. */
static int32_t half_octaves(uint32_t n)
{
    int length = bit_length(n);
    return n < 2 ? 0 : 2 * (length - 1) + (int32_t)(n >> (length - 2) & 1);
}

/* 0, 1, 2 for 0, positive, negative. */
static int32_t sign_of(int32_t w)
{
    return w == 0 ? 0 : w > 0 ? 1 : 2;
}

static void reset_mixer(int32_t *weights, int count, int32_t K)
{
    for (int i = 0; i < count; i++)
        weights[i] = ONE / K + ONE / 20;
}

/* Begin with the first bit of the code. */
static void begin_code(void)
{
    fill_lower();
    tape_low = tape_at = 0;
    tape_high = 0xFFFFFFFF;
    for (int i = 0; i < 4; i++)
        next_byte();
}

/* Before a layer's first row: forget what the last layer has taught, and read which inputs have any weight. */
static void begin_layer(const rows *r)
{
    for (int32_t i = 0; i < CONTEXTS; i++) {
        context_p[i] = (uint32_t)1 << (P_BITS - 1);
        context_n[i] = 0;
    }
    reset_mixer(position_mixer, 2, 2);
    reset_mixer(sign_mixer, 3, 3);
    reset_mixer(size_mixers[0], QUESTIONS * 3, 3);
    reset_mixer(bias_mixers[0], BIAS_QUESTIONS, 1);
    for (int32_t j = 0; j < r->size; j++) {
        int32_t x = j % r->W, y = j / r->W % r->H;
        int left = x > 0 && column[j - 1].used, up = y > 0 && column[j - r->W].used;
        int up_left = x > 0 && y > 0 && column[j - r->W - 1].used;
        int up_right = x < r->W - 1 && y > 0 && column[j - r->W + 1].used;
        column[j].used = (uint8_t)read_counted(COLUMNS + left + 2 * up + 4 * up_left + 8 * up_right);
        column[j].count = column[j].sign = 0;
    }
}

static int32_t read_bias(void)
{
    int32_t slots[1] = {BIASES};
    int32_t size = read_size(bias_mixers[0], slots, 1, BIAS_GAMMA, 0, INT32_MAX);
    return size && read_counted(BIAS_SIGN) ? -size : size;
}

/* The weight of input j, which is not 0, from its neighbours' and the mean size in the row. */
static int8_t read_weight(const rows *r, int32_t j, int32_t left, int32_t up, int32_t corners, int32_t mean)
{
    int32_t signs[3] = {SIGNS + 3 * sign_of(left) + sign_of(up),
                        SIGNS + 9 + 27 * sign_of(left) + 9 * sign_of(up) + corners, SIGNS + 90 + column[j].sign};
    int negative = read_mixed(sign_mixer, signs, 3);
    int32_t near_left = left < 0 ? -left : left, near_up = up < 0 ? -up : up;
    near_left = near_left > NEAR ? NEAR : near_left;
    near_up = near_up > NEAR ? NEAR : near_up;
    int32_t sizes[3] = {SIZES, SIZES + QUESTIONS * (1 + (NEAR + 1) * near_left + near_up),
                        SIZES + QUESTIONS * (1 + (NEAR + 1) * (NEAR + 1) + mean)};
    int32_t size = read_size(size_mixers[0], sizes, 3, SIZE_GAMMA, 1, r->top);
    return (int8_t)(negative ? -size : size);
}

/* Unpack the next row, number o of its layer, into `row`; returns the bias of output o. */
static int32_t unpack_row(const rows *r, int32_t o, int8_t *row)
{
    if (o == 0)
        begin_layer(r);
    int32_t bias = read_bias();
    uint32_t seen = 0, there = 0, total = 0;
    for (int32_t j = 0; j < r->size; j++) {
        row[j] = 0;
        if (!column[j].used)
            continue;
        int32_t x = j % r->W, y = j / r->W % r->H;
        int32_t left = x > 0 ? row[j - 1] : 0, up = y > 0 ? row[j - r->W] : 0;
        int32_t up_left = x > 0 && y > 0 ? row[j - r->W - 1] : 0;
        int32_t up_right = x < r->W - 1 && y > 0 ? row[j - r->W + 1] : 0;
        int32_t left_left = x > 1 ? row[j - 2] : 0;
        int32_t n = column[j].count;
        int32_t slots[2] = {POSITIONS + half_octaves((10 * there + 6) * 4096 / (10 * seen + 40)) * COUNTS
                                + (n < 4 ? n : 2 + bit_length((uint32_t)n)),
                            POSITIONS + DENSITIES * COUNTS + (left != 0) + 2 * (up != 0) + 4 * (up_left != 0)
                                + 8 * (up_right != 0) + 16 * (left_left != 0)};
        seen++;
        if (!read_mixed(position_mixer, slots, 2))
            continue;
        uint32_t mean = there == 0 ? 0 : 2 * total / there;
        row[j] = read_weight(r, j, left, up, 3 * sign_of(up_left) + sign_of(up_right), (int32_t)(mean > 12 ? 12 : mean));
        there++;
        total += (uint32_t)(row[j] < 0 ? -row[j] : row[j]);
        column[j].count = (uint16_t)(n < MOST_COUNTED ? n + 1 : n);
        column[j].sign = (uint8_t)sign_of(row[j]);
    }
    return bias;
}

#ifdef NNLITE_UNPACK
static int8_t kept_rows[ALL_WEIGHTS];
static int32_t kept_biases[ALL_ROWS], weights_at, row_at;
static int complete;

static void begin_weights(void)
{
    complete = complete || row_at == ALL_ROWS;
    weights_at = row_at = 0;
    if (!complete)
        begin_code();
}

/* Row o of the weights, and the bias of output o. The rows of a run have to be asked for one after the other. */
static const int8_t *next_row(const rows *r, int32_t o, int32_t *bias)
{
    int8_t *row = kept_rows + weights_at;
    if (!complete)
        kept_biases[row_at] = unpack_row(r, o, row);
    *bias = kept_biases[row_at++];
    weights_at += r->size;
    return row;
}
#else
static void begin_weights(void)
{
    begin_code();
}

/* The same, in memory for one row. */
static const int8_t *next_row(const rows *r, int32_t o, int32_t *bias)
{
    static int8_t row[LONGEST_ROW];
    *bias = unpack_row(r, o, row);
    return row;
}
#endif
