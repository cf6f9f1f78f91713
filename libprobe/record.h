/*
 * What libprobe writes: segments that hold blocks that hold frames.
 * Declared once, here. C includes it through segment.h (guards, layout asserts);
 * Python's cffi reads the text as it is, so: declarations, enums, structs and
 * plain #define NAME NUMBER only.
 *
 * segment  a preallocated file, mapped shared by every process of one host.
 *          Its header fills PROBE_HEADER_SIZE bytes; blocks follow.
 * block    a run of PROBE_BLOCK_UNIT-sized units claimed by one thread by an
 *          atomic add on segment.next. The last unit is kept for who finds no room
 *          and can make no further segment: it says so there, once a segment. A unit whose magic is 0 was claimed by a
 *          process that died before it wrote the block's header: skip it.
 * frame    claimed by an atomic add on block.used, committed by one store of
 *          frame.size. 0 = claimed, > 0 = being written (size in bytes, whole
 *          frame, a multiple of 8), < 0 = committed (minus that size).
 *          A frame that was claimed and no more is zero throughout, so whoever reads after the writers'
 *          end finds the next one behind the zeros (a vfork child's torn frame stands before its parent's).
 *          A block that is full ends with a frame of kind PROBE_END (8 bytes are
 *          enough for one). Bytes after the text's final NUL are padding.
 *
 * Texts are NUL-terminated bytes, never decoded. A path stands as the program
 * gave it; relative ones belong to the directory of the frame (PROBE_AT) or to
 * the current directory of the exec (START, FORKED, PLACE). Times are ticks of
 * 256 ns since the block's base; a block older than 2^32 ticks is not used again.
 *
 * Raise PROBE_VERSION when a reader of the old version would misread the new.
 * New kinds may be added without raising it: readers skip kinds unknown to them
 * and count them.
 */

#define PROBE_VERSION 1
#define PROBE_HEADER_SIZE 16384
#define PROBE_BLOCK_UNIT 1024
#define PROBE_BLOCK_MAGIC 0x4b4c4250
#define PROBE_TICK_SHIFT 8
#define PROBE_SEEN_SLOTS 1024
#define PROBE_STEP_MAX 4096

struct probe_segment {
    char magic[8];              /* "PROBESEG" */
    uint32_t version;           /* PROBE_VERSION; by the creator */
    uint32_t header_size;       /* PROBE_HEADER_SIZE */
    uint64_t size;              /* of the file, allocated in full */
    uint8_t boot[16];           /* the kernel's boot id, as bytes */
    uint8_t run[16];            /* the run's id (a UUID), as bytes */
    uint8_t key[16];            /* SipHash-2-4 key for environment digests */
    int64_t monotonic;          /* CLOCK_MONOTONIC and CLOCK_REALTIME, in ns, */
    int64_t realtime;           /*   read together at creation */
    char host[65];              /* uname nodename, NUL-terminated */
    uint8_t told_full;          /* the last unit has been claimed, for the gap NO_ROOM; atomic */
    uint8_t padding[6];
    uint32_t number;            /* 0, 1, 2 … of this host in this run */
    uint32_t newest;            /* in number 0 only: highest number that exists; atomic */
    uint64_t next;              /* offset of the first free unit; atomic; may pass size */
    uint64_t lost;              /* frames that found no room; atomic */
    uint64_t seen[PROBE_SEEN_SLOTS]; /* ids of sets already written in this segment */
};

struct probe_block {
    uint32_t magic;             /* PROBE_BLOCK_MAGIC, stored last */
    uint32_t size;              /* of the block, this header included */
    uint32_t used;              /* offset of the next free byte in the block; atomic; may pass size */
    uint32_t pid;
    uint32_t tid;
    uint32_t padding;
    uint64_t exec;              /* the exec's id in the run on this host: number << 32 | offset / unit of its first block */
    int64_t base;               /* CLOCK_MONOTONIC in ns at claim */
};

struct probe_frame {
    int32_t size;               /* see above; stored last */
    uint8_t kind;               /* enum probe_kind */
    uint8_t error;              /* errno of the call, 0 when it succeeded */
    uint16_t detail;            /* bits, by kind */
    uint32_t when;              /* ticks since block.base: when the call returned */
    uint32_t last;              /* foldable kinds: ticks of the newest repetition, else 0 */
};

