/* Real faults for tests, by LD_PRELOAD: counts the calls that change files below given folders (or read them), and lets
 * the n-th one fail, fall short, or be the last thing that the process does.
 *
 * What is asked and what was seen stand in a mapped file, so that they outlive a SIGKILL and count over a fork:
 * struct state below, and `State` in shim.py. Armed by the environment at start or by faults_arm() later.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { COUNT, FULL_ONCE, BROKEN_ONCE, QUOTA, SHORT, KILL_BEFORE, KILL_AFTER, STAYS_FULL, STAYS_BROKEN };
enum group { CHANGES = 1, READS = 2 };
enum need { PLAIN = 0, SPACE = 1, BYTES = 3 }; /* needs space; and can be done in part */

#define MOST_CALLS 64
struct state {
    _Atomic uint64_t count; /* calls seen */
    uint64_t nth;           /* the one that is struck, from 1; 0: none */
    int32_t kind;
    int32_t group;
    _Atomic int32_t struck; /* how many calls were answered wrongly */
    int32_t unused;
    char call[32]; /* the first one struck */
    char path[968];
    struct {
        char name[24];
        _Atomic uint64_t count;
    } calls[MOST_CALLS];
};

static struct state *state;
static char folders[4096]; /* separated by colons, absolute */
static __thread int inside;

static int is_below(const char *path) {
    for (const char *at = folders; *at;) {
        size_t length = strcspn(at, ":");
        if (length && !strncmp(path, at, length) && (path[length] == '/' || path[length] == 0 || path[length] == ' '))
            return 1;
        at += length + (at[length] == ':');
    }
    return 0;
}

static const char *path_of(int fd, char *into) {
    char link[40];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    long length = syscall(SYS_readlinkat, AT_FDCWD, link, into, PATH_MAX - 1);
    into[length > 0 ? length : 0] = 0;
    return into;
}

static const char *path_at(int folder, const char *path, char *into) {
    if (!path || !*path)
        return path_of(folder, into);
    if (*path == '/') {
        snprintf(into, PATH_MAX, "%s", path);
        return into;
    }
    char base[PATH_MAX];
    if (folder == AT_FDCWD) {
        if (syscall(SYS_getcwd, base, sizeof base) <= 0)
            base[0] = 0;
    } else
        path_of(folder, base);
    size_t length = strlen(base);
    memcpy(into, base, length);
    snprintf(into + length, PATH_MAX - length, "/%s", path);
    return into;
}

static void die(void) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;)
        pause();
}

static atomic_flag tallying = ATOMIC_FLAG_INIT;

static void tally(const char *name) {
    while (atomic_flag_test_and_set(&tallying))
        ;
    for (int at = 0; at < MOST_CALLS; at++) {
        if (!state->calls[at].name[0])
            strncpy(state->calls[at].name, name, sizeof state->calls[at].name - 1);
        if (!strncmp(state->calls[at].name, name, sizeof state->calls[at].name - 1)) {
            atomic_fetch_add(&state->calls[at].count, 1);
            break;
        }
    }
    atomic_flag_clear(&tallying);
}

enum { GO_ON = 0, HALF = -1, THEN_DIE = -2 };

/* What is to become of this call: an errno, or one of the above. */
static int verdict(const char *name, int group, int need, const char *path) {
    if (!(state->group & group) || !is_below(path))
        return GO_ON;
    tally(name);
    uint64_t number = atomic_fetch_add(&state->count, 1) + 1;
    int kind = state->kind;
    if (!state->nth || number < state->nth)
        return GO_ON;
    if (number > state->nth && kind != STAYS_FULL && kind != STAYS_BROKEN)
        return GO_ON;
    if (kind == COUNT || (kind == SHORT && need != BYTES) || (kind == STAYS_FULL && !need))
        return GO_ON;
    if (atomic_fetch_add(&state->struck, 1) == 0) {
        strncpy(state->call, name, sizeof state->call - 1);
        strncpy(state->path, path, sizeof state->path - 1);
    }
    switch (kind) {
    case FULL_ONCE:
    case STAYS_FULL:
        return ENOSPC;
    case QUOTA:
        return EDQUOT;
    case SHORT:
        return HALF;
    case KILL_BEFORE:
        die();
        return EIO;
    case KILL_AFTER:
        return THEN_DIE;
    default:
        return EIO;
    }
}

