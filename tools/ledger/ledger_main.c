
/*
 * Copyright (C) The ngx_soma authors
 *
 * The command line.
 */


#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "ledger.h"
#include "soma_aggregate.h"


#define LEDGER_VERSION  "1"
#define LEDGER_WAIT_MAX 3600        /* s */


typedef struct {
    const char  *name;
    int        (*run)(const ledger_opt_t *opt);
    const char  *options;           /* names, a space behind each */
    unsigned     redis:1;           /* --redis must be there */
} ledger_command_t;


typedef struct ledger_block_s  ledger_block_t;

struct ledger_block_s {
    _Alignas(max_align_t) ledger_block_t  *next;
};


static void *ledger_arena_alloc(void *data, size_t size);
static void ledger_arena_free(void);
static int ledger_option(const ledger_command_t *command, ledger_opt_t *opt,
    const char *arg);
static int ledger_value(ledger_opt_t *opt, soma_str_t name, char *value);
static int ledger_seconds(const char *name, const char *value, int64_t max,
    int64_t *n);
static int ledger_writer(ledger_opt_t *opt, soma_str_t value);
static void ledger_sigbus(int signo);


static const char  ledger_help[] =
    "usage: soma-ledger COMMAND [OPTIONS] DIR...\n"
    "\n"
    "Reads the journals of ngx_soma (the directories of soma_ledger, or\n"
    "single segment files), also while a gateway writes to them.\n"
    "\n"
    "  verify DIR...             are the segments whole?  counts and sums\n"
    "      --verbose             a line for every segment\n"
    "  dump DIR...               the records\n"
    "      --format=jsonl|csv    JSON lines (default), or CSV with a head\n"
    "  replay DIR... --redis=URL sends to Redis what it does not have; of a\n"
    "                            single segment also those before it\n"
    "      --events=N            records kept in a tenant's stream [1000000]\n"
    "      --force               also where Redis may have them already\n"
    "  reconcile DIR... --redis=URL   compares the journals with Redis\n"
    "      --wait=SECONDS        for records that are not shipped yet [0]\n"
    "\n"
    "  --tenant=NAME  --day=YYYY-MM-DD (of arrival, UTC)  --writer=ID\n"
    "                            these only (--day: not for replay, --writer:\n"
    "                            not for reconcile)\n"
    "  --timeout=SECONDS         of Redis [5]\n"
    "  --help  --version\n"
    "\n"
    "URL: redis://[user[:password]@]host[:port][/db], unix:/path[?db=N],\n"
    "redis-cluster://[user:password@]host[:port],...  or\n"
    "redis-sentinel://[user:password@]host[:port],.../master[/db].\n"
    "A password is better put into the environment: SOMA_REDIS_PASSWORD.\n"
    "\n"
    "Exit status: 0 all is well, 1 the journal is damaged or the books do not\n"
    "balance, 2 it could not be found out.\n";


static const ledger_command_t  ledger_commands[] = {
    { "verify", ledger_verify, "verbose writer ", 0 },
    { "dump", ledger_dump, "format tenant day writer ", 0 },
    { "replay", ledger_replay, "redis tenant writer events force timeout ",
      1 },
    { "reconcile", ledger_reconcile, "redis tenant day wait timeout ", 1 }
};


#define LEDGER_COMMANDS                                                       \
    (sizeof(ledger_commands) / sizeof(ledger_commands[0]))


static ledger_block_t  *ledger_blocks;

soma_arena_t  ledger_arena = { ledger_arena_alloc, NULL };


int
ledger_error(const char *fmt, ...)
{
    va_list  args;

    (void) fflush(stdout);

    fprintf(stderr, "soma-ledger: ");
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "\n");

    return LEDGER_TROUBLE;
}


void *
ledger_alloc(void *p, size_t size)
{
    p = realloc(p, size ? size : 1);

    if (p == NULL) {
        exit(ledger_error("there is no memory for %zu bytes", size));
    }

    return p;
}


static void *
ledger_arena_alloc(void *data, size_t size)
{
    ledger_block_t  *block;

    (void) data;

    block = ledger_alloc(NULL, sizeof(ledger_block_t) + size);
    block->next = ledger_blocks;
    ledger_blocks = block;

    return block + 1;
}