enum probe_kind {
    PROBE_END = 1,              /* no more frames in this block */
    /* an exec's life */
    PROBE_START = 2,            /* struct probe_start: a program began (after exec) */
    PROBE_FORKED = 3,           /* struct probe_start: first note of a child that did not exec (no argv) */
    PROBE_STEP = 4,             /* text: PROBE_STEP of this exec, when it is set and differs from the parent's note */
    PROBE_ENVIRON = 5,          /* struct probe_set: environment, once per distinct one */
    PROBE_LIBRARIES = 6,        /* struct probe_set: the loader's list, once per distinct one */
    PROBE_DESCRIPTOR = 7,       /* struct probe_identity (descriptor, no text or its path): open at start, or moved to 0..2 by dup */
    PROBE_DIRECTORY = 8,        /* struct probe_directory: the path behind a directory descriptor */
    PROBE_EXIT = 9,             /* struct probe_exit: the exec's end as the process itself saw it */
    /* accesses; (F) = foldable: struct probe_access */
    PROBE_READ = 16,            /* (F) opened for reading */
    PROBE_LOOKUP = 17,          /* (F) stat, access, readlink and their like */
    PROBE_LIST = 18,            /* (F) directory opened to be listed */
    PROBE_LOAD = 19,            /* (F) dlopen: the name asked for, noted before the call */
    PROBE_WRITE = 20,           /* struct probe_identity + path: opened for writing */
    PROBE_CLOSE = 21,           /* struct probe_identity: a descriptor open for writing was closed */
    PROBE_REMOVE = 22,          /* struct probe_names */
    PROBE_RENAME = 23,          /* struct probe_names, two paths: from, to */
    PROBE_LINK = 24,            /* struct probe_names, two paths: target, new name (hard link) */
    PROBE_SYMLINK = 25,         /* struct probe_names, two paths: content, new name */
    PROBE_MAKE = 26,            /* struct probe_names: mkdir, mknod, mkfifo */
    PROBE_CHANGE = 27,          /* struct probe_identity + path or empty: content changed without open (truncate, clone) */
    PROBE_METADATA = 28,        /* struct probe_names: mode, owner, times, attributes; path empty when by descriptor */
    PROBE_PLACE = 29,           /* text: the new current directory, absolute */
    /* processes */
    PROBE_EXEC = 32,            /* struct probe_exec: before exec or spawn */
    PROBE_EXEC_FAILED = 33,     /* struct probe_exec: the exec noted before did not happen */
    PROBE_FORK = 34,            /* struct probe_child: in the parent */
    PROBE_WAIT = 35,            /* struct probe_exit: a child was reaped */
    /* data between processes, and beyond */
    PROBE_PIPE = 40,            /* struct probe_identity of a pipe or socketpair end */
    PROBE_REMOTE = 41,          /* text: "connect" or "accept", the protocol and the peer, see remote.c */
    PROBE_LANGUAGE = 42,        /* reserved: notes from inside a language's run-time, as text */
    PROBE_INSIDE = 43,          /* text: this exec is below a starter of containers: "TOKEN PIDS MOUNTS TABLE",
                                 *   its variable, its namespaces' names ("-": not known), the id of its MOUNTS */
    PROBE_MOUNTS = 44,          /* text: "TABLE", a newline, /proc/self/mountinfo; once per distinct one */
    PROBE_GAP = 48              /* struct probe_gap + text: what could not be seen */
};

/* detail bits of accesses */
enum probe_detail {
    PROBE_AT = 1,               /* the (first) path is relative to .directory */
    PROBE_AT_SECOND = 2,        /* the second path is relative to .directory_second */
    PROBE_CREATED = 4,          /* WRITE: O_CREAT was given */
    PROBE_EXCLUSIVE = 8,        /* WRITE: O_EXCL; RENAME: RENAME_NOREPLACE */
    PROBE_TRUNCATED = 16,       /* WRITE: O_TRUNC */
    PROBE_APPENDED = 32,        /* WRITE: O_APPEND */
    PROBE_BOTH = 64,            /* WRITE: O_RDWR: the descriptor can read too; RENAME: RENAME_EXCHANGE */
    PROBE_NO_NAME = 128,        /* WRITE: O_TMPFILE or memfd */
    PROBE_NO_FOLLOW = 256,      /* LOOKUP: the link itself; READ: O_NOFOLLOW */
    PROBE_IS_DIRECTORY = 512,   /* READ: O_DIRECTORY; REMOVE: rmdir; MAKE: mkdir */
    PROBE_NEXT_IMAGE = 1024,    /* EXEC: the target can be entered by the preload */
    PROBE_SPAWNED = 2048,       /* EXEC: posix_spawn and its like: a child will run it */
    PROBE_CUT = 4096,           /* a text was too long and was cut */
    PROBE_CLOSE_ON_EXEC = 8192, /* DESCRIPTOR, WRITE: O_CLOEXEC */
    PROBE_SHARED = 16384,       /* foldable kinds: the path stands, in part or whole, in an earlier frame */
    PROBE_ATTEMPTED = 32768     /* by the second mechanism: the result was foreseen by a look-up, not seen */
};

