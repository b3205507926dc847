// SPDX-License-Identifier: GPL-2.0-or-later
// use_memory KIND AMOUNT [KIND AMOUNT]...: makes the guest's memory look used, in the order of the arguments. Ends when
// all of it is as asked for; a child lives on and holds it. Every page of users' memory begins with "use_memory KIND "
// and its number.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kMib = 1 << 20, kSoftOffline = 101 /* MADV_SOFT_OFFLINE */ };

static size_t page_size;
static size_t huge_page_size;

static void Fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, ": %s\n", strerror(errno));
  exit(1);
}

// Letters that do not repeat, which shrink to about half; text alone would shrink to nothing.
static void FillPage(char* page, const char* kind, size_t number) {
  uint64_t state = number * 0x9e3779b97f4a7c15 + 1;
  for (size_t i = 0; i < page_size; i += 8) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    const uint64_t letters = (state & 0x0f0f0f0f0f0f0f0f) | 0x4040404040404040;
    memcpy(page + i, &letters, 8);
  }
  const int length = snprintf(page, page_size, "use_memory %s %08zu\n", kind, number);
  page[length] = '@';
}

static void Fill(char* memory, size_t length, const char* kind) {
  for (size_t offset = 0; offset < length; offset += page_size) FillPage(memory + offset, kind, offset / page_size);
}

// Never to be unmapped. Aligned to huge pages, and made of small ones until the caller says otherwise.
static char* Map(size_t length, int flags) {
  char* memory =
      mmap(NULL, length + huge_page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  if (memory == MAP_FAILED) Fail("mmap of %zu bytes", length);
  memory += -(uintptr_t)memory % huge_page_size;
  if (madvise(memory, length, MADV_NOHUGEPAGE) != 0) Fail("MADV_NOHUGEPAGE");
  return memory;
}

static void Advise(char* memory, size_t length, int advice, const char* name) {
  if (madvise(memory, length, advice) != 0) Fail("madvise %s", name);
}

static int64_t ReadNumber(const char* path) {
  FILE* file = fopen(path, "r");
  long long number = 0;
  if (file == NULL || fscanf(file, "%lld", &number) != 1) Fail("%s", path);
  fclose(file);
  return number;
}

static void WriteNumber(const char* path, int number) {
  FILE* file = fopen(path, "w");
  if (file == NULL || fprintf(file, "%d", number) < 0 || fclose(file) != 0) Fail("%s", path);
}

static int WriteFile(const char* path, size_t length, const char* kind) {
  char* page = malloc(page_size);
  if (page == NULL) Fail("malloc");
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) Fail("%s", path);
  for (size_t number = 0; number < length / page_size; ++number) {
    FillPage(page, kind, number);
    if (write(fd, page, page_size) != (ssize_t)page_size) Fail("writing %s", path);
  }
  free(page);
  return fd;
}

static void UseAnonymous(size_t mib) { Fill(Map(mib * kMib, 0), mib * kMib, "anonymous"); }

static void UseHuge(size_t mib) {
  char* memory = Map(mib * kMib, 0);
  Advise(memory, mib * kMib, MADV_HUGEPAGE, "HUGEPAGE");
  Fill(memory, mib * kMib, "huge");
}

static void UseLocked(size_t mib) {
  char* memory = Map(mib * kMib, 0);
  Fill(memory, mib * kMib, "locked");
  if (mlock(memory, mib * kMib) != 0) Fail("mlock");
}

// Half of what has been swapped out is read again: that half is in memory and in the swap as well, in the swap cache.
static void UseSwapped(size_t mib) {
  char* memory = Map(mib * kMib, 0);
  Fill(memory, mib * kMib, "swapped");
  Advise(memory, mib * kMib, MADV_PAGEOUT, "PAGEOUT");
  for (size_t offset = 0; offset < mib * kMib / 2; offset += page_size) (void)*(volatile char*)(memory + offset);
}

// Different pages, each of which KSM finds 16 times.
static void UseMerged(size_t mib) {
  char* memory = Map(mib * kMib, 0);
  const size_t different = mib * kMib / page_size / 16;
  for (size_t offset = 0; offset < mib * kMib; offset += page_size)
    FillPage(memory + offset, "merged", offset / page_size % different);
  Advise(memory, mib * kMib, MADV_MERGEABLE, "MERGEABLE");
  WriteNumber("/sys/kernel/mm/ksm/pages_to_scan", 10000);
  WriteNumber("/sys/kernel/mm/ksm/run", 1);
  for (int i = 0; ReadNumber("/sys/kernel/mm/ksm/pages_sharing") < (int64_t)(mib * kMib / page_size / 2); ++i) {
    if (i == 300) Fail("KSM merged only %lld pages", (long long)ReadNumber("/sys/kernel/mm/ksm/pages_sharing"));
    usleep(100000);
  }
  WriteNumber("/sys/kernel/mm/ksm/run", 0);
}