static void
ledger_arena_free(void)
{
    ledger_block_t  *block;

    while (ledger_blocks) {
        block = ledger_blocks;
        ledger_blocks = block->next;
        free(block);
    }
}


void
ledger_put_name(FILE *out, soma_str_t name)
{
    size_t         i;
    soma_out_t     json;
    unsigned char  buf[6 * SOMA_RECORD_STR_MAX + 2];

    for (i = 0; i < name.len; i++) {
        if (name.data[i] <= 0x20 || name.data[i] == 0x7f
            || name.data[i] == '"' || name.data[i] == '\\')
        {
            break;
        }
    }

    if (i == name.len && i != 0) {
        (void) fwrite(name.data, 1, name.len, out);
        return;
    }

    soma_put_init(&json, buf, sizeof(buf));
    soma_put_json_str(&json, name);
    (void) fwrite(buf, 1, (size_t) (json.pos - buf), out);
}


void
ledger_put_day(FILE *out, int32_t day)
{
    soma_out_t     text;
    unsigned char  buf[16];

    soma_put_init(&text, buf, sizeof(buf));
    soma_put_day(&text, soma_aggregate_day_to_ms(day));
    (void) fwrite(buf, 1, (size_t) (text.pos - buf), out);
}


static int
ledger_seconds(const char *name, const char *value, int64_t max, int64_t *n)
{
    soma_str_t  s;

    s.data = (unsigned char *) value;
    s.len = strlen(value);

    if (soma_number_int(s, n) != SOMA_OK || *n > max) {
        return ledger_error("--%s=%s: a number from 0 to %lld is wanted",
                            name, value, (long long) max);
    }

    return LEDGER_OK;
}


static int
ledger_writer(ledger_opt_t *opt, soma_str_t value)
{
    unsigned char  id[SOMA_WRITER_LEN / 2];

    if (soma_str_hex(value, id, sizeof(id)) != SOMA_OK) {
        return ledger_error("--writer=%s: 16 hex digits are wanted",
                            (char *) value.data);
    }

    opt->writer = value;

    return LEDGER_OK;
}


static int
ledger_value(ledger_opt_t *opt, soma_str_t name, char *value)
{
    soma_str_t  s;

    s.data = (unsigned char *) value;
    s.len = strlen(value);

    if (soma_str_is(name, "redis")) {
        opt->redis = value;

    } else if (soma_str_is(name, "tenant")) {
        opt->tenant = s;

    } else if (soma_str_is(name, "writer")) {
        return ledger_writer(opt, s);

    } else if (soma_str_is(name, "day")) {

        if (soma_aggregate_day_parse(s, &opt->day) != SOMA_OK) {
            return ledger_error("--day=%s: there is no such day; it is "
                                "written YYYY-MM-DD", value);
        }

        opt->has_day = 1;

    } else if (soma_str_is(name, "format")) {

        if (strcmp(value, "jsonl") != 0 && strcmp(value, "csv") != 0) {
            return ledger_error("--format=%s: there are jsonl and csv",
                                value);
        }

        opt->format = value[0] == 'c' ? LEDGER_CSV : LEDGER_JSONL;

    } else if (soma_str_is(name, "wait")) {
        return ledger_seconds("wait", value, LEDGER_WAIT_MAX, &opt->wait);

    } else if (soma_str_is(name, "events")) {
        return ledger_seconds("events", value, INT32_MAX, &opt->events);

    } else if (soma_str_is(name, "timeout")) {
        return ledger_seconds("timeout", value, LEDGER_WAIT_MAX,
                              &opt->timeout);
    }

    return LEDGER_OK;
}


