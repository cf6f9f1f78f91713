/*
 * Is killed. `victim MODE PAGE [COUNT]` makes calls on files whose names tell slot and number,
 * COUNT in all (default: until it is killed), each between its marks (acknowledged.h).
 *
 * With STEPPED set it says "now" by SIGUSR2 to whoever traces it, then makes a few calls and ends.
 */
#include "acknowledged.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

static struct acknowledged *page;
static unsigned long most = ~0ul;
static int stepped;

static void now(void)
{
    if (stepped)
        raise(SIGUSR2);
}

static void open_one(unsigned number, unsigned long i, const char *tail)
{
    char name[512];
    snprintf(name, sizeof name, "open-%u-%lu%s", number, i, tail);
    MARKED(&page->slots[number], open(name, O_RDONLY));
}

static void open_all(unsigned number, const char *tail)
{
    now();
    for (unsigned long i = 0; i < most; i++)
        open_one(number, i, tail);
}

static void plain(void) { open_all(acknowledged_slot(page), ""); }

/* Long names, so that blocks and segments follow each other quickly. */
static void lengthy(void)
{
    char tail[241];
    memset(tail, 'x', sizeof tail - 1);
    tail[sizeof tail - 1] = 0;
    open_all(acknowledged_slot(page), tail);
}

/* The same name again and again: one frame, counted. */
static void folds(void)
{
    unsigned number = acknowledged_slot(page);
    char name[64];
    snprintf(name, sizeof name, "fold-%u", number);
    now();
    for (unsigned long i = 0; i < most; i++)
        MARKED(&page->slots[number], open(name, O_RDONLY));
}

/* Three calls a round: made, closed, removed. */
static void writes(void)
{
    unsigned number = acknowledged_slot(page);
    struct slot *slot = &page->slots[number];
    now();
    for (unsigned long i = 0; i < most; i++) {
        char name[64];
        int file;
        snprintf(name, sizeof name, "write-%u-%lu", number, i);
        MARKED(slot, file = open(name, O_CREAT | O_WRONLY, 0600));
        MARKED(slot, close(file));
        MARKED(slot, unlink(name));
    }
}

static void *one_thread(void *unused)
{
    plain();
    return unused;
}

static void threads(void)
{
    pthread_t all[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&all[i], NULL, one_thread, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(all[i], NULL);
}

static void forks(void)
{
    unsigned number = acknowledged_slot(page);
    int stop = stepped;
    stepped = 0;
    for (unsigned long i = 0; i < most; i++) {
        pid_t child = fork();
        if (child == 0) {
            unsigned its = acknowledged_slot(page);
            stepped = stop;
            now();
            for (unsigned long k = 0; k < (stop ? 1 : 20); k++)
                open_one(its, k, "");
            _exit(0);
        }
        open_one(number, i, "");
        if (i % 4 == 3 || stop)
            while (waitpid(-1, NULL, 0) > 0)
                ;
    }
}

/*
 * The child borrows the parent's memory: killed in the middle of a note, it leaves that to the parent, who
 * goes on in the same block, and looks the same name up again.
 */
static void vforks(void)
{
    unsigned number = acknowledged_slot(page), its = acknowledged_slot(page);
    char name[64];
    snprintf(name, sizeof name, "fold-%u", its);
    open_one(number, 0, "");
    pid_t child = vfork();
    if (child == 0) {
        now();
        MARKED(&page->slots[its], access(name, F_OK));
        _exit(0);
    }
    waitpid(child, NULL, 0);
    MARKED(&page->slots[its], access(name, F_OK));
    for (unsigned long i = 1; i < 10; i++)
        open_one(number, i, "");
}

static void execs(char **arguments)
{
    unsigned number = acknowledged_slot(page);
    for (unsigned long i = 0; i < 20; i++)
        open_one(number, i, "");
    now();
    execv("/proc/self/exe", arguments);
}

int main(int count, char **arguments)
{
    const char *mode = count > 2 ? arguments[1] : "";
    if (count < 3)
        return 2;
    page = acknowledged_map(arguments[2]);
    if (count > 3)
        most = strtoul(arguments[3], NULL, 10);
    stepped = getenv("STEPPED") != NULL;
    static const struct {
        const char *name;
        void (*run)(void);
    } modes[] = {{"plain", plain}, {"lengthy", lengthy}, {"folds", folds}, {"writes", writes},
                 {"threads", threads}, {"forks", forks}, {"vforks", vforks}};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (strcmp(mode, modes[i].name) == 0)
            return modes[i].run(), 0;
    if (strcmp(mode, "execs") == 0)
        execs(arguments);
    return 3;
}
