/*
 * What the compiled reader gives to reader.py. cffi reads this text as it is, like record.h.
 *
 * One look at the segments of one host: reader_begin, reader_add for each segment in the
 * same order as at the last look, reader_build, then the fields of struct reader_view.
 * What they point to stays until the next reader_begin; texts point into the bytes given
 * to reader_add, which must stay until then too. Images and paths keep their numbers from
 * look to look. Nothing read is believed: each offset, size and text is checked first.
 */

#define READER_NONE 4294967295

enum reader_reason {
    READER_TORN = 1,            /* claimed, never committed */
    READER_BAD_BLOCK = 2,       /* a block's size leads out of the segment */
    READER_BAD_FRAME = 3,       /* a frame's size leads out of its block */
    READER_BAD_TEXT = 4,        /* a frame is too small for what its kind holds */
    READER_UNKNOWN_KIND = 5,
    READER_UNKNOWN_DIRECTORY = 6 /* a relative path below a directory that nobody named */
};

struct reader_text {
    uint32_t segment;           /* which reader_add */
    uint32_t count;             /* NUL-terminated texts that follow each other */
    uint64_t offset;            /* in the segment */
    uint64_t size;              /* bytes, the NULs included */
};

struct reader_image {
    uint64_t id;                /* block.exec */
    uint64_t parent_id;
    uint64_t environ;           /* id of a set; 0 = not known */
    uint64_t libraries;
    int64_t started;            /* Unix ns */
    uint32_t pid;
    uint32_t parent;
    uint32_t uid;
    uint32_t program;           /* path; READER_NONE: not known */
    uint32_t directory;
    uint32_t segment;           /* of its first block */
    uint64_t offset;
    struct reader_text arguments;
    struct reader_text step;    /* count 0: none */
    uint8_t begun;              /* kind of the frame it began with; 0: torn */
    uint8_t cut;                /* arguments were cut */
    uint8_t changed;            /* since the last look */
};

struct reader_identity {
    int64_t descriptor;
    int64_t mode;
    int64_t flags;
    int64_t links;
    uint64_t device;
    uint64_t inode;
    int64_t size;
    int64_t modified;
    int64_t changed;
    int64_t position;
};

struct reader_set {
    uint64_t id;
    uint32_t kind;              /* PROBE_ENVIRON, PROBE_LIBRARIES */
    uint32_t padding;
    struct reader_text text;
};

struct reader_usage {
    int64_t row;
    int64_t user;
    int64_t system;
    int64_t memory;
};

struct reader_arguments {
    uint64_t row;
    struct reader_text text;
};

struct reader_fault {
    uint32_t segment;
    uint32_t reason;            /* enum reader_reason */
    uint32_t image;             /* READER_NONE: of no image */
    uint32_t decoded;           /* 1: of an image that was decoded at this look; 0: of the walk */
    uint64_t offset;
};

struct reader_view {
    uint64_t rows;              /* new since the last look, or changed */
    uint64_t *id;               /* of the frame, the same at each look: segment << 32 | offset / 8 */
    uint8_t *kind;
    uint8_t *error;
    uint16_t *detail;
    int64_t *when;
    int64_t *last;
    uint32_t *count;
    uint32_t *image;
    uint32_t *path;
    uint32_t *second;
    uint32_t *identity;
    int32_t *value;
    uint32_t *pid;
    uint64_t images;            /* all there are */
    struct reader_image *image_at;
    uint64_t identities;        /* of the rows of this look */
    struct reader_identity *identity_at;
    uint64_t sets;
    struct reader_set *set_at;
    uint64_t usages;
    struct reader_usage *usage_at;
    uint64_t arguments;
    struct reader_arguments *arguments_at;
    uint64_t faults;
    struct reader_fault *fault_at;
    uint64_t paths;             /* how many there are */
    uint64_t path_bytes;        /* all paths, each with a NUL behind it */
    char *path_at;
};

struct reader;

struct reader *reader_new(int repeated);    /* repeated: there will be more looks; NULL: no memory */
void reader_free(struct reader *reader);
struct reader_view *reader_view(struct reader *reader);
void reader_begin(struct reader *reader);
/* 0, or -1: no memory. `clock` is added to CLOCK_MONOTONIC to give Unix ns. */
int reader_add(struct reader *reader, const char *bytes, uint64_t size, uint64_t header, int64_t clock, int ended);
int reader_build(struct reader *reader, int ended);
void reader_release_rows(struct reader *reader); /* gives the rows' memory back */