/* SOMA_DECLINED: it wants its value from the next word */
static int
ledger_option(const ledger_command_t *command, ledger_opt_t *opt,
    const char *arg)
{
    char        *value;
    soma_str_t   name, word, list;

    name.data = (unsigned char *) arg + 2;
    name.len = strcspn(arg + 2, "=");
    value = arg[2 + name.len] ? (char *) arg + 3 + name.len : NULL;

    list.data = (unsigned char *) command->options;
    list.len = strlen(command->options);

    while (soma_str_word(&list, &word)) {

        if (!soma_str_eq(word, name)) {
            continue;
        }

        if (soma_str_is(name, "force") || soma_str_is(name, "verbose")) {

            if (value != NULL) {
                return ledger_error("--%.*s takes no value", (int) name.len,
                                    name.data);
            }

            opt->force |= name.data[0] == 'f';
            opt->verbose |= name.data[0] == 'v';

            return LEDGER_OK;
        }

        if (value == NULL) {
            return SOMA_DECLINED;
        }

        if (value[0] == '\0') {
            return ledger_error("--%.*s wants a value", (int) name.len,
                                name.data);
        }

        return ledger_value(opt, name, value);
    }

    return ledger_error("%s has no option \"%.*s\"; see soma-ledger --help",
                        command->name, (int) name.len + 2, arg);
}


/* a file that is mapped was cut by somebody, or its disk gave an error */
static void
ledger_sigbus(int signo)
{
    static const char  text[] =
        "soma-ledger: a file became shorter, or unreadable, while it was "
        "read\n";

    ssize_t  n;

    (void) signo;

    n = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void) n;

    _exit(LEDGER_TROUBLE);
}


static int
ledger_args(const ledger_command_t *command, ledger_opt_t *opt, int argc,
    char **argv)
{
    int          i, rc;
    soma_str_t   name;
    const char  *word;

    for (i = 2; i < argc; i++) {

        if (strncmp(argv[i], "--", 2) != 0) {

            if (opt->npaths == LEDGER_PATHS_MAX) {
                return ledger_error("more than %d paths", LEDGER_PATHS_MAX);
            }

            opt->paths[opt->npaths++] = argv[i];
            continue;
        }

        word = argv[i];
        rc = ledger_option(command, opt, word);

        if (rc == SOMA_DECLINED) {

            if (i + 1 == argc || argv[i + 1][0] == '\0') {
                return ledger_error("%s wants a value", word);
            }

            name.data = (unsigned char *) word + 2;
            name.len = strlen(word + 2);
            rc = ledger_value(opt, name, argv[++i]);
        }

        if (rc != LEDGER_OK) {
            return rc;
        }
    }

    if (opt->npaths == 0) {
        return ledger_error("%s: which directories?  See soma-ledger --help",
                            command->name);
    }

    if (command->redis && opt->redis == NULL) {
        return ledger_error("%s: which Redis?  --redis=URL says",
                            command->name);
    }

    return LEDGER_OK;
}


int
main(int argc, char **argv)
{
    int                  rc;
    size_t               i;
    static ledger_opt_t  opt;

    opt.events = LEDGER_EVENTS;
    opt.timeout = LEDGER_TIMEOUT;

    if (argc < 2) {
        fputs(ledger_help, stderr);
        return LEDGER_TROUBLE;
    }

    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        fputs(ledger_help, stdout);
        return LEDGER_OK;
    }

    if (strcmp(argv[1], "--version") == 0) {
        printf("soma-ledger %s (journal version %d)\n", LEDGER_VERSION,
               SOMA_SEGMENT_VERSION);
        return LEDGER_OK;
    }

    for (i = 0; i < LEDGER_COMMANDS; i++) {

        if (strcmp(argv[1], ledger_commands[i].name) != 0) {
            continue;
        }

        if (argc == 3 && strcmp(argv[2], "--help") == 0) {
            fputs(ledger_help, stdout);
            return LEDGER_OK;
        }

        (void) signal(SIGBUS, ledger_sigbus);
        (void) signal(SIGPIPE, SIG_IGN);

        rc = ledger_args(&ledger_commands[i], &opt, argc, argv);

        if (rc == LEDGER_OK) {
            rc = ledger_commands[i].run(&opt);
            ledger_arena_free();
        }

        if (fflush(stdout) != 0 || ferror(stdout)) {
            return ledger_error("cannot write: %s", strerror(errno));
        }

        return rc;
    }

    return ledger_error("there is no command \"%s\": there are verify, dump, "
                        "replay and reconcile", argv[1]);
}
