#include "image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>

#include "environ.h"

#define SCRIPTS_MOST 5 /* as the kernel follows them */
#define HEAD 1024      /* ELF header and, as a rule, the program headers */

union head {
    char text[HEAD];
    Elf64_Ehdr elf;
};

static int is_privileged(int file, const struct stat *status)
{
    long user = KERNEL(geteuid, 0, 0, 0, 0), group = KERNEL(getegid, 0, 0, 0, 0);
    char value[32];
    if (status->st_mode & S_ISUID && status->st_uid != user)
        return 1;
    if ((status->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && status->st_gid != group)
        return 1;
    return user != 0 && KERNEL(fgetxattr, file, "security.capability", value, sizeof value) > 0;
}

static uint64_t file_offset(const Elf64_Phdr *parts, int count, uint64_t address)
{
    for (int i = 0; i < count; i++)
        if (parts[i].p_type == PT_LOAD && address >= parts[i].p_vaddr && address - parts[i].p_vaddr < parts[i].p_filesz)
            return address - parts[i].p_vaddr + parts[i].p_offset;
    return 0;
}

/* AddressSanitizer's library is the first that such a program needs. */
static __attribute__((noinline)) int needs_asan(int file, const Elf64_Phdr *parts, int count, const Elf64_Phdr *dynamic)
{
    Elf64_Dyn entries[64];
    char name[24] = "";
    uint64_t strings = 0, first = 0;
    size_t size = dynamic->p_filesz < sizeof entries ? dynamic->p_filesz : sizeof entries;
    long got = kernel_read_at(file, entries, size, (int64_t)dynamic->p_offset);
    for (long i = 0; i < got / (long)sizeof *entries && entries[i].d_tag != DT_NULL; i++)
        if (entries[i].d_tag == DT_STRTAB)
            strings = entries[i].d_un.d_ptr;
        else if (entries[i].d_tag == DT_NEEDED && !first)
            first = entries[i].d_un.d_val;
    strings = file_offset(parts, count, strings);
    if (!strings || !first || kernel_read_at(file, name, sizeof name - 1, (int64_t)(strings + first)) <= 0)
        return 0;
    return text_begins(name, "libasan.so") || text_begins(name, "libclang_rt.asan");
}

/* The dynamic loader run by name loads the preload as well. */
static int is_loader(const char *path)
{
    const char *name = path;
    for (; *path; path++)
        if (*path == '/')
            name = path + 1;
    return text_begins(name, "ld-") || text_begins(name, "ld.so");
}

/* 32-bit programs, which this machine runs as well. */
static void look_at_narrow(int file, const union head *head, long got, struct image *image)
{
    const Elf32_Ehdr *elf = (const Elf32_Ehdr *)(const void *)head->text;
    Elf32_Phdr part;
    if (ELF_MACHINE != EM_X86_64 || head->text[EI_CLASS] != ELFCLASS32 || got < (long)sizeof *elf || elf->e_machine != EM_386)
        return;
    image->narrow = 1;
    for (unsigned i = 0; i < elf->e_phnum && i < 32; i++)
        if (kernel_read_at(file, &part, sizeof part, (int64_t)(elf->e_phoff + i * sizeof part)) == (long)sizeof part &&
            part.p_type == PT_INTERP)
            image->preload = PRELOAD_NOT;
}

static __attribute__((noinline)) void look_at_elf(int file, const union head *head, long got, const char *path, struct image *image)
{
    const Elf64_Ehdr *elf = &head->elf;
    const Elf64_Phdr *interpreter = NULL, *dynamic = NULL;
    image->reason = PROBE_FOREIGN;
    look_at_narrow(file, head, got, image);
    if (head->text[EI_CLASS] != ELFCLASS64 || got < (long)sizeof *elf || elf->e_machine != ELF_MACHINE)
        return;
    image->reason = PROBE_UNREADABLE;
    Elf64_Phdr parts[32];
    int count = elf->e_phnum < 32 ? elf->e_phnum : 32;
    size_t size = (size_t)count * sizeof *parts;
    if (elf->e_phoff + size <= (uint64_t)got)
        bytes_copy(parts, head->text + elf->e_phoff, size);
    else if (kernel_read_at(file, parts, size, (int64_t)elf->e_phoff) != (long)size)
        return;
    for (int i = 0; i < count; i++)
        if (parts[i].p_type == PT_INTERP)
            interpreter = &parts[i];
        else if (parts[i].p_type == PT_DYNAMIC)
            dynamic = &parts[i];
    if (!interpreter && !(dynamic && is_loader(path))) {
        image->reason = PROBE_STATIC;
        return;
    }
    image->reason = 0;
    image->enters = 1;
    image->preload = dynamic && needs_asan(file, parts, count, dynamic) ? PRELOAD_ASAN : 0;
}

/* Splits "#! interpreter argument\n": the whole line into `line`, the interpreter into `path`. */
static void read_script(const char *text, long size, char line[PROBE_SCRIPT_MAX], char path[PROBE_SCRIPT_MAX])
{
    long from = 2, to = 0, end = 0;
    while (from < size && (text[from] == ' ' || text[from] == '\t'))
        from++;
    for (; from + to < size && to < PROBE_SCRIPT_MAX - 1 && text[from + to] && text[from + to] != '\n'; to++)
        line[to] = text[from + to];
    line[to] = 0;
    while (end < to && line[end] != ' ' && line[end] != '\t')
        end++;
    bytes_copy(path, line, (size_t)end);
    path[end] = 0;
}

static int open_image(int at, const char *path, struct image *image)
{
    int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int file = path[0] ? kernel_open(at, path, flags, 0) : at;
    if (file == -EACCES && KERNEL(faccessat, at, path, 1 /* X_OK */, 0) == 0)
        image->reason = PROBE_UNREADABLE;
    else if (file < 0)
        image->error = -file;
    return file;
}

static void look(int at, const char *path, struct image *image, int depth)
{
    union head head;
    struct stat status;
    char interpreter[PROBE_SCRIPT_MAX], line[PROBE_SCRIPT_MAX];
    int file = open_image(at, path, image);
    if (file < 0)
        return;
    long got = kernel_read_at(file, &head, sizeof head, 0);
    int known = kernel_stat_of(file, &status) == 0 && S_ISREG(status.st_mode);
    int script = known && got > 2 && head.text[0] == '#' && head.text[1] == '!';
    if (!known)
        image->error = EACCES;
    else if (script)
        read_script(head.text, got, line, interpreter);
    else if (is_privileged(file, &status))
        image->reason = PROBE_PRIVILEGED;
    else if (got > (long)sizeof head.elf && bytes_equal(head.text, ELFMAG, SELFMAG))
        look_at_elf(file, &head, got, path, image);
    else
        image->enters = 1; /* no program of the kernel's: a shell takes it, or nobody */
    if (path[0])
        kernel_close(file);
    if (!script)
        return;
    if (!depth)
        text_append(image->script, image->script + PROBE_SCRIPT_MAX, line);
    if (depth < SCRIPTS_MOST && interpreter[0])
        look(AT_FDCWD, interpreter, image, depth + 1);
}

void image_clear(struct image *image)
{
    image->error = image->enters = image->preload = image->narrow = 0;
    image->reason = 0;
    image->watch = -1;
    image->script[0] = 0;
}

void image_look(int at, const char *path, struct image *image)
{
    image_clear(image);
    look(at, path, image, 0);
}