struct probe_access {
    struct probe_frame frame;
    uint32_t count;             /* how often; atomic */
    /* PROBE_AT: 4 bytes padding, uint64_t directory, then the path; else the path follows.
     * PROBE_SHARED: uint32_t, the place in this segment (in units of 8 bytes) of a foldable frame of the
     * same exec that was committed before; whose path it is when nothing follows, else the text that
     * follows stands for what is behind the last slash there. PROBE_AT is that frame's affair then. A
     * frame that stands for another's whole path is not referred to. */
};

struct probe_start {
    struct probe_frame frame;
    uint32_t pid;
    uint32_t parent;            /* getppid */
    uint64_t parent_exec;       /* FORKED: block.exec of the parent; START: 0 */
    uint64_t environ;           /* id of the PROBE_ENVIRON set, 0 = unknown */
    uint64_t libraries;         /* id of the PROBE_LIBRARIES set, 0 = unknown */
    uint32_t arguments;         /* number of argument texts */
    uint32_t uid;
    /* texts: AT_EXECFN as the kernel has it, current directory, arguments… */
};

struct probe_set {
    struct probe_frame frame;
    uint64_t id;                /* a hash of the whole; equal sets have equal ids */
    uint32_t count;
    uint32_t padding;
    /* LIBRARIES: `count` texts (paths), ld.so among them.
     * ENVIRON: `count` times: 8 bytes keyed digest of the value (unaligned), name, NUL,
     *          then '=' value NUL for names whose values may be kept, or just NUL. */
};

struct probe_identity {
    struct probe_frame frame;
    int32_t descriptor;         /* -1 = none (the call failed) */
    uint32_t mode;              /* st_mode */
    uint32_t flags;             /* F_GETFL / open flags */
    uint32_t links;             /* st_nlink */
    uint64_t device;            /* st_dev */
    uint64_t inode;
    int64_t size;               /* bytes */
    int64_t modified;           /* st_mtim in ns */
    int64_t changed;            /* st_ctim in ns */
    int64_t position;           /* DESCRIPTOR: lseek; else 0 */
    uint64_t directory;         /* PROBE_AT */
    /* text: the path, empty when not known */
};

struct probe_names {
    struct probe_frame frame;
    uint64_t directory;         /* PROBE_AT */
    uint64_t directory_second;  /* PROBE_AT_SECOND */
    uint64_t device;            /* RENAME, LINK, MAKE: of the thing at its new name; 0 = not asked */
    uint64_t inode;
    /* texts: one path, or two */
};

struct probe_directory {
    struct probe_frame frame;
    uint64_t key;               /* what PROBE_AT frames of this exec name */
    /* text: the absolute path */
};

struct probe_exec {
    struct probe_frame frame;
    uint32_t pid;               /* of the process that will become it, by the kernel; SPAWNED: 0, or the child in a second note */
    uint32_t arguments;         /* number of argument texts; 0 with PROBE_NEXT_IMAGE (START has them) */
    uint64_t directory;         /* PROBE_AT */
    /* texts: path as found (PATH searched), interpreter line of a script ("" if none), arguments… */
};

struct probe_child {
    struct probe_frame frame;
    uint32_t pid;
    uint32_t flags;             /* clone flags; 0 = fork */
};

struct probe_exit {
    struct probe_frame frame;
    uint32_t pid;
    int32_t status;             /* WAIT: wait status; EXIT: the exit code << 8, -1 = not known */
    int64_t user;               /* CPU time in µs; -1 = not known */
    int64_t system;
    int64_t memory;             /* peak resident set in KiB; -1 = not known */
};

struct probe_gap {
    struct probe_frame frame;
    uint32_t reason;            /* enum probe_reason */
    uint32_t pid;
    /* text: the program or path it is about */
};

enum probe_reason {
    PROBE_STATIC = 1,           /* no dynamic loader: the preload cannot enter */
    PROBE_PRIVILEGED = 2,       /* set-uid, set-gid or file capabilities */
    PROBE_FOREIGN = 3,          /* another word size or machine */
    PROBE_UNREADABLE = 4,       /* the target's header could not be read */
    PROBE_IO_URING = 5,
    PROBE_NAMESPACE = 6,        /* dlmopen, RTLD_DEEPBIND: calls of the loaded library pass by */
    PROBE_ROOT_CHANGED = 7,     /* chroot, pivot_root, unshare, setns */
    PROBE_NO_ROOM = 8,          /* no further segment could be made (disk full, quota, read-only) */
    PROBE_RAW_CALL = 9,         /* syscall(2) with a number that changes files or programs */
    PROBE_TOO_LONG = 10,        /* a text did not fit and was cut */
    PROBE_DISARMED = 11,        /* set-uid below --static=watch: it ran without its privilege */
    PROBE_UNWATCHED = 12,       /* who watched a static program was killed: from then on nothing is seen */
    PROBE_SERVES_FILES = 13     /* a watched program serves a file system: from then on no files are looked at */
};