static int asked(const char *name, int group, int need, int fd, const char *path, int has_path) {
    if (!state || inside)
        return GO_ON;
    inside = 1;
    int kept = errno;
    char place[PATH_MAX * 2];
    int told = verdict(name, group, need, has_path ? path_at(fd, path, place) : path_of(fd, place));
    errno = kept;
    inside = 0;
    return told;
}

int faults_arm(const char *file, const char *below, unsigned long nth, int kind, int group) {
    int fd = syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || syscall(SYS_ftruncate, fd, sizeof(struct state)))
        return -1;
    struct state *mapped = mmap(0, sizeof(struct state), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    syscall(SYS_close, fd);
    if (mapped == MAP_FAILED)
        return -1;
    snprintf(folders, sizeof folders, "%s", below);
    mapped->nth = nth;
    mapped->kind = kind;
    mapped->group = group;
    state = mapped;
    return 0;
}

void faults_disarm(void) { state = 0; }

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("FAULTS_STATE"), *below = getenv("FAULTS_FOLDERS");
    if (file && below)
        faults_arm(file, below, strtoul(getenv("FAULTS_NTH"), 0, 10), atoi(getenv("FAULTS_KIND")),
                   atoi(getenv("FAULTS_GROUP")));
}

/* One wrapper: result type, name, parameters, arguments; what it is; where it acts. */
#define REAL(type, name, params)                                                                                       \
    static type(*real) params;                                                                                         \
    if (!real)                                                                                                         \
        real = (type(*) params)dlsym(RTLD_NEXT, #name);

#define FINISH(type, told, call)                                                                                       \
    if ((told) > 0) {                                                                                                  \
        errno = (told);                                                                                                \
        return (type)-1;                                                                                               \
    }                                                                                                                  \
    type result = call;                                                                                                \
    if ((told) == THEN_DIE)                                                                                            \
        die();                                                                                                         \
    return result;

#define BY_FD(type, name, params, args, group, need, fd)                                                               \
    type name params {                                                                                                 \
        REAL(type, name, params)                                                                                       \
        int told = asked(#name, group, need, fd, 0, 0);                                                                \
        FINISH(type, told, real args)                                                                                  \
    }

#define BY_PATH(type, name, params, args, need, folder, path)                                                          \
    type name params {                                                                                                 \
        REAL(type, name, params)                                                                                       \
        int told = asked(#name, CHANGES, need, folder, path, 1);                                                       \
        FINISH(type, told, real args)                                                                                  \
    }

/* `count` is the parameter that a short call halves. */
#define SOME_BYTES(name, params, args, group, fd, count)                                                               \
    ssize_t name params {                                                                                              \
        REAL(ssize_t, name, params)                                                                                    \
        int told = count > 1 ? asked(#name, group, BYTES, fd, 0, 0) : asked(#name, group, SPACE, fd, 0, 0);            \
        if (told == HALF)                                                                                              \
            count = count / 2;                                                                                         \
        FINISH(ssize_t, told, real args)                                                                               \
    }

SOME_BYTES(write, (int fd, const void *data, size_t count), (fd, data, count), CHANGES, fd, count)
SOME_BYTES(pwrite, (int fd, const void *data, size_t count, off_t at), (fd, data, count, at), CHANGES, fd, count)
SOME_BYTES(pwrite64, (int fd, const void *data, size_t count, off64_t at), (fd, data, count, at), CHANGES, fd, count)
SOME_BYTES(writev, (int fd, const struct iovec *data, int count), (fd, data, count), CHANGES, fd, count)
SOME_BYTES(pwritev, (int fd, const struct iovec *data, int count, off_t at), (fd, data, count, at), CHANGES, fd, count)
SOME_BYTES(pwritev64, (int fd, const struct iovec *data, int count, off64_t at), (fd, data, count, at), CHANGES, fd,
           count)
SOME_BYTES(pwritev2, (int fd, const struct iovec *data, int count, off_t at, int how), (fd, data, count, at, how),
           CHANGES, fd, count)
SOME_BYTES(pwritev64v2, (int fd, const struct iovec *data, int count, off64_t at, int how), (fd, data, count, at, how),
           CHANGES, fd, count)
SOME_BYTES(sendfile, (int out, int in, off_t *at, size_t count), (out, in, at, count), CHANGES, out, count)
SOME_BYTES(sendfile64, (int out, int in, off64_t *at, size_t count), (out, in, at, count), CHANGES, out, count)
SOME_BYTES(copy_file_range, (int in, off64_t *in_at, int out, off64_t *out_at, size_t count, unsigned how),
           (in, in_at, out, out_at, count, how), CHANGES, out, count)
SOME_BYTES(splice, (int in, off64_t *in_at, int out, off64_t *out_at, size_t count, unsigned how),
           (in, in_at, out, out_at, count, how), CHANGES, out, count)

SOME_BYTES(read, (int fd, void *data, size_t count), (fd, data, count), READS, fd, count)
SOME_BYTES(pread, (int fd, void *data, size_t count, off_t at), (fd, data, count, at), READS, fd, count)
SOME_BYTES(pread64, (int fd, void *data, size_t count, off64_t at), (fd, data, count, at), READS, fd, count)
SOME_BYTES(readv, (int fd, const struct iovec *data, int count), (fd, data, count), READS, fd, count)
SOME_BYTES(preadv64v2, (int fd, const struct iovec *data, int count, off64_t at, int how), (fd, data, count, at, how),
           READS, fd, count)

BY_FD(int, fsync, (int fd), (fd), CHANGES, PLAIN, fd)
BY_FD(int, fdatasync, (int fd), (fd), CHANGES, PLAIN, fd)
BY_FD(int, syncfs, (int fd), (fd), CHANGES, PLAIN, fd)
BY_FD(int, sync_file_range, (int fd, off64_t at, off64_t size, unsigned how), (fd, at, size, how), CHANGES, PLAIN, fd)
BY_FD(int, ftruncate, (int fd, off_t size), (fd, size), CHANGES, PLAIN, fd)
BY_FD(int, ftruncate64, (int fd, off64_t size), (fd, size), CHANGES, PLAIN, fd)
BY_FD(int, fallocate, (int fd, int how, off_t at, off_t size), (fd, how, at, size), CHANGES, SPACE, fd)
BY_FD(int, fallocate64, (int fd, int how, off64_t at, off64_t size), (fd, how, at, size), CHANGES, SPACE, fd)
BY_FD(int, fchmod, (int fd, mode_t mode), (fd, mode), CHANGES, PLAIN, fd)
BY_FD(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group), CHANGES, PLAIN, fd)
BY_FD(int, futimens, (int fd, const struct timespec times[2]), (fd, times), CHANGES, PLAIN, fd)
BY_FD(int, fsetxattr, (int fd, const char *key, const void *value, size_t size, int how), (fd, key, value, size, how),
      CHANGES, SPACE, fd)

BY_PATH(int, rename, (const char *old, const char *new), (old, new), SPACE, AT_FDCWD, new)
BY_PATH(int, renameat, (int from, const char *old, int to, const char *new), (from, old, to, new), SPACE, to, new)
BY_PATH(int, renameat2, (int from, const char *old, int to, const char *new, unsigned how), (from, old, to, new, how),
        SPACE, to, new)
BY_PATH(int, link, (const char *old, const char *new), (old, new), SPACE, AT_FDCWD, new)
BY_PATH(int, linkat, (int from, const char *old, int to, const char *new, int how), (from, old, to, new, how), SPACE,
        to, new)
BY_PATH(int, symlink, (const char *to, const char *path), (to, path), SPACE, AT_FDCWD, path)
BY_PATH(int, symlinkat, (const char *to, int folder, const char *path), (to, folder, path), SPACE, folder, path)
BY_PATH(int, mkdir, (const char *path, mode_t mode), (path, mode), SPACE, AT_FDCWD, path)
BY_PATH(int, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode), SPACE, folder, path)
BY_PATH(int, unlink, (const char *path), (path), PLAIN, AT_FDCWD, path)
BY_PATH(int, unlinkat, (int folder, const char *path, int how), (folder, path, how), PLAIN, folder, path)
BY_PATH(int, rmdir, (const char *path), (path), PLAIN, AT_FDCWD, path)
BY_PATH(int, truncate, (const char *path, off_t size), (path, size), PLAIN, AT_FDCWD, path)
BY_PATH(int, truncate64, (const char *path, off64_t size), (path, size), PLAIN, AT_FDCWD, path)
BY_PATH(int, chmod, (const char *path, mode_t mode), (path, mode), PLAIN, AT_FDCWD, path)
BY_PATH(int, fchmodat, (int folder, const char *path, mode_t mode, int how), (folder, path, mode, how), PLAIN, folder,
        path)
BY_PATH(int, chown, (const char *path, uid_t user, gid_t group), (path, user, group), PLAIN, AT_FDCWD, path)
BY_PATH(int, lchown, (const char *path, uid_t user, gid_t group), (path, user, group), PLAIN, AT_FDCWD, path)
BY_PATH(int, fchownat, (int folder, const char *path, uid_t user, gid_t group, int how),
        (folder, path, user, group, how), PLAIN, folder, path)
BY_PATH(int, utimensat, (int folder, const char *path, const struct timespec times[2], int how),
        (folder, path, times, how), PLAIN, folder, path)
BY_PATH(int, setxattr, (const char *path, const char *key, const void *value, size_t size, int how),
        (path, key, value, size, how), SPACE, AT_FDCWD, path)
BY_PATH(int, lsetxattr, (const char *path, const char *key, const void *value, size_t size, int how),
        (path, key, value, size, how), SPACE, AT_FDCWD, path)

/* It answers with the number of the error, and leaves errno alone. */
#define ALLOCATE(name, type)                                                                                           \
    int name(int fd, type at, type size) {                                                                             \
        REAL(int, name, (int, type, type))                                                                             \
        int told = asked(#name, CHANGES, SPACE, fd, 0, 0);                                                             \
        if (told > 0)                                                                                                  \
            return told;                                                                                               \
        int result = real(fd, at, size);                                                                               \
        if (told == THEN_DIE)                                                                                          \
            die();                                                                                                     \
        return result;                                                                                                 \
    }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

/* Opening is a change only where it may make or empty a file. */
#define MODE_OF(how)                                                                                                   \
    mode_t mode = 0;                                                                                                   \
    if ((how) & O_CREAT || UNNAMED(how)) {                                                                             \
        va_list more;                                                                                                  \
        va_start(more, how);                                                                                           \
        mode = va_arg(more, mode_t);                                                                                   \
        va_end(more);                                                                                                  \
    }
#define UNNAMED(how) (((how) & __O_TMPFILE) == __O_TMPFILE) /* of several bits, one of them O_DIRECTORY's */
#define MAKES(how) ((how) & (O_CREAT | O_TRUNC) || UNNAMED(how))

#define OPEN(name)                                                                                                     \
    int name(const char *path, int how, ...) {                                                                         \
        REAL(int, name, (const char *, int, ...))                                                                      \
        MODE_OF(how)                                                                                                   \
        int told = MAKES(how) ? asked("open", CHANGES, SPACE, AT_FDCWD, path, 1) : GO_ON;                              \
        FINISH(int, told, real(path, how, mode))                                                                       \
    }
#define OPENAT(name)                                                                                                   \
    int name(int folder, const char *path, int how, ...) {                                                             \
        REAL(int, name, (int, const char *, int, ...))                                                                 \
        MODE_OF(how)                                                                                                   \
        int told = MAKES(how) ? asked("openat", CHANGES, SPACE, folder, path, 1) : GO_ON;                              \
        FINISH(int, told, real(folder, path, how, mode))                                                               \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

#define LISTING(name, type)                                                                                            \
    struct type *name(DIR *folder) {                                                                                   \
        REAL(struct type *, name, (DIR *))                                                                             \
        int told = asked("readdir", READS, PLAIN, dirfd(folder), 0, 0);                                                \
        if (told > 0) {                                                                                                \
            errno = told;                                                                                              \
            return 0;                                                                                                  \
        }                                                                                                              \
        return real(folder);                                                                                           \
    }
LISTING(readdir, dirent)
LISTING(readdir64, dirent64)