// Explicit huge pages: as many stay unused in the pool.
static void UseHugetlb(size_t mib) {
  WriteNumber("/proc/sys/vm/nr_hugepages", (int)(2 * mib * kMib / huge_page_size));
  char* memory = mmap(NULL, mib * kMib, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
  if (memory == MAP_FAILED) Fail("mmap of %zu MiB of huge pages", mib);
  Fill(memory, mib * kMib, "hugetlb");
}

// Huge pages of 1 GiB, which must have been reserved at boot. Only one page in 128 MiB, a section, has anything in it.
static void UseGigantic(size_t count) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | 30 << MAP_HUGE_SHIFT;
  char* memory = mmap(NULL, count << 30, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (memory == MAP_FAILED) Fail("mmap of %zu GiB of huge pages", count);
  for (size_t offset = 0; offset < count << 30; offset += 128 * kMib)
    FillPage(memory + offset, "gigantic", offset / page_size);
}

static void UseHugeShared(size_t mib) { close(WriteFile("/huge/shared", mib * kMib, "hugeshared")); }

static void UseShared(size_t mib) { close(WriteFile("/dev/shm/shared", mib * kMib, "shared")); }

// On ext4: pages with private data (buffer heads), dirty and clean ones.
static void UseDirty(size_t mib) { close(WriteFile("/var/tmp/dirty", mib * kMib, "dirty")); }

static void UseFlushed(size_t mib) {
  const int fd = WriteFile("/var/tmp/flushed", mib * kMib, "flushed");
  if (fsync(fd) != 0) Fail("fsync");
  close(fd);
}

static void IgnoreSignal(int number) { (void)number; }

// Pages that the kernel was told are bad: half of them are taken from this process at once, the others replaced.
static void UsePoisoned(size_t pages) {
  char* memory = Map(pages * page_size, 0);
  Fill(memory, pages * page_size, "poisoned");
  // From Linux 6.11 on, whoever has a page poisoned is told as if it had read it; SIG_IGN does not help against that.
  signal(SIGBUS, IgnoreSignal);
  for (size_t i = 0; i < pages; ++i) {
    if (i % 2 == 0) Advise(memory + i * page_size, page_size, MADV_HWPOISON, "HWPOISON");
    if (i % 2 == 1) Advise(memory + i * page_size, page_size, kSoftOffline, "SOFT_OFFLINE");
  }
}

// Slab objects: inodes, dentries and what belongs to them.
static void UseObjects(size_t count) {
  if (mkdir("/dev/shm/objects", 0700) != 0 || chdir("/dev/shm/objects") != 0) Fail("/dev/shm/objects");
  for (size_t i = 0; i < count; ++i) {
    char name[64];
    snprintf(name, sizeof(name), "a-name-that-is-too-long-to-be-in-the-dentry-%08zu", i);
    const int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0) Fail("%s", name);
    close(fd);
  }
}

static void UseFreed(size_t mib) {
  const pid_t child = fork();
  if (child == 0) {
    Fill(Map(mib * kMib, 0), mib * kMib, "freed");
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
    Fail("the child that frees memory ended with %d", status);
}

static const struct {
  const char* name;
  void (*use)(size_t amount);
} kKinds[] = {
    {"anonymous", UseAnonymous}, {"huge", UseHuge},         {"locked", UseLocked},     {"swapped", UseSwapped},
    {"merged", UseMerged},       {"hugetlb", UseHugetlb},   {"gigantic", UseGigantic}, {"hugeshared", UseHugeShared},
    {"shared", UseShared},       {"dirty", UseDirty},       {"flushed", UseFlushed},   {"freed", UseFreed},
    {"objects", UseObjects},     {"poisoned", UsePoisoned},
};

static void Use(const char* kind, size_t amount) {
  for (size_t i = 0; i < sizeof(kKinds) / sizeof(kKinds[0]); ++i) {
    if (strcmp(kind, kKinds[i].name) == 0) {
      kKinds[i].use(amount);
      return;
    }
  }
  errno = EINVAL;
  Fail("kind %s", kind);
}

int main(int argc, char** argv) {
  int ready[2];
  if (argc < 3 || argc % 2 == 0) {
    fprintf(stderr, "usage: use_memory KIND AMOUNT [KIND AMOUNT]...\n");
    return 2;
  }
  page_size = (size_t)sysconf(_SC_PAGESIZE);
  // That of what is reserved is the same.
  huge_page_size = (size_t)ReadNumber("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size");
  if (pipe(ready) != 0) Fail("pipe");
  const pid_t child = fork();
  if (child < 0) Fail("fork");
  if (child == 0) {
    close(ready[0]);
    setsid();
    WriteNumber("/proc/self/oom_score_adj", -1000);
    for (int i = 1; i < argc; i += 2) Use(argv[i], strtoul(argv[i + 1], NULL, 10));
    if (write(ready[1], "", 1) != 1) Fail("pipe");
    for (;;) pause();
  }
  close(ready[1]);
  char byte;
  if (read(ready[0], &byte, 1) != 1) {
    int status = 0;
    waitpid(child, &status, 0);
    fprintf(stderr, "use_memory: not all of it (status %d)\n", status);
    return 1;
  }
  return 0;
}
